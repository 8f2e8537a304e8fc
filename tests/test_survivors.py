"""What stays when the row of a person is deleted, and is about that person, is erased with it."""

from contextlib import contextmanager
from unittest import mock

import pytest
from django.contrib.admin import ModelAdmin, site
from django.contrib.admin.actions import delete_selected
from django.contrib.auth.models import User
from django.db import connection, connections, models, transaction
from django.db.models import ProtectedError, RestrictedError
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from model_bakery import baker

from gdpr_assist import AnonymiseError, Keep, Subject
from gdpr_assist.declaring.meta import all_rows
from gdpr_assist.execution.selection import among_keys
from gdpr_assist.models import EventLog
from gdpr_assist.registry import registry
from gdpr_assist.undocumented import compiled
from tests.apps.fields.models import TextKey, UUIDKey
from tests.apps.own.models import Loan, Patron
from tests.apps.people.models import (
    Account,
    Chat,
    Circle,
    Event,
    Parcel,
    Profile,
    Reader,
    Remark,
    Sale,
    SaleLine,
    StaffAccount,
)
from tests.apps.shop.models import Customer, Order

from . import people
from .observing import changed, row, unchanged, unchanged_rows
from .people import account, sale

pytestmark = pytest.mark.django_db


def around(person, answerer=None):
    chat = Chat.objects.create(asker=person, answerer=answerer, question="Hers?", answer="His!")
    return people.around(person) | {"chat": chat}


def is_erased(target):
    return row(target)["email"] == f"{target.pk}@anon.example.com"


def operations():
    return set(EventLog.objects.using("gdpr_log").values_list("operation", flat=True))


def by_object(person):
    person.delete()


def by_queryset(person):
    Account.objects.filter(pk=person.pk).delete()


def by_subject(person):
    Subject(person).delete()


DOORS = [by_object, by_queryset, by_subject]


@pytest.mark.parametrize("delete", DOORS)
def test_all_of_it_in_the_operation_of_the_deletion(delete, ada, bob):
    hers, theirs = around(ada, bob), around(bob)
    strangers = {name: row(each) for name, each in theirs.items()}
    delete(ada)
    assert list(Account.objects.all()) == [bob]
    assert is_erased(hers["sale"])
    assert is_erased(hers["guest"])
    assert row(hers["sale"])["recipient"] == "Ada"  # kept
    assert row(hers["sale"])["buyer_id"] is None
    for name, column in (("parcel", "street"), ("remark", "text"), ("chat", "question")):
        assert row(hers[name])[column] == str(hers[name].pk)
    assert row(hers["chat"])["answer"] == "His!"
    assert is_erased(hers["reader"])
    assert not SaleLine.objects.filter(pk=hers["line"].pk).exists()
    assert {name: row(each) for name, each in theirs.items()} == strangers
    assert len(operations()) == 1


def test_what_goes_anyway_is_deleted_and_no_more(ada):
    profile = Profile.objects.create(account=ada, phone="555")
    ada.delete()
    assert not Profile.objects.exists()
    events = EventLog.objects.using("gdpr_log").filter(model_name="Profile").values_list("event", "target_pk")
    assert list(events) == [("delete", str(profile.pk))]


def by_admin(person):
    """As its action does it, in a ModelAdmin that knows nothing of it."""
    ModelAdmin(Account, site).delete_queryset(None, Account.objects.filter(pk=person.pk))


@pytest.mark.parametrize("delete", [*DOORS, by_admin])
def test_what_was_filled_again_is_erased_again_as_nothing_leads_to_it_any_more(delete, ada, bob):
    hers = around(ada, bob)
    Subject(ada).erase()
    Account.objects.filter(pk=ada.pk).update(email="ada@quill.example")
    Sale.objects.filter(pk=hers["sale"].pk).update(email="ada@quill.example")
    Chat.objects.filter(pk=hers["chat"].pk).update(question="Hers again?")
    Reader.objects.filter(pk=hers["reader"].pk).update(email="ada@quill.example")
    Remark.objects.filter(pk=hers["remark"].pk).update(text="for Ada again")
    before = operations()
    delete(ada)
    for each in ("sale", "reader"):
        assert is_erased(hers[each])
    assert row(hers["remark"])["text"] == str(hers["remark"].pk)
    assert (row(hers["chat"])["question"], row(hers["chat"])["answer"]) == (str(hers["chat"].pk), "His!")
    # Neither the parcel nor the guest's sale, which hold nothing.
    [operation] = operations() - before
    assert sorted(logged(operation)) == [
        ("anonymise", "Chat"),
        ("anonymise", "Reader"),
        ("anonymise", "Remark"),
        ("anonymise", "Sale"),
        ("delete", "Account"),
    ]


def logged(operation):
    return EventLog.objects.using("gdpr_log").filter(operation=operation).values_list("event", "model_name")


@pytest.mark.parametrize("delete", DOORS)
def test_what_is_erased_and_holds_nothing_is_not_erased_again(delete, ada, bob):
    hers = around(ada, bob)
    Subject(ada).erase()
    strangers, before = {name: row(each) for name, each in hers.items() if name != "line"}, operations()
    delete(ada)
    [operation] = operations() - before
    assert list(logged(operation)) == [("delete", "Account")]
    for name, was in strangers.items():
        now = row(hers[name])
        assert {**now, "buyer_id": None, "asker_id": None} == {**was, "buyer_id": None, "asker_id": None}


@pytest.mark.parametrize("delete", DOORS)
def test_of_what_nobody_can_tell_whether_it_was_filled_again_each_row_is_erased_once(delete, ada):
    """A key of the row leads to her, ANONYMISE is on it, and the row holds her address."""
    with changed(Sale, anonymise_phone=lambda self, instance: ""):
        hers = around(ada)
        Sale.objects.filter(pk=hers["sale"].pk).get().anonymise()
        Sale.objects.filter(pk=hers["sale"].pk).update(phone="555")
        before = operations()
        delete(ada)
    assert row(hers["sale"])["phone"] == ""
    [operation] = operations() - before
    assert sorted(logged(operation)).count(("anonymise", "Sale")) == 2  # and that of the guest


def test_who_is_kept_is_not_deleted(ada):
    around(ada)
    with (
        changed(Account, on_erasure=Keep("litigation")),
        unchanged_rows(Account, Sale, Reader),
        pytest.raises(AnonymiseError, match=r"^people\.Account: the row of the person is kept \(litigation\)"),
    ):
        Subject(ada).delete()


def test_who_is_narrowed_is_not_deleted(ada):
    bought = sale(ada)
    before = row(bought)
    with pytest.raises(AnonymiseError, match=r"^A person whose rows are narrowed cannot be deleted"):
        Subject(ada, rows=lambda model, queryset: queryset.none()).delete()
    assert row(bought) == before
    assert Account.objects.filter(pk=ada.pk).exists()


def test_a_model_may_be_left_out(ada):
    hers = around(ada)
    with changed(Sale, on_delete_of_subject=None), changed(Reader, on_delete_of_subject=None):
        ada.delete()
    assert row(hers["guest"])["email"] == "ada@quill.example"
    assert row(hers["reader"])["email"] == "ada@quill.example"
    assert is_erased(hers["sale"])  # by ANONYMISE on its key


@contextmanager
def on_delete(model, name, action):
    """Let the key have this ``on_delete``, as those of another app that cannot be changed."""
    with mock.patch.object(model._meta.get_field(name).remote_field, "on_delete", action):
        yield


@pytest.mark.parametrize("delete", DOORS)
@pytest.mark.parametrize("action", [models.SET_NULL, models.SET_DEFAULT, models.SET(None)])
def test_a_key_that_another_app_sets_to_nothing(action, delete, ada, bob):
    hers, theirs = around(ada, bob), around(bob)
    strangers = {name: row(each) for name, each in theirs.items()}
    with on_delete(Sale, "buyer", action), on_delete(Chat, "asker", action):
        delete(ada)
    assert is_erased(hers["sale"])
    assert row(hers["sale"])["buyer_id"] is None
    assert (row(hers["chat"])["question"], row(hers["chat"])["answer"]) == (str(hers["chat"].pk), "His!")
    for name in ("parcel", "remark"):
        assert row(hers[name]) != strangers[name]
    assert row(hers["parcel"])["street"] == str(hers["parcel"].pk)
    assert {name: row(each) for name, each in theirs.items()} == strangers
    assert len(operations()) == 1


@pytest.mark.parametrize("delete", DOORS)
@pytest.mark.parametrize(("action", "error"), [(models.PROTECT, ProtectedError), (models.RESTRICT, RestrictedError)])
def test_a_deletion_that_is_refused_changes_nothing_and_logs_nothing(action, error, delete, ada):
    around(ada)
    with (
        unchanged(Account, Sale, SaleLine, Parcel, Reader, Remark, Chat),
        on_delete(Sale, "buyer", action),
        pytest.raises(error),
    ):
        delete(ada)


def test_a_deletion_that_is_rolled_back_changes_nothing(ada):
    around(ada)
    with unchanged_rows(Account, Sale, SaleLine, Parcel, Reader, Remark, Chat), transaction.atomic():
        ada.delete()
        transaction.set_rollback(True)


def test_a_person_who_goes_with_a_row_of_which_nobody_has_heard():
    """Loans are people here, and cascade from a patron, who is not registered."""
    person = type("PrivacyMeta", (), {"fields": [], "keep": ["patron", "guarantor"], "subject": "self"})
    with registry.registered(Loan, person):
        hers, strange = (Loan.objects.create(patron=Patron.objects.create(card=card)) for card in ("7", "8"))
        about_her, about_another = (Remark.objects.create(about=each, text="Loud") for each in (hers, strange))
        hers.patron.delete()
    assert list(Loan.objects.all()) == [strange]
    assert (row(about_her)["text"], row(about_another)["text"]) == (str(about_her.pk), "Loud")


def test_a_soft_deletion_is_none_and_she_is_found_afterwards():
    """Customers are people here. Their default manager hides them then."""
    with changed(Customer, subject="self", identifiers={}), changed(Order, subject="customer"):
        customer = Customer.objects.create(name="Ada", email="ada@quill.example")
        order = Order.objects.create(customer=customer, recipient="Ada", placed=timezone.now())
        with unchanged(Order):
            Customer.objects.filter(pk=customer.pk).update(is_deleted=True)
        assert not Customer.objects.filter(pk=customer.pk).exists()
        result = Subject(customer).erase()
        assert result.erased == {"shop.Customer": 1, "shop.Order": 1}
    assert row(order)["recipient"] == str(order.pk)


def test_on_another_database_it_takes_what_is_there(ada):
    """And nothing of her who has the same key and address here."""
    there = Account.objects.using("other").create(pk=ada.pk, email=ada.email, is_confirmed=True)
    guest = Sale.objects.using("other").create(email=ada.email, recipient="Ada")
    around(ada)
    with unchanged_rows(Account, Sale, SaleLine, Parcel, Reader, Remark):
        there.delete()
    assert is_erased(guest)


def test_the_parent_that_is_kept_keeps_what_is_hers():
    staff = StaffAccount.objects.create(email="cleo@quill.example", is_confirmed=True, desk="3")
    guest = sale(email="cleo@quill.example")
    staff.delete(keep_parents=True)
    assert row(guest)["email"] == "cleo@quill.example"
    Account.objects.get().delete()
    assert is_erased(guest)


def test_a_profile_that_goes_alone_takes_nothing_of_the_account(ada):
    profile, hers = Profile.objects.create(account=ada, phone="555"), around(ada)
    with unchanged_rows(Account, Sale, Parcel, Reader, Remark, Chat):
        profile.delete()
    ada.delete()
    assert is_erased(hers["guest"])


def test_a_child_goes_with_its_parent_and_takes_what_is_hers():
    staff = StaffAccount.objects.create(email="cleo@quill.example", is_confirmed=True, desk="3")
    guest = sale(email="cleo@quill.example")
    staff.delete()
    assert is_erased(guest)


def test_on_the_page_of_the_admin(admin_client, settings, ada):
    settings.ROOT_URLCONF = "tests.admin.urls"
    hers, key = around(ada, account("bob")), ada.pk
    page = f"/shop/people/account/{key}/delete/"
    with unchanged_rows(Account, Sale, SaleLine, Parcel, Reader, Remark, Chat):
        assert admin_client.get(page).status_code == 200
    assert admin_client.post(page, {"post": "yes"}).status_code == 302
    assert not Account.objects.filter(pk=key).exists()
    assert is_erased(hers["guest"])
    assert is_erased(hers["reader"])
    assert row(hers["chat"])["answer"] == "His!"
    assert len(operations()) == 1


def test_with_an_action_of_the_admin(admin_client, ada):
    """With Django's own, in a ModelAdmin that knows nothing of it."""
    guest = sale(email="ada@quill.example")
    request = RequestFactory().post("/", {"post": "yes"})
    request.user = User.objects.get()
    request._messages = mock.Mock()
    delete_selected(ModelAdmin(Account, site), request, Account.objects.filter(pk=ada.pk))
    assert is_erased(guest)


def test_the_queries_do_not_grow_with_the_people():
    people = [account(f"p{number}") for number in range(40)]
    for each in people:
        sale(each, email=each.email)
        sale(email=each.email)
    counted = []
    for group in (people[:2], people[2:]):
        with CaptureQueriesContext(connection) as captured:
            Account.objects.filter(pk__in=[each.pk for each in group]).delete()
        counted.append(len(captured))
    # Which models have rows is asked in one statement, on SQLite in as many as the parameters take.
    assert counted[0] <= counted[1] <= counted[0] + 1
    assert Sale.objects.filter(email__endswith="@anon.example.com").count() == 80


# Where people, and what they are known by, are counted
PLACES = ("survivors", "finding", "person")


class TestMorePeopleThanAStatementTakes:
    @pytest.fixture
    def people(self, monkeypatch):
        for module in ("databases.rows", "execution.selection", *(f"subjects.{each}" for each in PLACES)):
            monkeypatch.setattr(f"gdpr_assist.{module}.batch_size", lambda using: 3)
        return [account(f"p{number}") for number in range(8)]

    def test_rows_by_a_value(self, people):
        guests = [sale(email=each.email) for each in people]
        Profile.objects.create(account=people[0], phone="555")
        Account.objects.all().delete()
        assert all(map(is_erased, guests))

    def test_what_two_of_them_share(self, people):
        """And what one of them shares with somebody who stays is kept."""
        bob = account("bob")
        theirs, with_bob = Event.objects.create(topic="Theirs"), Event.objects.create(topic="With Bob")
        theirs.guests.set(people)
        with_bob.guests.set([people[0], people[-1], bob])
        circle = Circle.objects.create(motto="All for one")
        circle.members.set([people[0], people[-1]])
        chat = Chat.objects.create(asker=people[0], answerer=people[-1], question="Hers?", answer="His!")
        Account.objects.exclude(pk=bob.pk).delete()
        assert row(theirs)["topic"] == str(theirs.pk)
        assert row(circle)["motto"] == str(circle.pk)
        assert row(with_bob)["topic"] == "With Bob"
        assert (row(chat)["question"], row(chat)["answer"]) == (str(chat.pk), str(chat.pk))

    def test_a_value_that_two_of_them_have(self, people):
        """It is nobody else's."""
        for each in people:
            Profile.objects.create(account=each, phone="555" if each in (people[0], people[-1]) else "")
        guest = sale(phone="555")
        Account.objects.all().delete()
        assert row(guest)["phone"] == ""

    def test_the_queries_do_not_grow_with_what_they_share(self, people):
        counted = []
        for number, group in ((1, people[:4]), (7, people[4:])):
            for _each in range(number):
                Event.objects.create(topic="Theirs").guests.set(group)
            with CaptureQueriesContext(connection) as captured:
                Account.objects.filter(pk__in=[each.pk for each in group]).delete()
            counted.append(len(captured))
        assert counted[0] == counted[1]
        assert not Event.objects.filter(topic="Theirs").exists()

    @pytest.mark.parametrize("model", [Customer, TextKey, UUIDKey])
    def test_keys_of_each_kind(self, people, model):
        every = {each.pk for each in baker.make(model, _quantity=5)}
        found = all_rows(model, "default").filter(pk__in=among_keys(model, every, "default"))
        with CaptureQueriesContext(connection) as captured:
            assert set(found.values_list("pk", flat=True)) == every
        assert len(captured) == 1
        if connection.vendor == "sqlite":
            assert len(compiled(found, "default")[1]) <= 1

    def test_a_statement_that_asks_of_many_models_is_not_too_long(self, people, monkeypatch):
        monkeypatch.setattr("gdpr_assist.databases.rows.LONGEST_STATEMENT", 1)
        hers = around(people[0], people[1])
        people[0].delete()
        assert is_erased(hers["sale"])
        assert is_erased(hers["reader"])


class TestAnotherDatabase:
    """What is there, known by a value, is no part of Django's transaction; ``Subject.delete()`` has one there too."""

    @pytest.fixture
    def guest(self):
        return Sale.objects.using("other").create(email="ada@quill.example", recipient="Ada")

    @pytest.mark.parametrize("delete", [by_object, by_queryset])
    def test_djangos_delete_leaves_it_and_asks_nothing_there(self, delete, ada, guest):
        here = sale(email="ada@quill.example")
        with CaptureQueriesContext(connections["other"]) as captured:
            delete(ada)
        assert captured.captured_queries == []
        assert is_erased(here)
        assert row(guest)["email"] == "ada@quill.example"
        [somebody] = Subject.find(email="ada@quill.example")  # without an account by now
        somebody.erase()
        assert is_erased(guest)

    def test_that_of_the_person_takes_it(self, ada, guest):
        result = Subject(ada).delete()
        assert set(result.operations) == {"default", "other"}
        assert result.deleted == {"people.Account": 1}
        assert is_erased(guest)
        assert not Account.objects.exists()


def test_rows_that_go_anyway_are_left_to_the_deletion(ada):
    """With on_erasure = "delete", and with a key that cascades."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Sale._meta.get_field("buyer").remote_field, "on_delete", models.CASCADE)
        bought = sale(ada, email="ada@quill.example")
        line = SaleLine.objects.create(sale=bought, engraving="Ada")
        key = str(ada.pk)
        _, deleted = ada.delete()
    assert deleted == {"people.SaleLine": 1, "people.Sale": 1, "people.Account": 1}
    events = EventLog.objects.using("gdpr_log").values_list("event", "model_name", "target_pk")
    assert sorted(events) == [
        ("delete", "Account", key),
        ("delete", "Sale", str(bought.pk)),
        ("delete", "SaleLine", str(line.pk)),
    ]
