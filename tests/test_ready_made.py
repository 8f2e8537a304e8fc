"""Ready declarations for models of other apps: taken by a setting, and replaced by what the site says itself."""

import importlib.util
from contextlib import contextmanager
from types import ModuleType

import pytest
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import Group, User
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.models import Session
from django.core.exceptions import ImproperlyConfigured

from gdpr_assist import Subject, ready_made, switches
from gdpr_assist.checks.declarations import check_E002
from gdpr_assist.contrib import sessions
from gdpr_assist.erasure import erase
from gdpr_assist.planning import plan
from gdpr_assist.ready_made import register_ready_made
from gdpr_assist.registry import registry

from .observing import changed, row
from .others.alone import run_alone

pytestmark = pytest.mark.django_db


@contextmanager
def taken(settings, names):
    """Take these declarations for the time of a block, as a site that declares nothing of accounts itself."""
    settings.GDPR_CONTRIB = names
    own = registry._registrations[User]
    registry._withdraw(User)
    before = set(registry.models)
    try:
        register_ready_made()
        yield
    finally:
        for model in set(registry.models) - before:
            registry.withdraw_ready_made(model)
        registry._add(User, own)


@pytest.fixture
def ready(settings):
    with taken(settings, ["auth", "admin", "sessions"]):
        yield


@pytest.fixture
def ada(db):
    user = User.objects.create_user("ada", "ada@quill.example", "secret", first_name="Ada", is_staff=True)
    user.groups.add(Group.objects.create(name="officers"))
    return user


def entry(about, by):
    kind = ContentType.objects.get_for_model(about)
    return LogEntry.objects.create(
        user=by, content_type=kind, object_id=str(about.pk), object_repr="ada", action_flag=CHANGE, change_message="x"
    )


def test_nothing_is_taken_unless_the_site_says_so(settings):
    assert settings.GDPR_CONTRIB == ()
    with taken(settings, ()):
        assert not {User, LogEntry, Session} & set(registry.models)


def test_all_that_is_installed_can_be_taken(settings):
    with taken(settings, "__all__"):
        assert {User, LogEntry, Session} <= set(registry.models)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["authh"], r"^GDPR_CONTRIB names authh, for which there are no declarations\. There are those for admin, "),
        (["axes"], r"^GDPR_CONTRIB takes what is declared for axes, which is not in INSTALLED_APPS\.$"),
        ("auth", r"^GDPR_CONTRIB is no list of apps with ready declarations\."),
        (7, r"^GDPR_CONTRIB is no list of apps with ready declarations\."),
    ],
)
def test_what_cannot_be_taken_is_an_error(settings, names, message):
    settings.GDPR_CONTRIB = names
    before = registry.models
    with pytest.raises(ImproperlyConfigured, match=message):
        register_ready_made()
    assert registry.models == before


def test_what_the_site_declares_takes_its_place(settings):
    class Own:
        fields = ["email"]

    with taken(settings, ["auth"]), registry.registered(User, Own):
        assert registry.declaration(User).fields == ("email",)
    with taken(settings, []), registry.registered(User, Own):
        settings.GDPR_CONTRIB = ["auth"]
        register_ready_made()
        assert registry.declaration(User).fields == ("email",)


@pytest.mark.usefixtures("ready")
def test_nobody_logs_in_as_an_erased_account_and_it_may_do_nothing(ada, client):
    client.force_login(ada)
    Subject(ada).erase()
    erased = User.objects.get(pk=ada.pk)
    assert not erased.has_usable_password()
    assert (erased.is_active, erased.is_staff, erased.is_superuser) == (False, False, False)
    assert (erased.email, erased.first_name, erased.username) != ("ada@quill.example", "Ada", "ada")
    assert list(erased.groups.all()) == []
    assert Group.objects.count() == 1
    assert not client.login(username="ada", password="secret")
    assert client.get("/admin/").status_code == 302


@pytest.mark.usefixtures("ready")
def test_the_log_of_the_admin_keeps_no_text_of_an_erased_row(ada):
    other = User.objects.create_user("bob")
    about, others = entry(ada, by=other), entry(other, by=ada)
    result = ada.anonymise()
    assert (row(about)["object_repr"], row(about)["change_message"]) == (str(about.pk), "")
    assert (row(others)["object_repr"], row(others)["change_message"]) == ("ada", "x")
    assert result.copies == {"admin.LogEntry": 1}


@pytest.mark.usefixtures("ready")
def test_the_entry_that_says_who_erased_stays(ada):
    officer = User.objects.create_user("officer")
    erase([plan(User.objects.filter(pk=ada.pk))], by=officer)
    entry = LogEntry.objects.get(user=officer)
    assert "operation" in entry.change_message
    ada.delete()
    assert row(entry)["user_id"] == officer.pk


def test_what_cannot_be_cleared_is_an_error(settings):
    with taken(settings, ["auth"]), changed(User, clear=["email"]):
        (found,) = [each for each in check_E002() if each.obj is User]
    assert found.msg == "auth.User: PrivacyMeta.clear names email, which is no many-to-many field of the model."
    assert found.hint.startswith("The many-to-many fields are groups, user_permissions.")


def test_two_that_declare_the_same_model_are_an_error(settings, monkeypatch):
    other = ModuleType("site.sessions")
    other.APP, other.declarations = "django.contrib.sessions", sessions.declarations
    for modules in (ready_made.DECLARING, ready_made.MODULES):
        monkeypatch.setitem(modules, "other", other)
    message = (
        r"^sessions\.Session is declared by gdpr_assist\.contrib\.sessions and by site\.sessions\. Take one of them"
    )
    with pytest.raises(ImproperlyConfigured, match=message), taken(settings, ["sessions", "other"]):
        pass
    assert Session not in registry


@pytest.mark.parametrize("name", ["auditlog", "pghistory", "reversion", "simple_history"])
def test_a_history_of_which_the_app_is_not_installed_is_an_error_and_switches_nothing(settings, name):
    settings.GDPR_CONTRIB = [name]
    with pytest.raises(ImproperlyConfigured, match=f"declared for {name}, which is not in INSTALLED_APPS"):
        register_ready_made()
    assert switches.silenced() == []


# Not part of every test environment: see tests/others/requirements.txt.
if importlib.util.find_spec("simple_history"):

    def test_with_histories_of_the_package_itself():
        run_alone("settings_histories", "with_histories")
