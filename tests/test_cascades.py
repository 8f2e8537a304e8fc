"""What goes by cascade with rows that are deleted with their person: shown before, counted, or a refusal."""

from contextlib import contextmanager
from unittest import mock

import pytest
from django.db import models
from django.db.models import ProtectedError, RestrictedError

from gdpr_assist import AnonymiseError, Keep, Subject
from gdpr_assist.models import EventLog
from tests.apps.people.models import Account, Circle, Event, Sale, SaleLine, Visit

from .observing import changed, queries, unchanged
from .people import account, sale

pytestmark = pytest.mark.django_db


@contextmanager
def on_delete(model, name, action):
    with mock.patch.object(model._meta.get_field(name).remote_field, "on_delete", action):
        yield


def cascaded(person):
    """Return {label: number of rows} of the lines that say so."""
    return {each.share.label: each.count for each in Subject(person).lines() if each.share.is_cascade}


class TestPreview:
    def test_what_goes_with_what_is_deleted(self, ada, bob):
        for buyer in (ada, ada, bob):
            SaleLine.objects.create(sale=sale(buyer))
        with changed(Sale, on_erasure="delete"), changed(SaleLine, on_erasure="anonymise", subject="sale"):
            lines = Subject(ada).preview().splitlines()
            result = Subject(ada).erase()
        assert "people.Sale: 2 rows, by buyer: deleted" in lines
        assert "people.SaleLine: 2 rows, by cascade: deleted with the above" in lines
        assert result.deleted == {"people.Sale": 2, "people.SaleLine": 2}
        assert SaleLine.objects.get().sale.buyer == bob

    def test_what_is_deleted_by_itself_is_no_line_of_its_own(self, ada):
        SaleLine.objects.create(sale=sale(ada))
        with changed(Sale, on_erasure="delete"):  # and its lines too
            assert cascaded(ada) == {}

    def test_what_django_deletes_unread(self, ada):
        """Nobody hears of these rows, which are not registered."""
        Circle.objects.create(motto="Sing").members.add(ada)
        with changed(Circle, on_erasure="delete"):
            assert cascaded(ada) == {"people.Circle_members": 1}
            assert Subject(ada).erase().deleted == {"people.Circle": 1, "people.Circle_members": 1}

    def test_it_changes_nothing_and_asks_no_more_for_more_rows(self, ada):
        def look():
            with changed(Sale, on_erasure="delete"), changed(SaleLine, on_erasure="anonymise"):
                return len(queries(Subject(ada).preview))

        SaleLine.objects.create(sale=sale(ada))
        look()
        with unchanged(Account, Sale, SaleLine):
            one = look()
        for _number in range(9):
            SaleLine.objects.create(sale=sale(ada))
        assert look() == one

    @pytest.mark.parametrize("action", [models.PROTECT, models.RESTRICT])
    def test_what_protects_a_row_is_said_before(self, ada, action):
        SaleLine.objects.create(sale=sale(ada))
        with (
            on_delete(SaleLine, "sale", action),
            changed(Sale, on_erasure="delete"),
            changed(SaleLine, on_erasure="anonymise"),
        ):
            said = Subject(ada).preview().splitlines()[-1]
            with unchanged(Account, Sale, SaleLine), pytest.raises((ProtectedError, RestrictedError)):
                Subject(ada).erase()
        assert said == (
            "Nothing can be erased: people.SaleLine: 1 row, and people.Sale is protected by them (PROTECT, RESTRICT)"
        )

    @pytest.mark.parametrize("action", [models.PROTECT, models.RESTRICT])
    def test_what_protects_a_row_and_is_deleted_too_goes_first(self, ada, action):
        SaleLine.objects.create(sale=sale(ada))
        with on_delete(SaleLine, "sale", action), changed(Sale, on_erasure="delete"):
            assert "Nothing can be erased" not in Subject(ada).preview()
            assert Subject(ada).erase().deleted == {"people.Sale": 1, "people.SaleLine": 1}


def party(person, *others):
    """Create an event that is known by an address, with visits of others; these go with it."""
    event = Event.objects.create(topic=person.email)
    return [Visit.objects.create(event=event, account=each) for each in others]


HOSTED = {"subject": None, "identifiers": {"email": "topic"}, "on_erasure": "delete"}
REFUSED = (
    "people.Visit: 1 row would go with people.Event, and is about somebody else; nothing was changed. Anonymise "
    "people.Event instead of deleting it, or give the key that cascades another on_delete."
)


class TestRefusal:
    def test_rows_of_others(self, ada, bob):
        party(ada, ada, bob)
        with changed(Event, **HOSTED):
            said = Subject(ada).preview().splitlines()[-1]
            with unchanged(Account, Event, Visit), pytest.raises(AnonymiseError) as caught:
                Subject(ada).erase()
        assert str(caught.value) == REFUSED
        assert REFUSED.startswith(said.removeprefix("Nothing can be erased: "))
        assert not EventLog.objects.using("gdpr_log").exists()

    def test_rows_of_hers_go(self, ada):
        party(ada, ada)
        with changed(Event, **HOSTED):
            assert Subject(ada).erase().deleted == {"people.Event": 1, "people.Visit": 1}

    def test_who_is_erased_is_nobody(self, ada, bob):
        party(ada, bob)
        with changed(Event, **HOSTED):
            Subject(bob).erase()
            assert Subject(ada).erase().deleted == {"people.Event": 1, "people.Visit": 1}

    def test_rows_known_by_the_value_of_another(self, ada, bob):
        [visit] = party(ada, ada)
        guests = {"subject": None, "identifiers": {"email": "wish"}}
        for wish, is_refused in (("bob@quill.example", True), ("", False)):
            Visit.objects.filter(pk=visit.pk).update(wish=wish)
            with changed(Event, **HOSTED), changed(Visit, **guests):
                assert ("about somebody else" in Subject(ada).preview()) is is_refused
                if is_refused:
                    with unchanged(Event, Visit), pytest.raises(AnonymiseError, match="about somebody else"):
                        Subject(ada).erase()
                else:
                    Subject(ada).erase()
        assert not Visit.objects.exists()

    def test_rows_known_by_her_own_value_go(self, ada):
        [visit] = party(ada, ada)
        Visit.objects.filter(pk=visit.pk).update(wish=ada.email)
        with changed(Event, **HOSTED), changed(Visit, subject=None, identifiers={"email": "wish"}):
            Subject(ada).erase()
        assert not Visit.objects.exists()

    def test_other_people_themselves(self, ada, bob):
        """A person is a row that goes with one that is deleted."""
        account("cleo", brought_by=bob)
        with changed(Account, on_erasure="delete"), on_delete(Account, "brought_by", models.CASCADE):
            with (
                unchanged(Account),
                pytest.raises(AnonymiseError, match="about somebody else"),
            ):
                Subject(bob).erase()
            assert Subject(ada).erase().deleted == {"people.Account": 1}

    @pytest.mark.parametrize("kept", [Keep("tax"), {"engraving": Keep("tax")}])
    def test_rows_that_are_kept(self, ada, kept):
        SaleLine.objects.create(sale=sale(ada))
        with changed(Sale, on_erasure="delete"), changed(SaleLine, on_erasure=kept):
            said = Subject(ada).preview().splitlines()[-1]
            with unchanged(Account, Sale, SaleLine), pytest.raises(AnonymiseError) as caught:
                Subject(ada).erase()
        refused = "people.SaleLine: 1 row would go with people.Sale, and is kept (tax)"
        assert said == f"Nothing can be erased: {refused}"
        assert str(caught.value).startswith(f"{refused}; nothing was changed.")

    def test_of_an_on_delete_that_is_a_projects_own(self, ada):
        def cascade(collector, field, sub_objs, using):
            models.CASCADE(collector, field, sub_objs, using)

        SaleLine.objects.create(sale=sale(ada))
        with (
            on_delete(SaleLine, "sale", cascade),
            changed(Sale, on_erasure="delete"),
            changed(SaleLine, on_erasure=Keep("tax")),
            unchanged(Sale, SaleLine),
            pytest.raises(AnonymiseError, match="kept"),
        ):
            Subject(ada).erase()

    def test_when_the_person_is_deleted_as_a_subject(self, ada):
        sale(ada)
        with (
            on_delete(Sale, "buyer", models.CASCADE),
            unchanged(Account, Sale),
            pytest.raises(AnonymiseError) as caught,
        ):
            Subject(ada).delete()
        assert str(caught.value).startswith("people.Sale: 1 row would go with people.Account, and is kept (tax)")

    def test_copies_that_are_deleted(self, ada):
        SaleLine.objects.create(sale=sale(ada))
        copies = {"subject": None, "identifiers": None, "copy_of": "buyer", "on_erasure": "delete"}
        with changed(Sale, **copies), changed(SaleLine, subject=None, on_erasure=Keep("tax")):
            assert "Nothing can be erased: people.SaleLine: 1 row would go with people.Sale" in Subject(ada).preview()
            with unchanged(Account, Sale, SaleLine), pytest.raises(AnonymiseError, match="kept"):
                Subject(ada).erase()
        with changed(Sale, **copies), changed(SaleLine, subject=None, on_erasure="anonymise"):
            assert cascaded(ada) == {"people.SaleLine": 1}
            assert Subject(ada).erase().copies == {"people.Sale": 1}
        assert not SaleLine.objects.exists()

    def test_nothing_is_asked_where_the_declarations_say_that_nothing_goes(self, ada):
        SaleLine.objects.create(sale=sale(ada))
        with mock.patch("gdpr_assist.subjects.cascade.collected_as_far", side_effect=AssertionError):
            assert Subject(ada).erase().deleted == {"people.SaleLine": 1}
