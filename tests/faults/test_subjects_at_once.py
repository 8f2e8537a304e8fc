"""A person is erased while somebody else writes what is hers, or erases her too."""

import threading
from unittest import mock

import pytest
from django.db import connection, transaction

from gdpr_assist import Subject
from gdpr_assist.log import identity
from gdpr_assist.models import EventLog
from gdpr_assist.subjects import erasing
from tests.apps.people.models import Account, Chat, Event, Profile, Sale, SaleLine, Visit
from tests.observing import changed, row
from tests.people import account, sale

from .test_transactions import PATIENCE, VENDOR, at_once, wait_until_somebody_is_blocked

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(VENDOR == "sqlite", reason="SQLite has one writer at a time, and no row locks"),
]


@pytest.fixture(autouse=True)
def database_has_its_id():
    """As after migrate: the tests before this one have flushed it."""
    identity.database_id("default")


def logged(label):
    return EventLog.objects.using("gdpr_log").filter(model_name=label).values_list("operation", "part")


def test_an_order_that_is_being_written_is_waited_for_and_erased():
    """Where its key to the account is looked at: on PostgreSQL mostly at its COMMIT, and then it comes afterwards."""
    ada = account("ada")
    is_written = threading.Event()

    def order():
        with transaction.atomic():
            bought = sale(ada, "ada@quill.example")
            SaleLine.objects.create(sale=bought, engraving="Ada")
            if VENDOR == "postgresql":
                with connection.cursor() as cursor:
                    cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            is_written.set()
            wait_until_somebody_is_blocked()

    def erase():
        assert is_written.wait(PATIENCE)
        return Subject(ada).erase()

    at_once(order, erase)
    bought = Sale.objects.get()
    assert (bought.email, bought.buyer_id) == (f"{bought.pk}@anon.example.com", ada.pk)
    assert not SaleLine.objects.exists()


def test_an_order_that_comes_during_the_erasure_waits_for_its_end():
    ada = account("ada")
    old = sale(ada, "ada@quill.example")
    is_locked = threading.Event()

    def lock_and_tell(*args, lock=erasing._lock):
        lock(*args)
        is_locked.set()
        wait_until_somebody_is_blocked()

    def erase():
        with mock.patch.object(erasing, "_lock", lock_and_tell):
            return Subject(ada).erase()

    def order():
        assert is_locked.wait(PATIENCE)
        return sale(Account(pk=ada.pk), "new@quill.example").pk

    result, new = at_once(erase, order)
    assert result.erased["people.Sale (free)"] == 1
    assert row(old)["email"] == f"{old.pk}@anon.example.com"
    assert Sale.objects.get(pk=new).email == "new@quill.example"
    assert Subject(ada).erase().erased == {"people.Sale (free)": 1}


def test_the_same_person_is_erased_once():
    ada = account("ada")
    Profile.objects.create(account=ada, phone="555")
    SaleLine.objects.create(sale=sale(ada, "ada@quill.example"), engraving="Ada")
    sale(None, "ada@quill.example")
    results = at_once(Subject(ada).erase, Subject(ada).erase)
    one, other = sorted(results, key=lambda each: len(each.operations), reverse=True)
    assert one.erased == {"people.Account": 1, "people.Profile": 1, "people.Sale (free)": 2}
    assert one.deleted == {"people.SaleLine": 1}
    assert (other.operations, other.erased, other.deleted) == ({}, {}, {})
    assert {operation for operation, _ in logged("Sale")} == {one.operations["default"]}
    assert len(logged("Sale")) == 2


def test_somebody_without_an_account_is_erased_once():
    for _ in range(3):
        SaleLine.objects.create(sale=sale(None, "gil@quill.example"), engraving="Gil")
    people = [Subject.find(email="gil@quill.example")[0] for _ in range(2)]
    results = at_once(*(each.erase for each in people))
    assert sorted(each.erased.get("people.Sale (free)", 0) for each in results) == [0, 3]
    assert sorted(each.deleted.get("people.SaleLine", 0) for each in results) == [0, 3]
    assert len(logged("Sale")) == len(logged("SaleLine")) == 3


def test_both_people_of_a_row_at_once():
    ada, bob = account("ada"), account("bob")
    chats = [Chat.objects.create(asker=ada, answerer=bob, question="?", answer="!") for _ in range(20)]
    at_once(Subject(ada).erase, Subject(bob).erase)
    for each in chats:
        assert (row(each)["question"], row(each)["answer"]) == (str(each.pk), str(each.pk))
    assert sorted(part for _, part in logged("Chat")) == ["answerer"] * 20 + ["asker"] * 20
    assert len({operation for operation, _ in logged("Chat")}) == 2


def test_both_people_of_something_shared_are_deleted_at_once():
    """Whoever is the second takes it: the first has left it to the second."""
    ada, bob = account("ada"), account("bob")
    event = Event.objects.create(topic="Jazz")
    for each in (ada, bob):
        Visit.objects.create(event=event, account=each)
    has_decided = threading.Event()

    def first():
        with transaction.atomic():
            ada.delete()
            has_decided.set()
            wait_until_somebody_is_blocked()

    def second():
        assert has_decided.wait(PATIENCE)
        bob.delete()

    at_once(first, second)
    assert not Visit.objects.exists()
    assert row(event)["topic"] == str(event.pk)


def test_both_people_of_something_shared_are_erased_at_once():
    ada, bob = account("ada"), account("bob")
    events = [Event.objects.create(topic="Jazz") for _ in range(20)]
    for event in events:
        for each in (ada, bob):
            Visit.objects.create(event=event, account=each)
    with changed(Visit, on_erasure="delete"):
        results = at_once(Subject(ada).erase, Subject(bob).erase)
    assert [row(each)["topic"] for each in events] == [str(each.pk) for each in events]
    assert sorted(each.erased.get("people.Event", 0) for each in results) == [0, 20]
