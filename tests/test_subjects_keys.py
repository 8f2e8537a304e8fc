"""A person is her primary key, whatever column a key to her holds, and whatever key the row of a child has."""

from contextlib import ExitStack

import pytest

from gdpr_assist import Subject
from gdpr_assist.registry import registry
from tests.apps.own.models import Account, Loan, Patron, Reader

from .observing import row

pytestmark = pytest.mark.django_db


def meta(**attributes):
    return type("PrivacyMeta", (), {"keep": [], **attributes})


@pytest.fixture
def declared():
    """The models of people that are not registered, for the time of a test."""
    with ExitStack() as stack:
        for model, attributes in (
            (Patron, {"fields": [], "keep": ["card"], "subject": "self", "identifiers": {"card": "card"}}),
            (Loan, {"fields": [], "keep": ["patron", "guarantor"], "subject": "patron", "actors": ["guarantor"]}),
        ):
            stack.enter_context(registry.registered(model, meta(**attributes)))
        yield


@pytest.mark.usefixtures("declared")
def test_a_key_that_holds_another_column_than_the_primary_key():
    """The card of the one is the primary key of the other."""
    ada = Patron.objects.create(card="A 1")
    bob = Patron.objects.create(card=str(ada.pk))
    hers, his = Loan.objects.create(patron=ada), Loan.objects.create(patron=bob)
    [loans] = [list(each.rows) for each in Subject(ada).rows() if each.model is Loan]
    assert loans == [hers]
    assert Subject(hers).keys == Subject(ada).keys == {Patron: {ada.pk}}
    assert Subject(his).keys == {Patron: {bob.pk}}
    assert [each.keys for each in Subject.find(card=str(ada.pk))] == [{Patron: {bob.pk}}]


def test_a_child_whose_key_is_not_that_of_its_parent():
    person = meta(fields=["nick"], keep=["login"], subject="self", identifiers={})
    # Before its children, as at the start: they are registered for themselves.
    with registry.registered(Account, person):
        stranger = Account.objects.create(login="bob", nick="Bob")
        reader = Reader.objects.create(number=stranger.pk, login="ada", nick="Ada")
        assert reader.pk == stranger.pk
        assert Subject(reader).keys == {Account: {reader.account_id}}
        before = row(stranger)
        assert Subject(reader).erase().erased.keys() >= {"own.Account"}
        assert row(stranger) == before
        assert row(Account.objects.get(pk=reader.account_id))["nick"] != "Ada"
