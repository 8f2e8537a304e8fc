"""What names nobody, or not one person for certain: an error in words, or a result that says so; no row is changed."""

import io
import zipfile
from contextlib import suppress

import pytest
from django.contrib.auth.models import AnonymousUser
from django.contrib.contenttypes.models import ContentType
from django.db import models, transaction
from django.utils.functional import SimpleLazyObject

from gdpr_assist import AnonymiseError, Subject
from tests.apps.people.models import (
    Account,
    Chat,
    Counter,
    Event,
    Parcel,
    Profile,
    Reader,
    Remark,
    Sale,
    SaleLine,
    Visit,
)
from tests.apps.shop.models import Customer

from .observing import address, changed, row, unchanged, unchanged_rows
from .people import account, around, sale

pytestmark = pytest.mark.django_db

UNCERTAIN = "which is not certain to be this person's alone"
ALL = (Account, Profile, Parcel, Sale, SaleLine, Chat, Event, Visit, Reader, Remark)
NOBODY = (
    r"^people\.%s: the row leads to nobody\. Write Subject\(\.\.\.\) with a row that is the person, or Subject\.find"
)


def said(reasons):
    return [str(each) for each in reasons]


class TestRows:
    @pytest.mark.parametrize("row", [None, 7, Account, AnonymousUser()], ids=lambda row: type(row).__name__)
    def test_what_is_no_row(self, row):
        with pytest.raises(
            AnonymiseError, match=rf"^A person is a row, or a row leads to one; {type(row).__name__} is"
        ):
            Subject(row)

    def test_the_user_of_a_request_is_a_row(self, ada, bob):
        assert Subject(SimpleLazyObject(lambda: ada)).keys == Subject(ada).keys
        chat = Chat.objects.create(asker=ada, answerer=bob)
        assert Subject.of(SimpleLazyObject(lambda: chat), "answerer").keys == Subject(bob).keys

    def test_a_key_or_a_path_that_is_null(self, ada, bob):
        chat = Chat.objects.create(answerer=bob)
        line, parcel = SaleLine.objects.create(sale=sale()), Parcel.objects.create(street="Harbour Road")
        with pytest.raises(AnonymiseError, match=NOBODY % "Chat"):
            Subject.of(chat, "asker")
        for each in (line, parcel, sale()):
            with pytest.raises(AnonymiseError, match=NOBODY % type(each).__name__):
                Subject(each)

    def test_a_row_that_is_about_several_people(self, ada, bob):
        event = Event.objects.create(topic="Jazz")
        for each in (ada, bob):
            Visit.objects.create(event=event, account=each)
        with pytest.raises(AnonymiseError, match=r"^people\.Event: the row leads to 2 people\."):
            Subject(event)

    def test_two_rows_that_are_one_person_are_one(self, ada):
        Profile.objects.create(account=ada)
        with changed(Sale, subject=["buyer", "buyer__profile"]):
            assert Subject(sale(ada)).keys == Subject(ada).keys

    def test_a_generic_key_is_followed_once(self, ada):
        bought = sale(ada)
        first = Remark.objects.create(about=bought, text="hers")
        assert Subject(first).keys == Subject(Remark.objects.create(about=ada, text="hers")).keys == Subject(ada).keys
        kind = ContentType.objects.get_for_model(Sale)
        for nobodys in (
            Remark.objects.create(about=first, text="about a remark"),
            Remark.objects.create(about=sale(), text="about a guest's sale"),
            Remark.objects.create(content_type=kind, object_id="77", text="about what is gone"),
            Remark.objects.create(content_type=kind, object_id="no key", text="about what cannot be"),
            Remark.objects.create(content_type=kind, object_id="9" * 40, text="about a number that no row has"),
            Remark.objects.create(about=Counter.objects.create(account=ada), text="about what is not registered"),
        ):
            with pytest.raises(AnonymiseError, match=NOBODY % "Remark"):
                Subject(nobodys)

    def test_a_generic_key_to_a_row_of_several_people(self, ada, bob):
        mixed = Chat.objects.create(asker=ada, answerer=bob, question="?", answer="!")
        own = Chat.objects.create(asker=ada, question="?", answer="!")
        with pytest.raises(AnonymiseError, match="the row leads to 2 people"):
            Subject(Remark.objects.create(about=mixed, text="about both"))
        assert Subject(Remark.objects.create(about=own, text="about her")).keys == {Account: {ada.pk}}

    def test_a_model_of_which_nothing_is_said(self, ada):
        for each in (Counter.objects.create(account=ada), Reader.objects.create(email=ada.email)):
            with pytest.raises(AnonymiseError, match=NOBODY % type(each).__name__):
                Subject(each)
        with pytest.raises(AnonymiseError, match=r"^shop\.Customer: the row leads to nobody\."):
            Subject(Customer.objects.create(name="Ada"))

    def test_a_person_whose_row_is_gone_has_nothing(self, ada, bob):
        around(bob)
        stale = Account.objects.get(pk=ada.pk)
        ada.delete()
        with unchanged(*ALL):
            result = Subject(stale).erase()
            assert (result.operations, result.erased, result.deleted) == ({}, {}, {})
            assert Subject(stale).delete().deleted == {}
            assert Subject(stale).preview() == ""
            assert Subject(stale).export(io.BytesIO()) == {}

    def test_somebody_who_was_erased_before(self, ada):
        """Nothing is done again; what is still theirs by a key can be seen, exported and deleted."""
        hers = around(ada)
        Subject(ada).erase()
        with unchanged(*ALL):
            again = Subject(ada).erase()
            assert (again.operations, again.erased, again.deleted, again.copies, again.left) == ({}, {}, {}, {}, [])
            assert "people.Account: 1 row, is the person: anonymised: email; 1 anonymised before" in (
                Subject(ada).preview()
            )
            assert Subject.find(email="ada@quill.example") == []
            file = io.BytesIO()
            assert Subject(ada).export(file) == {
                "people-Account.csv": 1,
                "people-Parcel.csv": 1,
                "people-Sale.csv": 1,
                "people-Remark.csv": 1,
            }
        with zipfile.ZipFile(file) as archive:
            assert not any(b"ada@" in archive.read(name) for name in archive.namelist())
        assert Subject(ada).delete().deleted == {"people.Account": 1}
        assert row(hers["sale"])["recipient"] == "Ada"

    @pytest.mark.parametrize("again", [lambda ada: Subject(ada).erase(force=True), lambda ada: Subject(ada).delete()])
    def test_what_was_filled_again_since(self, again, ada):
        """Only when it is asked for; also the guest's rows with the address that came back."""
        bought = sale(ada, email=ada.email)
        Subject(ada).erase()
        Sale.objects.filter(pk=bought.pk).update(email="ada@quill.example")
        Account.objects.filter(pk=ada.pk).update(email="ada@quill.example")
        with unchanged(*ALL):
            left = said(Subject(ada).erase().left)
        assert left == [
            "people.Account: 1 row, refilled since it was erased: force=True",
            "people.Sale (free): 1 row, refilled since it was erased: force=True",
        ]
        again(ada)
        assert row(bought)["email"] == address(bought)
        assert not Account.objects.filter(email="ada@quill.example").exists()

    @pytest.mark.parametrize("narrowed", [None, [], models.QuerySet(Customer)], ids=["None", "list", "another model"])
    def test_what_narrows_to_no_rows_of_the_model(self, narrowed, ada):
        sale(ada)
        subject = Subject(ada, rows=lambda model, queryset: narrowed if model is Sale else queryset)
        message = r"^Subject\(rows=\.\.\.\) returned no queryset of people\.Sale\.$"
        with unchanged(*ALL), pytest.raises(AnonymiseError, match=message):
            subject.erase()


class TestValues:
    @pytest.mark.parametrize("value", [["x"], ("x",), {"x": 1}, b"x", models.F("pk"), Account.objects.none()])
    def test_one_that_is_not_one_value(self, value):
        message = rf"^The value of email is not one value, but {type(value).__name__}\.$"
        with pytest.raises(AnonymiseError, match=message):
            Subject.find(email=value)

    @pytest.mark.parametrize("value", [7, 7.5, True, "\ud800", "ada\0@quill.example", "x" * 5_000])
    def test_one_that_nobody_can_have(self, value, ada):
        """It finds nobody, or is refused in words: never an error of the database."""
        with suppress(AnonymiseError):
            assert Subject.find(email=value) == []

    @pytest.mark.parametrize("blank", ["", "  ", "\t"])
    def test_a_blank_one_is_nobodys(self, blank, ada):
        """Whoever has left the field empty is not the guests who did so too."""
        Profile.objects.create(account=ada, phone=blank)
        Account.objects.filter(pk=ada.pk).update(email=blank)
        guest = sale(phone=blank, email=blank)
        person = Subject(Account.objects.get(pk=ada.pk))
        assert person.doubts() == []
        person.erase()
        assert row(guest)["phone"] == blank
        with pytest.raises(AnonymiseError, match=r"^The value of phone is empty"):
            Subject.find(phone=blank)

    def test_what_a_rule_has_made_finds_nobody(self, ada):
        guest, reader = sale(email="gil@quill.example"), Reader.objects.create(email="rob@quill.example")
        for each in (ada, guest, reader):
            each.anonymise()
            assert Subject.find(email=row(each)["email"]) == []

    def test_an_unconfirmed_address_of_somebody_else_takes_nothing_and_is_told(self):
        """Eve has registered with the address of a guest."""
        eve = account("gil", is_confirmed=False)
        guest = sale(email="gil@quill.example")
        with unchanged_rows(Sale):
            result = Subject(eve).erase()
        assert result.erased == {"people.Account": 1}
        assert said(result.uncertain) == [f"people.Sale: 1 row, by email, {UNCERTAIN}"]
        assert row(guest)["email"] == "gil@quill.example"

    def test_a_value_of_two_people_takes_nothing_and_is_told(self, ada, bob):
        for each in (ada, bob):
            Profile.objects.create(account=each, phone="555")
        sale(phone="555")
        with unchanged_rows(Sale):
            result = Subject(ada).erase()
        assert said(result.uncertain) == [f"people.Sale: 1 row, by phone, {UNCERTAIN}"]
        assert result.erased == {"people.Account": 1, "people.Profile": 1}

    def test_one_of_ten_thousand_people_takes_nothing_and_is_told(self, ada):
        """As the number of a switchboard."""
        every = [Account(email=f"{number}@quill.example") for number in range(10_000)]
        Profile.objects.bulk_create(Profile(account=each, phone="555") for each in Account.objects.bulk_create(every))
        Profile.objects.create(account=ada, phone="555")
        sale(phone="555")
        with pytest.raises(
            AnonymiseError, match=r"^More than 1000 people have this phone: it is no identifier of one"
        ):
            Subject.find(phone="555")
        with unchanged_rows(Sale):
            result = Subject(ada).erase()
        assert said(result.uncertain) == [f"people.Sale: 1 row, by phone, {UNCERTAIN}"]
        assert Profile.objects.filter(phone="555").count() == 10_000

    def test_a_strangers_row_with_her_address_stays(self, ada, bob):
        sale(bob, email=ada.email)
        with unchanged_rows(Sale):
            result = Subject(ada).erase()
        assert said(result.uncertain) == ["people.Sale: 1 row, by email, but about somebody else"]

    def test_a_guest_is_erased_once(self, ada):
        hers, guests = sale(ada), [sale(email="Gil@quill.example"), sale(email="gil@quill.example")]
        line = SaleLine.objects.create(sale=guests[0], engraving="Gil")
        [gil] = Subject.find(email="gil@quill.example")
        result = gil.erase()
        assert (result.erased, result.deleted) == ({"people.Sale (free)": 2}, {"people.SaleLine": 1})
        assert [row(each)["email"] for each in guests] == [f"{each.pk}@anon.example.com" for each in guests]
        assert not SaleLine.objects.filter(pk=line.pk).exists()
        assert row(hers)["recipient"] == "Ada"
        with unchanged(*ALL):
            assert gil.erase().operations == {}
            assert Subject.find(email="gil@quill.example") == []


class TestDatabases:
    def test_a_person_on_another_one_takes_nothing_of_her_namesake(self, ada):
        """Key and address are the same: two sites, each with a database of its own."""
        there = Account.objects.using("other").create(pk=ada.pk, email=ada.email, is_confirmed=True)
        bought = Sale.objects.using("other").create(buyer=there, email=ada.email, recipient="Ada")
        around(ada)
        before = {name: row(each) for name, each in {"account": ada, "sale": Sale.objects.get(buyer=ada)}.items()}
        result = Subject(there).erase()
        assert row(there)["email"] == address(there)
        assert row(bought)["email"] == address(bought)
        assert {"account": row(ada), "sale": row(Sale.objects.get(buyer=ada))} == before
        assert set(result.operations) == {"default", "other"}


class TestDeclarations:
    def test_a_person_of_a_model_that_may_not_be_anonymised_stays_and_is_told(self, ada):
        bought = sale(ada, email=ada.email)
        with changed(Account, can_anonymise=False), unchanged_rows(Account):
            result = Subject(ada).erase()
            assert said(result.kept) == ["people.Account: 1 row, kept (declared as not to be anonymised)"]
        assert result.erased == {"people.Sale (free)": 1}
        assert row(bought)["email"] != ada.email

    @pytest.mark.parametrize(
        ("wrong", "message"),
        [
            ({"subject": "buyr"}, r"^people\.Sale: PrivacyMeta\.subject names buyr, which leads to no model"),
            (
                {"identifiers": {"email": "mail"}},
                r"^people\.Sale: PrivacyMeta\.identifiers\['email'\] cannot be looked up",
            ),
            ({"actors": ["buyer"]}, r"^people\.Sale: buyer is in PrivacyMeta\.subject and in PrivacyMeta\.actors\."),
            ({"on_erasure": "keep"}, r"^people\.Sale: PrivacyMeta\.on_erasure says nothing that can be done\."),
        ],
    )
    @pytest.mark.parametrize(
        "act",
        [
            lambda ada: Subject(ada).erase(),
            lambda ada: Subject(ada).delete(),
            lambda ada: Subject(ada).preview(),
            lambda ada: Subject(ada).export(io.BytesIO()),
            lambda ada: Subject.find(email=ada.email),
            lambda ada: ada.delete(),
        ],
        ids=["erase", "delete", "preview", "export", "find", "the row's own delete"],
    )
    def test_one_that_is_wrong_refuses_the_whole_person(self, act, wrong, message, ada):
        """Also where she has no such rows: nobody knows that."""
        Reader.objects.create(email=ada.email)
        with (
            unchanged(*ALL),
            changed(Sale, **wrong),
            pytest.raises(AnonymiseError, match=message),
            transaction.atomic(),
        ):
            act(ada)
