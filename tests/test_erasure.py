"""``erase``: who asked for it is told to receivers, in the transaction that erases."""

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.db import connections, transaction
from model_bakery import baker

from gdpr_assist import AnonymiseError
from gdpr_assist.erasure import erase
from gdpr_assist.models import EventLog, Receipt
from gdpr_assist.planning.plans import plan
from gdpr_assist.signals import erased
from tests.apps.shop.models import Customer, ForeignCustomer, Order

from .observing import listening, markers, rows

pytestmark = pytest.mark.django_db(databases=["default", "gdpr_log"])


@pytest.fixture
def heard():
    """What receivers of ``erased`` are told, in the order in which they are."""
    told = []

    def hear(sender, keys, using, operation, by, after, **kwargs):
        assert connections[using].in_atomic_block
        told.append((sender, keys, using, operation, by))

    with listening(erased, hear):
        yield told


@pytest.fixture
def officer():
    return baker.make(User)


def test_each_plan_is_told_with_the_rows_that_it_has_changed(heard, officer):
    first, second, third = baker.make(Customer, _quantity=3)
    order = baker.make(Order, customer=third)
    second.anonymise()
    results = erase([plan(Customer.objects.all()), plan(Order.objects.filter(customer=third))], by=officer)

    (operation,) = {each.operation for each in results}
    assert operation is not None
    assert heard == [
        (Customer, [first.pk, third.pk], "default", operation, officer),
        (Order, [order.pk], "default", operation, officer),
    ]


def test_with_force_the_marked_rows_are_told_too(heard, officer):
    customer = baker.make(Customer)
    customer.anonymise()
    erase([plan(Customer.objects.all(), force=True)], by=officer)
    assert [keys for _, keys, *_ in heard] == [[customer.pk]]


def test_a_row_of_two_plans_is_told_once(heard, officer):
    customer = baker.make(Customer)
    erase([plan(Customer.objects.all()), plan(Customer.objects.filter(pk=customer.pk))], by=officer)
    assert [keys for _, keys, *_ in heard] == [[customer.pk], []]
    assert LogEntry.objects.count() == 1


@pytest.mark.django_db(transaction=True, databases=["default", "gdpr_log"])
def test_what_is_done_after_comes_when_the_rows_are_committed(officer):
    customer = baker.make(Customer)
    called = []

    def hear(after, **kwargs):
        after(lambda: called.append(connections["default"].in_atomic_block))

    with listening(erased, hear):
        with transaction.atomic():
            erase([plan(customer)], by=officer)
            assert called == []
        assert called == [False]


def test_a_proxy_is_told_as_what_was_asked_for(heard, officer):
    customer = ForeignCustomer.objects.get(pk=baker.make(Customer).pk)
    erase([plan(customer)], by=officer)
    assert [(sender, keys) for sender, keys, *_ in heard] == [(ForeignCustomer, [customer.pk])]


def test_where_nobody_is_named_nobody_is_told_and_no_keys_are_read(heard):
    baker.make(Customer)
    assert erase([plan(Customer.objects.all())])[0].anonymised == 1
    assert heard == []
    assert not LogEntry.objects.exists()


def test_what_a_receiver_raises_undoes_all(officer):
    customer = baker.make(Customer, name="Ada")

    def refuse(**kwargs):
        raise AnonymiseError("The desk is closed.")

    with listening(erased, refuse), pytest.raises(AnonymiseError, match=r"^The desk is closed\.$"):
        erase([plan(customer)], by=officer)

    assert rows(Customer)[0]["name"] == "Ada"
    assert (markers(Customer), EventLog.objects.count(), Receipt.objects.count()) == ([], 0, 0)


def test_a_user_gets_an_entry_in_the_admins_history_for_each_row(officer):
    customers = baker.make(Customer, name="Ada", _quantity=2)
    erase([plan(Customer.objects.all())], by=officer)

    entries = LogEntry.objects.order_by("object_id").values_list("user", "object_id", "object_repr")
    assert list(entries) == [(officer.pk, str(each.pk), f"shop.Customer {each.pk}") for each in customers]


@pytest.mark.parametrize("by", [User(), User(pk=4711)], ids=["no key", "a key of its own"])
def test_a_user_who_is_not_saved_is_refused_before_anything_is_changed(heard, by):
    customer = baker.make(Customer, name="Ada")
    with pytest.raises(
        AnonymiseError, match=r"^erase\(by=\.\.\.\): this auth\.User is not saved, .* nothing was changed"
    ):
        erase([plan(customer)], by=by)
    assert rows(Customer)[0]["name"] == "Ada"
    assert (markers(Customer), EventLog.objects.count(), heard) == ([], 0, [])


def test_anything_else_that_asked_gets_none(heard):
    erase([plan(baker.make(Customer))], by="the nightly job")
    assert heard[0][-1] == "the nightly job"
    assert not LogEntry.objects.exists()
