"""A person who changes while she is erased: what is erased is what is hers when her row is locked."""

import threading

import pytest
from django.db import connections, transaction

from gdpr_assist import AnonymiseError, Subject
from gdpr_assist.subjects import erasing
from tests.apps.people.models import Account, Sale
from tests.settings import DB

from .observing import row, unchanged
from .people import account, sale

pytestmark = pytest.mark.django_db

FORMER, LATTER = "ada@quill.example", "lovelace@quill.example"


@pytest.fixture
def before_the_lock(monkeypatch):
    """Return a function that has something done between reading what she is known by and locking her row."""
    lock = erasing._lock

    def before(act):
        def locked(*args):
            act()
            lock(*args)

        monkeypatch.setattr(erasing, "_lock", locked)

    return before


@pytest.mark.parametrize("act", ["erase", "delete"])
def test_who_changes_each_time_is_not_erased(act, before_the_lock, ada):
    guest = sale(email=FORMER)
    before_the_lock(lambda: Account.objects.update(email=LATTER))  # is undone with the rest
    with unchanged(Account, Sale), pytest.raises(AnonymiseError) as caught:
        getattr(Subject(ada), act)()
    assert str(caught.value) == (
        "Who the person is, or what she is known by, has changed 3 times between reading and locking; nothing was "
        "changed. Call it again."
    )
    assert row(guest)["email"] == FORMER


def test_whose_address_is_confirmed_no_more_takes_nothing_by_it(before_the_lock, ada):
    guest = sale(email=FORMER)
    before_the_lock(lambda: Account.objects.update(is_confirmed=False))
    with pytest.raises(AnonymiseError, match="has changed 3 times"):
        Subject(ada).erase()
    assert row(guest)["email"] == FORMER


@pytest.mark.skipif(DB == "sqlite", reason="one writer locks the whole database")
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("act", ["erase", "delete"])
def test_who_changes_her_address_between_reading_and_locking_loses_nothing(act, before_the_lock):
    ada = account("ada")
    former, latter = sale(email=FORMER), sale(email=LATTER)
    person = Subject(ada)
    assert "people.Sale (free): 1 row, by email" in person.preview()
    is_written, is_read = threading.Event(), threading.Event()

    def change():
        try:
            with transaction.atomic():
                Account.objects.filter(pk=ada.pk).update(email=LATTER)
                is_written.set()
                assert is_read.wait(20)
        finally:
            connections.close_all()

    writer = threading.Thread(target=change, daemon=True)
    writer.start()
    assert is_written.wait(20)
    before_the_lock(is_read.set)
    result = getattr(person, act)()
    writer.join(20)
    assert result.erased["people.Sale (free)"] == 1
    assert row(latter)["email"] == f"{latter.pk}@anon.example.com"
    assert row(former)["email"] == FORMER  # nobody's by now
    assert not Account.objects.filter(email__in=[FORMER, LATTER]).exists()
