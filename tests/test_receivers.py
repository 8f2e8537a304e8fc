import gc
from contextlib import suppress

import pytest
from django.db import connections, transaction
from django.db.models import ProtectedError, QuerySet
from django.db.models.deletion import Collector
from django.db.models.signals import post_delete, pre_delete
from django.test.utils import CaptureQueriesContext
from model_bakery import baker

from gdpr_assist import EventLogError
from gdpr_assist.models import Operation, PrivacyAnonymised
from tests.apps.early.models import EarlyBird
from tests.apps.shop.models import (
    HOUSE_COMPANY,
    Address,
    AuditEntry,
    Badge,
    Category,
    Comment,
    Company,
    Customer,
    Department,
    Employee,
    ExpressOrder,
    ForeignCustomer,
    GiftOrder,
    Invoice,
    Message,
    Order,
    Parcel,
    Product,
    Supplier,
    Visitor,
    Voucher,
)
from tests.databases import new_savepoint
from tests.logbook import (
    anonymised,
    committing,
    customer,
    deleted,
    logged,
    operations,
    receipts,
)
from tests.observing import listening, markers, row

pytestmark = pytest.mark.django_db


class Refused(Exception):
    pass


def refuse(**kwargs):
    raise Refused


class TestOneOperationForEachRun:
    def test_an_object(self):
        person = customer()
        key = person.pk
        with committing():
            assert person.delete() == (1, {"shop.Customer": 1})
        assert logged() == [("default", {deleted("shop.Customer", key)}, True)]
        assert operations() == receipts()

    def test_a_queryset(self):
        keys = [customer(email=f"{number}@quill.example").pk for number in range(3)]
        with committing():
            assert Customer.objects.all().delete() == (3, {"shop.Customer": 3})
        assert logged() == [("default", {deleted("shop.Customer", key) for key in keys}, True)]
        assert operations() == receipts()

    @pytest.mark.parametrize("count", [1, 2, 30])
    def test_the_log_is_written_once_whatever_the_number_of_rows(self, count):
        people = baker.make(Customer, _quantity=count)
        for person in people:
            baker.make(Address, customer=person)
            baker.make(Comment, author=person)
        with CaptureQueriesContext(connections["gdpr_log"]) as queries, committing():
            Customer.objects.all().delete()
        inserts = [each["sql"] for each in queries if "INSERT INTO" in each["sql"]]
        tables = ["gdpr_assist_operation", "gdpr_assist_eventlog", "gdpr_assist_outcome"]
        assert len(inserts) == 3
        assert all(table in sql for table, sql in zip(tables, inserts, strict=True))
        assert len(logged()[0][1]) == 3 * count

    def test_a_cascade_to_other_registered_models_is_part_of_it(self):
        person = customer()
        address = baker.make(Address, customer=person)
        related = [
            baker.make(Comment, author=person),
            baker.make(Message, recipient=person),
            baker.make(Order, customer=person),
            baker.make(Voucher, customer=person),
            baker.make(Customer, referred_by=person),
        ]
        expected = {
            deleted("shop.Customer", person.pk),
            deleted("shop.Address", address.pk),
            *map(anonymised, related),
        }
        with committing():
            person.delete()
        assert logged() == [("default", expected, True)]
        assert operations() == receipts()

    def test_rows_that_were_anonymised_before_and_still_are_are_no_events(self):
        person = customer()
        baker.make(Order, customer=person).anonymise()
        key = person.pk
        with committing():
            person.delete()
        assert logged()[1:] == [("default", {deleted("shop.Customer", key)}, True)]

    def test_a_row_that_stays_and_cannot_be_anonymised_is_no_event(self):
        person = customer()
        entry = baker.make(AuditEntry, customer=person)
        key = person.pk
        with committing():
            person.delete()
        assert row(entry)["customer_id"] is None
        assert logged() == [("default", {deleted("shop.Customer", key)}, True)]

    def test_through_a_related_manager(self):
        person = customer()
        addresses = baker.make(Address, customer=person, _quantity=2)
        with committing():
            person.addresses.all().delete()
        keys = {deleted("shop.Address", each.pk) for each in addresses}
        assert logged() == [("default", keys, True)]

    def test_rows_that_point_at_each_other(self):
        first = EarlyBird.objects.create(name="a", email="a@quill.example")
        second = EarlyBird.objects.create(name="b", email="b@quill.example", referrer=first)
        EarlyBird.objects.filter(pk=first.pk).update(referrer=second)
        keys = {deleted("early.EarlyBird", each.pk) for each in (first, second)}
        with committing():
            EarlyBird.objects.all().delete()
        [(_, events, outcome)] = logged()
        # Django sets the keys of both before it deletes both, so both are anonymised too.
        assert keys <= events
        assert outcome is True

    def test_on_another_alias_with_the_same_key(self):
        here = customer(pk=4711)
        there = customer("other", pk=4711)
        with committing("other"):
            there.delete()
        assert logged() == [("other", {deleted("shop.Customer", 4711)}, True)]
        assert Customer.all_objects.filter(pk=here.pk).exists()
        assert receipts() == set()
        assert receipts("other") == operations()

    def test_one_after_the_other_in_a_transaction(self):
        first, second = customer(), customer(email="second@quill.example")
        keys = first.pk, second.pk
        with committing():
            first.delete()
            second.delete()
        assert logged() == [("default", {deleted("shop.Customer", key)}, True) for key in keys]

    def test_the_same_objects_deleted_saved_and_deleted_again(self):
        person = customer(pk=4711)
        with committing():
            person.delete()
            person.pk = 4711
            person.save(force_insert=True)
            person.delete()
        assert logged() == [("default", {deleted("shop.Customer", 4711)}, True)] * 2

    def test_the_same_queryset_twice(self):
        everybody = Supplier.objects.all()
        keys = []
        with committing():
            for _ in range(2):
                keys.append(baker.make(Supplier).pk)
                everybody.delete()
        assert logged() == [("default", {deleted("shop.Supplier", key)}, True) for key in keys]

    def test_an_empty_queryset(self):
        Customer.objects.none().delete()
        Customer.objects.filter(name="nobody").delete()
        assert logged() == []
        assert receipts() == set()


class TestWhatIsDeletedThroughAnotherClass:
    @pytest.mark.parametrize(
        "delete",
        [
            lambda key: ForeignCustomer.objects.get(pk=key).delete(),
            lambda key: ForeignCustomer.objects.filter(pk=key).delete(),
        ],
        ids=["object", "queryset"],
    )
    def test_a_proxy_is_logged_as_its_concrete_model(self, delete):
        person = customer()
        baker.make(Address, customer=person)
        with committing():
            delete(person.pk)
        [(_, events, outcome)] = logged()
        assert outcome is True
        assert deleted("shop.Customer", person.pk) in events
        assert {label for _, label, _ in events} == {"shop.Customer", "shop.Address"}
        assert len(events) == 2

    def test_a_multi_table_child_with_a_declaration(self):
        order = baker.make(GiftOrder)
        key = order.pk
        with committing():
            order.delete()
        expected = {deleted("shop.GiftOrder", key), deleted("shop.Order", key)}
        assert logged() == [("default", expected, True)]

    def test_a_multi_table_child_without_one(self):
        order = baker.make(ExpressOrder)
        key = order.pk
        with committing():
            order.delete()
        [(_, events, outcome)] = logged()
        assert deleted("shop.Order", key) in events
        assert outcome is True

    def test_the_parent_takes_the_child_with_it(self):
        gift = baker.make(GiftOrder)
        with committing():
            Order.objects.filter(pk=gift.pk).delete()
        expected = {deleted("shop.GiftOrder", gift.pk), deleted("shop.Order", gift.pk)}
        assert logged() == [("default", expected, True)]

    def test_an_unregistered_target_of_registered_rows(self):
        Company.objects.create(pk=HOUSE_COMPANY, name="House")
        company = baker.make(Company, pk=4711)
        rows = [
            baker.make(Employee, company=company),
            baker.make(Visitor, company=company),
            baker.make(Parcel, company=company),
            baker.make(Badge, department=baker.make(Department, company=company)),
        ]
        with committing():
            company.delete()
        assert set().union(*(events for _, events, _ in logged())) == set(map(anonymised, rows))
        assert {outcome for _, _, outcome in logged()} == {True}
        assert operations() == receipts()
        assert all(each.is_anonymised() for each in rows)

    def test_unregistered_rows_are_not_logged(self):
        product = baker.make(Product)
        product.delete()
        Category.objects.all().delete()
        assert logged() == []
        assert receipts() == set()

    def test_the_rows_of_a_many_to_many_field_are_not_logged(self):
        person = customer()
        person.favourites.add(baker.make(Product))
        key = person.pk
        with committing():
            assert person.delete() == (
                2,
                {"shop.Customer": 1, "shop.Customer_favourites": 1},
            )
        assert logged() == [("default", {deleted("shop.Customer", key)}, True)]


class TestMarkers:
    def test_go_with_the_row(self):
        person, other = customer(), customer(email="other@quill.example")
        person.anonymise()
        other.anonymise()
        person.delete()
        assert markers(Customer) == [str(other.pk)]

    def test_of_all_rows_of_a_cascade(self):
        person = customer()
        address = baker.make(Address, customer=person)
        address.anonymise()
        person.delete()
        assert PrivacyAnonymised.objects.count() == 0

    def test_a_new_row_with_the_same_key_is_not_born_anonymised(self):
        customer(pk=4711).anonymise()
        Customer.objects.filter(pk=4711).delete()
        person = customer(pk=4711, name="Somebody else")
        assert not person.is_anonymised()
        person.anonymise()
        assert row(person)["name"] == "4711"

    def test_stay_if_the_deletion_fails(self):
        person = customer()
        person.anonymise()
        Invoice.objects.create(customer=person, total=1)
        with pytest.raises(ProtectedError), transaction.atomic():
            person.delete()
        assert markers(Customer) == [str(person.pk)]


class TestNestedDeletions:
    @pytest.mark.parametrize("signal", [pre_delete, post_delete], ids=["pre", "post"])
    def test_have_operations_of_their_own(self, signal):
        suppliers = baker.make(Supplier, _quantity=2)
        keys = {each.pk for each in suppliers}

        def delete_suppliers(**kwargs):
            Supplier.objects.all().delete()

        person = customer()
        key = person.pk
        with listening(signal, delete_suppliers, Customer), committing():
            person.delete()
        found = {frozenset(events): outcome for _, events, outcome in logged()}
        assert found == {
            frozenset({deleted("shop.Customer", key)}): True,
            frozenset(deleted("shop.Supplier", each) for each in keys): True,
        }
        assert operations() == receipts()

    @pytest.mark.parametrize("signal", [pre_delete, post_delete], ids=["pre", "post"])
    def test_of_the_same_model(self, signal):
        first, second, last = (customer(email=f"{name}@quill.example") for name in ("first", "second", "last"))
        keys = first.pk, second.pk, last.pk
        left = [second]

        def delete_second(instance, **kwargs):
            if left:
                left.pop().delete()

        with listening(signal, delete_second, Customer), committing():
            Customer.objects.filter(pk__in=[first.pk, last.pk]).delete()
        found = {frozenset(events): outcome for _, events, outcome in logged()}
        assert found == {
            frozenset({deleted("shop.Customer", keys[0]), deleted("shop.Customer", keys[2])}): True,
            frozenset({deleted("shop.Customer", keys[1])}): True,
        }

    def test_one_that_fails_inside_a_savepoint_of_its_own(self):
        protected = customer(email="protected@quill.example")
        Invoice.objects.create(customer=protected, total=1)

        def try_to_delete(instance, **kwargs):
            with pytest.raises(ProtectedError), transaction.atomic():
                protected.delete()

        supplier = baker.make(Supplier)
        key = supplier.pk
        with listening(pre_delete, try_to_delete, Supplier), committing():
            supplier.delete()
        assert logged() == [("default", {deleted("shop.Supplier", key)}, True)]

    def test_an_anonymisation_by_a_receiver_is_logged(self):
        supplier = baker.make(Supplier)

        def anonymise(**kwargs):
            supplier.anonymise()

        person = customer()
        key = person.pk
        with listening(pre_delete, anonymise, Customer), committing():
            person.delete()
        logs = logged()
        assert [outcome for _, _, outcome in logs] == [True] * len(logs)
        assert set().union(*(events for _, events, _ in logs)) == {
            anonymised(supplier),
            deleted("shop.Customer", key),
        }


class TestFailedDeletions:
    def test_a_protected_row(self):
        person = customer()
        key = person.pk
        invoice = Invoice.objects.create(customer=person, total=1)
        with pytest.raises(ProtectedError), transaction.atomic():
            person.delete()
        assert logged() == []
        invoice.delete()
        with committing():
            person.delete()
        assert logged() == [("default", {deleted("shop.Customer", key)}, True)]

    @pytest.mark.parametrize("signal", [pre_delete, post_delete], ids=["pre", "post"])
    @pytest.mark.parametrize("kind", ["object", "queryset"])
    def test_a_receiver_that_raises_first_time(self, signal, kind):
        person = customer()
        key = person.pk
        target = person if kind == "object" else Customer.objects.filter(pk=key)
        with listening(signal, refuse, Customer), pytest.raises(Refused), transaction.atomic():
            target.delete()
        assert receipts() == set()
        assert [events for _, events, outcome in logged() if outcome] == []
        with committing():
            target.delete()
        committed = [events for _, events, outcome in logged() if outcome]
        assert committed == [{deleted("shop.Customer", key)}]
        assert len(receipts()) == 1

    def test_the_rows_of_the_failed_one_are_not_logged_with_the_next(self):
        """The same queryset object, which by then finds other rows: the first one must not be replayed away."""
        spared, gone = baker.make(Supplier, _quantity=2)
        suppliers = Supplier.objects.filter(contact_name="delete me")
        Supplier.objects.filter(pk=spared.pk).update(contact_name="delete me")
        with listening(pre_delete, refuse, Supplier), pytest.raises(Refused), transaction.atomic():
            suppliers.delete()
        Supplier.objects.filter(pk=spared.pk).update(contact_name="keep me")
        Supplier.objects.filter(pk=gone.pk).update(contact_name="delete me")
        with committing():
            suppliers.delete()
        assert logged() == [("default", {deleted("shop.Supplier", gone.pk)}, True)]

    def test_nor_if_a_savepoint_was_rolled_back_by_hand(self):
        """Django drops no on_commit callbacks then. The second deletion may be refused, but never logged wrongly."""
        spared, gone = baker.make(Supplier, _quantity=2)
        suppliers = Supplier.objects.filter(contact_name="delete me")
        Supplier.objects.filter(pk=spared.pk).update(contact_name="delete me")
        with committing(), transaction.atomic():
            savepoint = new_savepoint()
            with listening(pre_delete, refuse, Supplier), pytest.raises(Refused):
                suppliers.delete()
            transaction.set_rollback(False)
            transaction.savepoint_rollback(savepoint)
            Supplier.objects.filter(pk=spared.pk).update(contact_name="keep me")
            Supplier.objects.filter(pk=gone.pk).update(contact_name="delete me")
            with suppress(EventLogError), transaction.atomic():
                suppliers.delete()
        assert Supplier.objects.filter(pk=spared.pk).exists()
        is_gone = not Supplier.objects.filter(pk=gone.pk).exists()
        committed = [events for _, events, outcome in logged() if outcome]
        assert committed == [{deleted("shop.Supplier", gone.pk)}] * is_gone

    def test_an_object_at_the_address_of_a_failed_one(self):
        """Deletions are kept apart by the identity of their origin, which Python uses again."""
        spared = customer(email="spared@quill.example")
        with listening(pre_delete, refuse, Customer), pytest.raises(Refused), transaction.atomic():
            Customer.all_objects.get(pk=spared.pk).delete()
        gc.collect()
        keys = [customer(email=f"{number}@quill.example").pk for number in range(20)]
        with committing():
            for key in keys:
                Customer.all_objects.get(pk=key).delete()
        assert logged() == [("default", {deleted("shop.Customer", key)}, True) for key in keys]

    @pytest.mark.django_db(transaction=True)
    @pytest.mark.parametrize("signal", [pre_delete, post_delete], ids=["pre", "post"])
    def test_without_an_outer_transaction(self, signal):
        person = customer()
        key = person.pk
        with listening(signal, refuse, Customer), pytest.raises(Refused):
            person.delete()
        assert Customer.all_objects.filter(pk=key).exists()
        person.delete()
        committed = [events for _, events, outcome in logged() if outcome]
        assert committed == [{deleted("shop.Customer", key)}]
        assert len(receipts()) == 1


class TestCollectorsOfOthers:
    def test_without_an_origin_each_row_is_an_operation(self):
        people = [customer(email=f"{number}@quill.example") for number in range(3)]
        keys = [each.pk for each in people]
        collector = Collector(using="default")
        collector.collect(people)
        with committing():
            collector.delete()
        assert all(len(events) == 1 for _, events, _ in logged())
        assert set().union(*(events for _, events, _ in logged())) == {deleted("shop.Customer", key) for key in keys}
        assert {outcome for _, _, outcome in logged()} == {True}
        assert operations() == receipts()

    def test_with_a_cascade(self):
        person = customer()
        address = baker.make(Address, customer=person)
        comment = baker.make(Comment, author=person)
        expected = {
            deleted("shop.Customer", person.pk),
            deleted("shop.Address", address.pk),
            anonymised(comment),
        }
        collector = Collector(using="default")
        collector.collect([person])
        with committing():
            collector.delete()
        assert set().union(*(events for _, events, _ in logged())) == expected
        assert operations() == receipts()

    def test_collecting_alone_has_no_effect(self):
        person = customer()
        comment = baker.make(Comment, author=person)
        before = row(comment)
        Collector(using="default").collect([person])
        assert row(comment) == before
        assert logged() == []

    def test_a_raw_delete_sends_no_signal_and_is_not_logged(self):
        """The way around the app, for which _log_gdpr_delete is there."""
        person = customer()
        rows = Customer.all_objects.filter(pk=person.pk)
        QuerySet._raw_delete(rows, using="default")
        assert not Operation.objects.using("gdpr_log").exists()
