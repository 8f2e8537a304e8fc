"""What wagtail and taggit keep of an erased row. Run by tests/test_ready_pages.py."""

import datetime
import json

import pytest
from django.contrib.auth.models import Group, User
from django.contrib.contenttypes.models import ContentType
from django.utils import timezone
from taggit.models import Tag, TaggedItem
from wagtail.contrib.forms.models import FormSubmission
from wagtail.contrib.redirects.models import Redirect
from wagtail.log_actions import log
from wagtail.models import Comment, Locale, ModelLogEntry, Page, PageLogEntry, Revision, Site
from wagtail.search.models import IndexEntry
from wagtail.users.models import UserProfile

from gdpr_assist import Identifier, Subject, paths
from gdpr_assist.execution.ranges import begin_scrub, execute_in_ranges
from gdpr_assist.models import EventLog
from gdpr_assist.planning import plan
from gdpr_assist.registry import registry
from gdpr_assist.scrubbing.choice import plans
from tests.logbook import committing
from tests.observing import changed
from tests.observing import row as columns_of
from tests.test_ready_made import taken

from .pages.models import (
    Guest,
    Notice,
    Parcel,
    Phone,
    StaffPage,
    StaffTag,
    Visitor,
    Wrong,
)

pytestmark = pytest.mark.django_db(databases=["default", "other", "gdpr_log"])

ADA, MAIL = "Ada Lovelace", "ada@quill.example"


def row(instance, *names):
    return {name: value for name, value in columns_of(instance).items() if name in names}


@pytest.fixture
def people(settings):
    """Accounts are people."""
    with taken(settings, ["auth", "taggit", "wagtail"]):
        yield


@pytest.fixture
def root():
    Locale.objects.get_or_create(language_code="en")
    return Page.get_first_root_node() or Page.add_root(title="Root", slug="root")


@pytest.fixture
def editor():
    return User.objects.create_superuser("editor")


@pytest.fixture
def page(root, editor):
    """A page about Ada, with two revisions: one that is published, and a draft."""
    page = StaffPage(title=ADA, slug="ada-lovelace", name=ADA, email=MAIL, bio=f"<p>{ADA}</p>", room="7")
    page.body = [("text", f"by {ADA}")]
    root.add_child(instance=page)
    page.tags.add("mathematics")
    page.phones.add(Phone(number="ada's 0123"))
    page.save()
    page.save_revision(user=editor, log_action=True).publish(user=editor)
    page.room = "8"
    page.save_revision(user=editor, log_action=True)
    return StaffPage.objects.get()


@pytest.fixture
def visitor(editor):
    visitor = Visitor.objects.create(user=editor, name=ADA, email=MAIL, badge="blue")
    visitor.tags.add("vip", "ada-lovelace")
    visitor.save_revision(user=editor)
    visitor.badge = "red"
    visitor.save_revision(user=editor)
    log(visitor, "wagtail.edit", user=editor, data={"title": ADA}, title=ADA)
    return visitor


def as_an_object(instance):
    return instance.anonymise()


def as_a_set(instance):
    return type(instance).objects.filter(pk=instance.pk).anonymise()


WAYS = pytest.mark.parametrize("anonymise", [as_an_object, as_a_set])


def left(*values):
    """Return where in the tables of wagtail, and of the rows here, one of ``values`` still is."""
    models = (Revision, PageLogEntry, ModelLogEntry, StaffPage, Visitor, Comment, IndexEntry)
    return {
        (model.__name__, name)
        for model in models
        for each in model._base_manager.values()
        for name, value in each.items()
        if any(each in str(value) for each in values)
    }


class TestRevisions:
    @WAYS
    def test_publishing_an_old_one_brings_nothing_back(self, page, editor, anonymise):
        first = Revision.page_revisions.order_by("pk").first()
        anonymise(page)
        erased = row(page, "name", "email", "bio", "title", "slug")
        Revision.objects.get(pk=first.pk).publish(user=editor)
        again = StaffPage.objects.get()
        assert row(page, "name", "email", "bio", "title", "slug") == erased
        assert (again.name, again.email, again.title) == (str(page.pk), f"{page.pk}@anon.example.com", str(page.pk))
        assert again.room == "7"  # what is not personal, as it was in that one
        assert again.live
        assert not left(ADA, "ada-lovelace", MAIL)
        assert list(again.tags.all()) == []

    @WAYS
    def test_a_draft_stays_one(self, page, anonymise):
        anonymise(page)
        draft = StaffPage.objects.get().get_latest_revision_as_object()
        assert (draft.room, draft.name, draft.email) == ("8", str(page.pk), f"{page.pk}@anon.example.com")

    def test_rows_in_the_form_of_a_page_stay_as_they_are(self, page, editor):
        """They are erased as whoever they are about is."""
        first = Revision.page_revisions.order_by("pk").first()
        page.anonymise()
        phone = Phone.objects.get()
        assert phone.number == "ada's 0123"
        assert "0123" not in json.dumps(list(Revision.objects.values()), default=str)
        phone.anonymise()
        Revision.objects.get(pk=first.pk).publish(user=editor)
        assert Phone.objects.get().number == str(phone.pk)

    @WAYS
    def test_of_a_snippet(self, visitor, editor, anonymise):
        first = Revision.objects.order_by("pk").first()
        result = anonymise(visitor)
        assert result.copies == {"wagtailcore.Revision": 2, "wagtailcore.ModelLogEntry": 1, "taggit.TaggedItem": 2}
        Revision.objects.get(pk=first.pk).publish(user=editor)
        assert row(visitor, "name", "email", "badge") == {
            "name": "A visitor",
            "email": f"{visitor.pk}@anon.example.com",
            "badge": "blue",
        }
        assert not left(ADA, "ada-lovelace", MAIL)
        assert {each.user for each in Revision.objects.all()} == {editor}

    def test_one_that_is_scheduled_is_published_without_them(self, visitor):
        soon = timezone.now() + datetime.timedelta(hours=1)
        visitor.go_live_at = soon
        scheduled = visitor.save_revision(approved_go_live_at=soon)
        visitor.anonymise()
        scheduled.refresh_from_db()
        assert scheduled.approved_go_live_at == soon
        assert scheduled.as_object().name == "A visitor"

    def test_those_of_others_stay(self, visitor, editor):
        other = Visitor.objects.create(name="Bob", email="bob@quill.example", badge="blue", user=visitor.user)
        other.save_revision()
        visitor.anonymise()
        assert Revision.objects.get(object_id=other.pk).content["name"] == "Bob"

    def test_they_go_with_their_row(self, visitor):
        visitor.delete()
        assert not Revision.objects.exists()

    @pytest.mark.usefixtures("people")
    def test_a_person_as_a_whole(self, visitor, editor):
        Subject(editor).erase()
        assert not left(ADA, "ada-lovelace", MAIL)


@pytest.mark.parametrize("model", [Revision, StaffPage])
def test_a_scrub_may_come_by_the_revisions_first(page, model):
    """It comes by all rows of all models, whatever their order."""
    (Revision.objects.all() if model is Revision else StaffPage.objects.all()).anonymise()
    contents = [each.content for each in Revision.objects.all()]
    assert {(each["name"], each["email"], each["title"]) for each in contents} == {
        (str(page.pk), f"{page.pk}@anon.example.com", str(page.pk))
    }
    assert [each["room"] for each in contents] == ["7", "8"]


def test_a_revision_of_what_is_not_declared_stays_in_a_scrub(root):
    root.save_revision()
    before = Revision.objects.get().content
    Revision.objects.all().anonymise()
    assert Revision.objects.get().content == before


@WAYS
def test_nothing_of_it_is_found_by_searching(page, anonymise):
    assert "IndexEntry" in {name for name, _ in left(ADA)}
    anonymise(page)
    assert not left(ADA)


class TestLogs:
    def test_of_a_page(self, page, editor):
        entries = PageLogEntry.objects.count()
        assert entries
        page.anonymise()
        assert [each.data for each in PageLogEntry.objects.all()] == [{}] * entries
        assert PageLogEntry.objects.filter(user=editor).exists()
        assert PageLogEntry.objects.count() == entries
        assert not PageLogEntry.objects.filter(label__icontains="ada").exists()

    def test_of_a_deleted_page(self, page):
        page.delete(user=None)
        assert not left(ADA)

    def test_of_a_snippet(self, visitor):
        visitor.anonymise()
        entry = ModelLogEntry.objects.get()
        assert (entry.label, entry.data, entry.action) == (str(entry.pk), {}, "wagtail.edit")


class TestPeople:
    @pytest.mark.usefixtures("people")
    def test_comments_and_profile_of_an_account(self, page, editor):
        Comment.objects.create(page=page, user=editor, text="ask Ada", contentpath="name")
        UserProfile.objects.create(user=editor, preferred_language="en", current_time_zone="Europe/Paris")
        Subject(editor).erase()
        assert not UserProfile.objects.exists()
        assert Comment.objects.get().text != "ask Ada"


class TestForms:
    """What was sent in by one, with the names that wagtail gives to the answers."""

    @pytest.fixture
    def send(self, root):
        return lambda **answers: FormSubmission.objects.create(page=root, form_data=answers)

    @pytest.mark.parametrize("name", ["email", "e_mail", "your_email_address", "courriel"])
    def test_an_address_in_it_says_whose_it_is(self, send, name):
        hers, other = send(**{name: MAIL.upper(), "message": ADA}), send(**{name: f"n{MAIL}", "message": ADA})
        before = columns_of(hers)
        [person] = Subject.find(email=MAIL)
        person.erase()
        assert columns_of(hers) == {**before, "form_data": {}}
        assert columns_of(other)["form_data"] == {name: f"n{MAIL}", "message": ADA}
        assert Subject.find(email=MAIL) == []

    def test_a_name_that_nobody_thought_of_is_for_the_site_to_say(self, send):
        hers = send(write_to_me_at=MAIL)
        assert Subject.find(email=MAIL) == []
        with changed(FormSubmission, identifiers={"email": ["form_data__write_to_me_at", "form_data__email"]}):
            [person] = Subject.find(email=MAIL)
            person.erase()
        assert columns_of(hers)["form_data"] == {}

    @pytest.mark.usefixtures("people")
    def test_it_goes_with_the_account_that_has_the_address(self, send):
        hers, user = send(email=MAIL, message=ADA), User.objects.create_user("ada", MAIL)
        with changed(User, identifiers={"email": Identifier("email", verified=True)}):
            Subject(user).erase()
        assert columns_of(hers)["form_data"] == {}

    def test_a_scrub_comes_by_all(self, send):
        send(write_to_me_at=MAIL), send(email="bob@quill.example")
        FormSubmission.objects.all().anonymise()
        assert [each.form_data for each in FormSubmission.objects.all()] == [{}, {}]


@pytest.mark.usefixtures("people")
def test_nothing_is_wrong_or_missing_in_what_is_declared():
    theirs = [each for each in registry if each.label.startswith(("wagtail", "taggit"))]
    assert {each.label: each.mistakes for each in theirs if each.mistakes} == {}
    unanswered = [each.label for each in paths.unanswered() if each.label.startswith(("wagtail", "taggit"))]
    # In GDPR_NOT_PERSONAL, as docs/howto/pages_of_wagtail.rst says
    assert set(unanswered) == {"wagtailcore.Page.owner", "wagtailcore.Page.locked_by"}


@pytest.mark.usefixtures("people")
def test_of_a_page_with_a_subject_all_that_leads_to_it_from_what_is_declared_has_an_answer():
    declared = {each.label for each in registry if each.label.startswith("wagtail")}
    with changed(StaffPage, subject="owner"):
        unanswered = {each.label for each in paths.unanswered()}
    assert "wagtailcore.WorkflowPage.page" in unanswered
    assert {each for each in unanswered if each.rpartition(".")[0] in declared} == set()


class TestTags:
    @WAYS
    def test_they_go_with_the_row_and_those_of_others_stay(self, anonymise):
        guest, notice = Guest.objects.create(pk=7, name=ADA), Notice.objects.create(pk=7, title="Closed")
        other = Guest.objects.create(pk=8, name="Bob")
        for each in (guest, notice, other):
            each.tags.add("vip", ADA)
        anonymise(guest)
        assert list(guest.tags.all()) == []
        assert (notice.tags.count(), other.tags.count(), Tag.objects.count()) == (2, 2, 2)

    def test_a_row_that_is_tagged_again_is_refilled_and_a_scrub_takes_the_tags(self):
        guests = [Guest.objects.create(name=name) for name in ("Ada", "Bob")]
        Guest.objects.all().anonymise()
        notice = Notice.objects.create(title="Closed")
        for each in (guests[0], notice):
            each.tags.add("vip")
        assert list(plan(Guest.objects.all()).refilled()) == guests[:1]
        begin_scrub(plan(Guest.objects.all()))
        assert list(execute_in_ranges(plan(Guest.objects.all()))) == [2]
        assert not plan(Guest.objects.all()).refilled().exists()
        assert [each.content_object for each in TaggedItem.objects.all()] == [notice]

    @WAYS
    def test_without_taking_them_clear_does_the_same(self, anonymise):
        registry.withdraw_ready_made(TaggedItem)
        try:
            self.test_they_go_with_the_row_and_those_of_others_stay(anonymise)
        finally:
            registry.register_ready_made(TaggedItem, ready(TaggedItem), "here")

    def test_of_a_through_model_of_the_sites_own(self, page):
        assert StaffTag.objects.count() == 1
        page.anonymise()
        assert not StaffTag.objects.exists()

    def test_a_replay_removes_them_again(self, visitor):
        items = list(TaggedItem.objects.values())
        visitor.anonymise()
        assert not TaggedItem.objects.exists()
        events = EventLog.objects.using("gdpr_log").filter(model_name="TaggedItem")
        assert {each.target_pk for each in events} == {str(each["id"]) for each in items}

    def test_a_scrub_leaves_those_of_models_that_nobody_declared(self):
        guest, group = Guest.objects.create(pk=7, name=ADA), Group.objects.create(pk=7, name="officers")
        guest.tags.add("vip")
        kind = ContentType.objects.get_for_model(Group)
        TaggedItem.objects.create(tag=Tag.objects.get(), content_type=kind, object_id=group.pk)
        assert Group not in registry
        [work] = plans(["default"], only=["taggit.TaggedItem"])
        assert [each.content_object for each in work.rows()] == [guest]

    def test_a_row_with_a_key_that_they_cannot_have(self):
        parcel = Parcel.objects.create(name=ADA)
        assert parcel.anonymise().copies == {}

    def test_as_a_field_they_are_a_check(self):
        (found,) = registry.declaration(Wrong).errors
        assert found.check == "E006"
        assert found.message == "Cannot anonymise pages.Wrong.tags - it is no column, but links to tags"
        assert found.hint == 'Write clear = ["tags"] in the PrivacyMeta, which removes them.'


def ready(model):
    from gdpr_assist.contrib import taggit  # noqa: PLC0415

    return taggit.declarations()[model._meta.label]


def test_the_recipe_takes_back_redirects_from_the_old_path(root, page):
    """wagtail writes them after the COMMIT: that of a new name, and that of the erasure."""
    Site.objects.create(hostname="localhost", root_page=root, is_default_site=True)
    other = StaffPage(title="Bob", slug="bob", name="Bob", email="bob@quill.example", bio="", room="9")
    root.add_child(instance=other)
    for each in (page, other):
        each.slug = f"{each.slug}-at-work"
        with committing():
            each.save()
    paths = {"/ada-lovelace", "/bob"}
    assert set(Redirect.objects.values_list("old_path", flat=True)) == paths
    with committing():
        StaffPage.objects.filter(pk=page.pk).anonymise()
    assert set(Redirect.objects.values_list("old_path", flat=True)) == {"/bob"}
