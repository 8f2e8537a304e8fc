"""Rows to which a person only did something: shown before an erasure, and left as they are."""

import io
import json
import zipfile

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType

from gdpr_assist import Subject
from gdpr_assist.contrib.admin import LogEntryPrivacy
from gdpr_assist.registry import registry
from tests.apps.people.models import Account, Circle, Profile, Remark, Sale, SaleLine, StaffAccount

from .observing import changed, row, unchanged_rows
from .people import account, sale

pytestmark = pytest.mark.django_db


@pytest.fixture
def cleo(db):
    return StaffAccount.objects.create(email="cleo@quill.example", is_confirmed=True, desk="3")


def entry(user, about):
    kind = ContentType.objects.get_for_model(about)
    return LogEntry.objects.create(
        user=user, content_type=kind, object_id=about.pk, object_repr=str(about), action_flag=2
    )


def acted(subject):
    """Return {label: ({keys}, words)} of the lines that say so."""
    lines = (each for each in subject.lines() if each.share.verb == "leave")
    return {
        each.share.label: (set(each.share.found.rows.values_list("pk", flat=True)), str(each).partition(": ")[2])
        for each in lines
    }


def test_they_are_a_line_of_the_preview_and_stay(cleo, ada):
    for _number in range(2):
        sale(ada, packed_by=cleo)
    lines = Subject(cleo).preview().splitlines()
    assert lines[-1] == "people.Sale: 2 rows, only acted (packed_by): left as they are"
    with unchanged_rows(Sale):
        Subject(cleo).erase()


def test_no_line_without_rows(ada, cleo):
    sale(ada)
    assert acted(Subject(ada)) == acted(Subject(cleo)) == {}


def test_what_is_hers_in_another_way_is_no_line(cleo, ada):
    bought, guest = sale(cleo, packed_by=cleo), sale(email=cleo.email, packed_by=cleo)
    other = sale(ada, packed_by=cleo)
    assert acted(Subject(cleo))["people.Sale"][0] == {other.pk}
    other.delete()
    assert acted(Subject(cleo)) == {}
    assert {bought, guest} == set(Sale.objects.all())


def test_what_the_caller_has_left_out_is_in_no_line_either(cleo, ada):
    """Of hers, some are left out; of what she packed, too: neither is shown as what she only packed."""
    sale(cleo, packed_by=cleo, recipient="elsewhere")
    here, _elsewhere = (sale(ada, packed_by=cleo, recipient=name) for name in ("here", "elsewhere"))

    def here_only(model, rows):
        return rows.filter(recipient="here") if model is Sale else rows

    assert acted(Subject(cleo, rows=here_only))["people.Sale"][0] == {here.pk}


def test_a_key_to_a_row_that_is_joined_to_her(ada, bob):
    circle = Circle.objects.create(host=Profile.objects.create(account=ada), motto="Sing")
    circle.members.add(bob)
    assert acted(Subject(ada)) == {"people.Circle": ({circle.pk}, "1 row, only acted (host): left as they are")}


def test_by_several_keys_each_row_once(ada, bob):
    ada.friends.add(bob)
    bob.brought_by = ada
    bob.save()
    cleo = account("cleo", brought_by=ada)
    keys, words = acted(Subject(ada))["people.Account"]
    assert keys == {bob.pk, cleo.pk}
    assert words == "2 rows, only acted (brought_by), 1 only acted (friends): left as they are"


def test_a_key_to_a_row_that_says_whose_it_is(ada, bob):
    line = SaleLine.objects.create(sale=sale(ada))
    SaleLine.objects.create(sale=sale(bob))
    with changed(SaleLine, subject=None, on_erasure="anonymise", actors=["sale"]):
        assert acted(Subject(ada))["people.SaleLine"][0] == {line.pk}


def test_a_generic_key(ada, bob):
    by_her, of_hers, _other = (Remark.objects.create(about=each, text="x") for each in (ada, sale(ada), sale(bob)))
    with changed(Remark, subject=None, actors=["about"]):
        assert acted(Subject(ada))["people.Remark"][0] == {by_her.pk, of_hers.pk}


def test_an_entry_about_her_own_row_goes_with_that_row(db):
    """In the log of the admin, which says who did something to which row."""
    cleo, dora = (User.objects.create_user(name) for name in ("cleo", "dora"))
    on_hers, on_others = (entry(cleo, each) for each in (cleo, dora))
    with (
        changed(User, subject="self", identifiers={}),
        registry.registered(LogEntry, LogEntryPrivacy),
    ):
        copies = [each for each in Subject(cleo).lines() if each.share.is_copy]
        assert [(each.share.label, each.count) for each in copies] == [("admin.LogEntry", 1)]
        assert acted(Subject(cleo))["admin.LogEntry"][0] == {on_others.pk}
        Subject(cleo).erase()
    assert [row(each)["object_repr"] for each in (on_hers, on_others)] == [str(on_hers.pk), "dora"]


def test_on_another_database_a_key_is_that_of_somebody_else(cleo):
    there = StaffAccount.objects.using("other").create(pk=cleo.pk, email="dora@quill.example", desk="4")
    Sale.objects.using("other").create(packed_by=there, recipient="Dora")
    assert acted(Subject(cleo)) == {}


def test_a_guest_has_done_nothing(ada):
    sale(email="eve@quill.example")
    [guest] = Subject.find(email="eve@quill.example")
    assert acted(guest) == {}


def test_the_manifest_of_an_export_says_that_they_are_not_in_it(cleo, ada):
    sale(ada, packed_by=cleo)
    file = io.BytesIO()
    counts = Subject(cleo).export(file)
    manifest = json.loads(zipfile.ZipFile(file).read("manifest.json"))
    assert "people-Sale.csv" not in counts
    assert manifest["acted"] == ["people.Sale: 1 row, only acted (packed_by): not about this person"]


def test_the_person_herself_is_nobody_to_whom_she_did_something(ada):
    Account.objects.filter(pk=ada.pk).update(brought_by=ada)
    assert acted(Subject(ada)) == {}
