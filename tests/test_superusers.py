"""The last active superuser is never scrubbed or erased without a word."""

import json
import re
import subprocess
import sys
from io import StringIO
from unittest import mock

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import OperationalError
from django.db.models import Q

from gdpr_assist import Subject
from gdpr_assist.contrib.auth import UserPrivacy
from gdpr_assist.planning import superusers
from gdpr_assist.planning.plans import plan
from gdpr_assist.planning.superusers import is_among, staff_among, takes_last_superuser, with_superuser
from tests.admin.conftest import TOOL
from tests.admin.pages import confirm, obj_pk, said, send
from tests.apps.shop.models import Customer
from tests.databases import untouched
from tests.observing import changed, queries, row

pytestmark = pytest.mark.django_db(transaction=True)

WORDS = "default: no active superuser (auth.User) would be left: nobody could log in who may do everything."
WORD = "no active superuser"
REFUSAL = f"{WORDS} Nothing was changed. If that is meant, say --last-superuser"


@pytest.fixture
def people():
    """Declare accounts as the ready declaration does."""
    attributes = {name: value for name, value in vars(UserPrivacy).items() if not name.startswith("_")}
    with changed(User, **attributes):
        yield


@pytest.fixture
def boss(db):
    return User.objects.create_superuser("boss", "boss@quill.example")


@pytest.fixture
def copy(settings):
    settings.GDPR_CAN_ANONYMISE_DATABASE = True


def run(command, *args, answer=None):
    out, err = StringIO(), StringIO()
    with mock.patch("builtins.input", side_effect=[answer] if answer else EOFError):
        call_command(command, *map(str, args), stdout=out, stderr=err)
    return out.getvalue()


def scrub(*args, **kwargs):
    return run("anonymise_db", "--model=auth.User", "--database=default", "--no-compact", *args, **kwargs)


def takes(*users):
    return takes_last_superuser(plan(User.objects.filter(pk__in=[each.pk for each in users])))


class TestWhichIsTheLast:
    def test_one_is_taken_and_none_is_left(self, people, boss):
        other = User.objects.create_user("ada")
        assert takes(boss, other)
        assert not takes(other)
        second = User.objects.create_superuser("second")
        assert not takes(boss, other)
        assert takes(boss, second)

    @pytest.mark.parametrize("attributes", [{"is_active": False}, {"is_superuser": False}])
    def test_one_that_cannot_do_everything_is_none(self, people, boss, attributes):
        second = User.objects.create_superuser("second")
        User.objects.filter(pk=second.pk).update(**attributes)
        assert takes(boss)
        assert not takes(second)
        User.objects.filter(pk=boss.pk).update(is_active=False)
        assert not takes(boss, second)

    def test_one_that_is_anonymised_is_none(self, boss):
        second = User.objects.create_superuser("second")
        second.anonymise()
        assert takes(boss)
        boss.anonymise()
        assert not takes(boss)

    def test_it_asks_once_and_only_where_it_matters(self, people, boss):
        rows, customers = User.objects.all(), Customer.objects.all()
        takes(boss)
        assert len(queries(lambda: takes_last_superuser(plan(rows)))) == 1
        assert queries(lambda: takes_last_superuser(plan(customers))) == []
        with changed(User, fields=["first_name", "email"]):
            assert queries(lambda: takes_last_superuser(plan(rows))) == []
            assert not takes(boss)

    @pytest.mark.parametrize("column", ["is_superuser", "is_active", "password", "username"])
    def test_each_column_that_makes_one(self, boss, column):
        with changed(User, fields=[column], keep=[]):
            assert takes(boss)

    def test_on_its_own_database(self, people, boss):
        there = User.objects.db_manager("other").create_superuser("boss")
        assert takes_last_superuser(plan(User.objects.using("other")))
        User.objects.db_manager("other").create_superuser("second")
        assert not takes_last_superuser(plan(User.objects.using("other").filter(pk=there.pk)))


@pytest.mark.usefixtures("copy")
class TestScrub:
    def test_the_plan_says_it_in_a_line_of_its_own(self, boss):
        assert WORDS in scrub("--dry-run").splitlines()

    def test_without_a_question_it_refuses_and_says_the_cure(self, boss):
        with untouched(), pytest.raises(CommandError) as caught:
            scrub("--noinput")
        assert str(caught.value).startswith(REFUSAL)
        assert "PrivacyMeta.scrub" in str(caught.value)
        scrub("--noinput", "--last-superuser")
        assert row(boss)["username"] != "boss"

    def test_with_a_question_it_says_so_and_asks(self, boss):
        with untouched(), pytest.raises(CommandError, match="Cancelled"):
            scrub(answer="no")
        assert WORDS in scrub("-v0", answer="yes")
        assert row(boss)["username"] != "boss"

    def test_one_that_is_left_ends_it(self, boss):
        with changed(User, scrub=~Q(is_superuser=True)):
            assert WORD not in scrub("--noinput")
        assert row(boss)["username"] == "boss"

    def test_a_second_run_has_nobody_to_speak_of(self, boss):
        scrub("--noinput", "--last-superuser")
        assert WORD not in scrub("--noinput")


class TestPerson:
    def test_the_preview_and_the_result_say_it_and_code_is_not_refused(self, people, boss):
        assert Subject(boss).preview().splitlines()[-1] == WORDS
        result = Subject(boss).erase()
        assert result.without_superuser == ["default"]
        assert "default: no active superuser is left; make one with createsuperuser" in result.lines()
        assert not User.objects.filter(is_superuser=True).exists()

    def test_of_anybody_else_there_is_no_word(self, people, boss):
        ada = User.objects.create_user("ada")
        assert WORD not in Subject(ada).preview()
        assert Subject(ada).erase().without_superuser == []

    @pytest.mark.parametrize("goes", [{"on_erasure": "delete"}, {}])
    def test_one_that_is_deleted(self, people, boss, goes):
        with changed(User, **goes):
            if goes:
                assert Subject(boss).preview().splitlines()[-1] == WORDS
                result = Subject(boss).erase()
            else:
                result = Subject(boss).delete()
        assert result.without_superuser == ["default"]
        assert not User.objects.exists()

    @pytest.mark.parametrize("how", [["--noinput"], ["--json", "--noinput"]])
    def test_the_command_refuses_without_having_asked(self, people, boss, how):
        with untouched(), pytest.raises(CommandError, match=r"would be left.*--last-superuser"):
            run("gdpr_subject", "erase", "auth.User", boss.pk, *how, answer="yes")

    def test_the_command_asks_or_is_told(self, people, boss):
        with untouched(), pytest.raises(CommandError, match="Cancelled"):
            run("gdpr_subject", "erase", "auth.User", boss.pk, answer="no")
        preview = json.loads(run("gdpr_subject", "preview", "auth.User", boss.pk, "--json"))
        assert preview["without_superuser"] == ["default"]
        assert WORDS in run("gdpr_subject", "erase", "auth.User", boss.pk, answer="yes")
        second = User.objects.create_superuser("second")
        printed = run("gdpr_subject", "erase", "auth.User", second.pk, "--json", "--noinput", "--last-superuser")
        assert json.loads(printed)["without_superuser"] == ["default"]


@pytest.mark.usefixtures("people")
class TestAgain:
    """An account that was erased, and has its flags again, as the only one."""

    WAYS = [["--fix"], ["--fix", "--person", "auth.User", 1]]

    @pytest.fixture
    def back(self, boss):
        Subject(boss).erase()
        User.objects.filter(pk=boss.pk).update(is_superuser=True, is_active=True, email="new@quill.example")
        return boss

    def verify(self, how, boss, *options, **kwargs):
        args = [boss.pk if each == 1 else each for each in how]
        return run("gdpr_verify", *args, *([] if "--person" in args else ["--model=auth.User"]), *options, **kwargs)

    @pytest.mark.parametrize("how", WAYS)
    def test_without_a_question_it_refuses_and_says_the_cure(self, back, how):
        with untouched(), pytest.raises(CommandError, match=re.escape(REFUSAL)):
            self.verify(how, back, "--noinput")

    @pytest.mark.parametrize("how", WAYS)
    def test_it_asks_or_is_told(self, back, how, capsys):
        with untouched(), pytest.raises(CommandError, match="Cancelled"):
            self.verify(how, back, answer="no")
        self.verify(how, back, "--noinput", "--last-superuser")
        assert not row(back)["is_superuser"]

    @pytest.mark.parametrize("how", WAYS)
    def test_of_one_of_two_there_is_no_word(self, back, how):
        User.objects.create_superuser("second")
        self.verify(how, back, "--noinput")
        assert not row(back)["is_superuser"]


@pytest.mark.usefixtures("people")
class TestAdmin:
    @pytest.fixture
    def officer(self, client, settings, boss):
        """Whoever may do everything, and is the last one."""
        settings.ROOT_URLCONF = "tests.admin.urls"
        client.force_login(boss)
        return client

    def selected(self, client, *users):
        data = {"action": "anonymise", "obj_pk": [obj_pk(each) for each in users]}
        return client.post(TOOL, data, follow=True)

    def test_the_tool_warns_and_wants_a_second_tick(self, officer, boss):
        page = self.selected(officer, boss)
        assert 'name="last_superuser"' in page.content.decode()
        with untouched():
            assert "This takes the last active superuser" in said(confirm(officer, page))[0]
        with untouched():
            assert "your own account" in said(confirm(officer, page, last_superuser="yes"))[-1]
        confirm(officer, page, last_superuser="yes", accounts="yes")
        assert not row(boss)["is_superuser"]

    def test_of_others_it_has_no_word(self, officer):
        ada = User.objects.create_user("ada")
        page = self.selected(officer, ada)
        assert "last_superuser" not in page.content.decode()
        confirm(officer, page)
        assert row(ada)["username"] != "ada"

    def test_the_page_of_the_person_does_too(self, officer, boss):
        page = officer.post(TOOL, {"person": f"default/{obj_pk(boss)}"}, follow=True)
        assert 'name="last_superuser"' in page.content.decode()
        erase = {"action": "erase"}
        with untouched():
            again = send(officer, page, "person-form", erase)
            assert "This takes the last active superuser" in said(again)[0]
        ticked = {**erase, "last_superuser": "yes"}
        with untouched():
            assert "your own account" in said(send(officer, again, "person-form", ticked))[-1]
        send(officer, again, "person-form", {**ticked, "accounts": "yes"})
        assert not row(boss)["is_superuser"]

    @pytest.mark.parametrize("is_staff", [True, False])
    def test_of_the_staff_it_wants_a_second_tick(self, officer, is_staff):
        ada = User.objects.create_user("ada", is_staff=is_staff)
        page = self.selected(officer, ada)
        assert ('name="accounts"' in page.content.decode()) is is_staff
        if is_staff:
            with untouched():
                assert "may log in here" in said(confirm(officer, page))[-1]
        confirm(officer, page, **({"accounts": "yes"} if is_staff else {}))
        assert row(ada)["username"] != "ada"


MODELS = """
from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.db import models

class Member(AbstractBaseUser, PermissionsMixin):
    nick = models.CharField(max_length=20, unique=True)
    USERNAME_FIELD = "nick"
    objects = BaseUserManager()
    class PrivacyMeta:
        fields = ["nick", "password"]
        keep = ["last_login", "is_superuser"]

class Trainer(Member):
    hall = models.CharField(max_length=20, blank=True)
"""

CASCADING = """
from django.contrib.auth.models import AbstractUser
from django.db import models

class Contact(models.Model):
    name = models.CharField(max_length=20)
    class PrivacyMeta:
        fields = ["name"]
        subject = "self"
        on_erasure = "delete"

class Member(AbstractUser):
    contact = models.ForeignKey(Contact, models.CASCADE, null=True)
"""

SITE = """
import sys
import django
from django.conf import settings
settings.configure(
    INSTALLED_APPS=[
        "gdpr_assist", "django.contrib.admin", "django.contrib.auth", "django.contrib.contenttypes",
        "django.contrib.messages", "django.contrib.sessions", "members",
    ],
    DATABASES={a: {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"} for a in ("default", "gdpr_log")},
    DATABASE_ROUTERS=["gdpr_assist.routers.EventLogRouter"], AUTH_USER_MODEL="members.Member",
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField", SECRET_KEY="for the tests",
)
django.setup()
from django.core.management import call_command
call_command("migrate", run_syncdb=True, verbosity=0)
"""

LAST = """
from members.models import Member, Trainer
from gdpr_assist.planning.plans import plan
from gdpr_assist.planning.superusers import takes_last_superuser
boss = Trainer.objects.create(nick="boss", is_superuser=True)
Member.objects.create(nick="ada")
for rows in (Member.objects.all(), Trainer.objects.all(), Member.objects.filter(nick="ada")):
    print(takes_last_superuser(plan(rows)))
"""


PAGES = """
from django.contrib import admin
from django.test import RequestFactory
from gdpr_assist import Subject
from gdpr_assist.admin.person import page_of
from members.models import Contact, Member
request = RequestFactory().post("/")
for name, flags in (("boss", ["is_superuser"]), ("clerk", ["is_staff"]), ("ann", [])):
    contact = Contact.objects.create(name=name)
    member = Member.objects.create(username=name, contact=contact, **dict.fromkeys(flags, True))
    request.user = getattr(request, "user", member)
    page = page_of(request, admin.site, Subject(contact))
    print(name, page.rows, page.last_superuser, page.is_herself, page.staff)
"""


def printed(directory, models, code):
    """Return what ``code`` prints on a site with these models, as lines."""
    (directory / "members").mkdir()
    (directory / "members/__init__.py").write_text("")
    (directory / "members/models.py").write_text(models)
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(directory)!r})\n{SITE}{code}"],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_a_user_model_of_ones_own(tmp_path):
    """It has no column is_active, and a multi-table child."""
    assert printed(tmp_path, MODELS, LAST) == ["True", "True", "False"]


def test_an_account_that_goes_by_cascade_wants_its_tick(tmp_path):
    """With a person who is deleted: {what the page counts as rows, then what it asks a tick for}."""
    assert printed(tmp_path, CASCADING, PAGES) == [
        "boss 2 True True 0",  # one tick for the last superuser, and one for the account of who asks
        "clerk 2 False False 1",
        "ann 2 False False 0",
    ]


@pytest.mark.django_db
def test_a_database_that_cannot_be_read_has_none_and_is_no_error(boss, monkeypatch):
    assert with_superuser(["default"]) == ["default"]
    monkeypatch.setattr(superusers, "has_table", mock.Mock(side_effect=[OperationalError("down"), True]))
    assert with_superuser(["other", "default"]) == ["default"]


# -- other accounts that matter ----------------------------------------------------------------


@pytest.mark.django_db
def test_accounts_of_the_staff_among_rows():
    boss, clerk, ann = (
        User.objects.create_user(name, is_staff=is_staff)
        for name, is_staff in (("boss", True), ("clerk", True), ("ann", False))
    )
    assert staff_among(User.objects.filter(pk__in=[boss.pk, ann.pk])) == 1
    assert staff_among(User.objects.filter(pk=ann.pk)) == 0
    assert staff_among(Customer.objects.all()) == 0
    assert is_among(clerk.pk, User.objects.all())
    assert not is_among(clerk.pk, User.objects.exclude(pk=clerk.pk))
    assert not is_among(clerk.pk, Customer.objects.all())
