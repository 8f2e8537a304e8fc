import logging
import uuid
from contextlib import contextmanager, suppress
from datetime import date
from io import StringIO

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import IntegrityError, OperationalError, connections, transaction
from django.db.models import ProtectedError
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from model_bakery import baker

from gdpr_assist import AnonymiseError, EventLogError
from gdpr_assist.log import identity, writing
from gdpr_assist.log.receipts import forget_receipts, legacy_id, write_receipt
from gdpr_assist.models import DatabaseIdentity, EventLog, Operation, Outcome, PrivacyAnonymised, Receipt
from gdpr_assist.signals import post_anonymise
from tests.apps.shop.models import Address, Comment, Customer, Invoice, Message, Order, Supplier
from tests.databases import ALIASES, FAULTS, dump, log_is, new_savepoint, refused, untouched
from tests.logbook import (
    SEEDED,
    anonymised,
    committing,
    customer,
    deleted,
    logged,
    operations,
    receipts,
)
from tests.observing import listening, row


class SecondConnection:
    """What another process sees: only what was committed."""

    def __init__(self):
        self.connections = {using: connections[using].copy() for using in ALIASES}

    def count(self, model, using="default", where="1 = 1"):
        with self.connections[using].cursor() as cursor:
            cursor.execute(f"SELECT COUNT(*) FROM {model._meta.db_table} WHERE {where}")
            return cursor.fetchone()[0]

    def close(self):
        for connection in self.connections.values():
            connection.close()


@pytest.fixture
def second(transactional_db):
    connection = SecondConnection()
    yield connection
    connection.close()


# -- what an erasure writes ------------------------------------------------------------------------


@pytest.mark.django_db
class TestAnonymise:
    def test_an_object_is_one_operation_with_one_event(self):
        person = customer()
        with committing():
            result = person.anonymise()
        assert logged() == [("default", {anonymised(person)}, True)]
        assert operations() == {result.operation} == receipts()

    def test_a_queryset_is_one_operation_with_an_event_for_each_row(self):
        people = [customer(email=f"{number}@quill.example") for number in range(3)]
        with committing():
            result = Customer.objects.anonymise()
        assert logged() == [("default", {anonymised(each) for each in people}, True)]
        assert operations() == {result.operation} == receipts()

    def test_the_log_is_written_in_as_many_queries_for_ten_rows_as_for_two(self):
        def inserts(count):
            baker.make(Supplier, _quantity=count)
            with CaptureQueriesContext(connections["gdpr_log"]) as queries, committing():
                Supplier.objects.anonymise()
            return [each["sql"] for each in queries if "INSERT INTO" in each["sql"]]

        assert len(inserts(2)) == 3  # the operation, its events, its outcome
        assert len(inserts(10)) == 3

    def test_what_was_anonymised_before_is_not_logged_again(self):
        person = customer()
        with committing():
            person.anonymise()
            result = person.anonymise()
        assert result.operation is None
        assert len(logged()) == 1

    def test_force_is_logged_again(self):
        person = customer()
        with committing():
            person.anonymise()
            person.anonymise(force=True)
        assert logged() == [("default", {anonymised(person)}, True)] * 2

    def test_only_the_rows_that_were_not_anonymised_before_are_events(self):
        first, then = customer(), customer(email="then@quill.example")
        first.anonymise()
        with committing():
            Customer.objects.anonymise()
        assert logged()[1] == ("default", {anonymised(then)}, True)

    def test_no_row_is_no_operation(self):
        assert Customer.objects.none().anonymise().operation is None
        assert Customer.objects.filter(name="nobody").anonymise().operation is None
        assert logged() == []
        assert receipts() == set()

    def test_on_another_alias(self):
        customer()
        person = customer("other")
        with committing("other"):
            result = person.anonymise()
        assert logged() == [("other", {anonymised(person)}, True)]
        assert receipts("other") == {result.operation}
        assert receipts("default") == set()

    def test_an_operation_names_the_instance_of_its_database(self):
        with committing(), committing("other"):
            customer().anonymise()
            customer("other").anonymise()
        named = {each.using: each.database_id for each in Operation.objects.using("gdpr_log")}
        assert named == {
            using: DatabaseIdentity.objects.using(using).get().database_id for using in ("default", "other")
        }
        assert named["default"] != named["other"]

    def test_a_database_that_lost_its_id_gets_one_at_the_first_erasure(self):
        DatabaseIdentity.objects.all().delete()
        customer().anonymise()
        assert Operation.objects.using("gdpr_log").get().database_id == DatabaseIdentity.objects.get().database_id


@pytest.mark.django_db
class TestSettings:
    def test_anonymising_is_not_logged_if_the_site_says_so(self, settings):
        settings.GDPR_LOG_ON_ANONYMISE = False
        person = customer()
        with committing():
            assert person.anonymise().operation is None
        assert person.is_anonymised()
        assert logged() == []
        assert receipts() == set()

    def test_deleting_is_logged_all_the_same(self, settings):
        settings.GDPR_LOG_ON_ANONYMISE = False
        person = customer()
        baker.make(Comment, author=person)
        key = person.pk
        with committing():
            person.delete()
        assert logged() == [("default", {deleted("shop.Customer", key)}, True)]

    def test_without_a_log_the_erasure_happens_and_writes_no_receipt(self, settings):
        settings.GDPR_LOG_DATABASE_NAME = None
        person = customer()
        with committing():
            assert person.anonymise().operation is None
        assert row(person)["name"] == str(person.pk)
        with committing():
            person.delete()
        assert not Customer.all_objects.exists()
        assert receipts() == set()
        assert PrivacyAnonymised.objects.count() == 0

    def test_without_a_log_its_database_is_not_asked(self, settings):
        settings.GDPR_LOG_DATABASE_NAME = None
        person = customer()
        with log_is(refused):
            person.anonymise()
            person.delete()
        assert not Customer.all_objects.exists()


# -- by hand ---------------------------------------------------------------------------------------


@pytest.mark.django_db
class TestByHand:
    def test_an_anonymisation(self):
        person = customer()
        before = row(person)
        with committing():
            person._log_gdpr_anonymise()
        assert logged() == [("default", {anonymised(person)}, True)]
        assert operations() == receipts()
        assert row(person) == before
        assert not person.is_anonymised()

    def test_a_deletion(self):
        person = customer("other")
        with committing("other"):
            person._log_gdpr_delete()
        assert logged() == [("other", {deleted("shop.Customer", person.pk)}, True)]
        assert operations() == receipts("other")
        assert Customer.all_objects.using("other").filter(pk=person.pk).exists()

    def test_each_call_is_one_event_whatever_the_settings_say(self, settings):
        settings.GDPR_LOG_ON_ANONYMISE = False
        person = customer()
        with committing():
            person._log_gdpr_anonymise()
            person._log_gdpr_anonymise()
        assert logged() == [("default", {anonymised(person)}, True)] * 2

    def test_nothing_without_a_log(self, settings):
        settings.GDPR_LOG_DATABASE_NAME = None
        with untouched():
            customer_ = Customer(pk=7)
            customer_._log_gdpr_anonymise()
            customer_._log_gdpr_delete()

    @pytest.mark.parametrize("fault", FAULTS)
    @pytest.mark.parametrize("method", ["_log_gdpr_anonymise", "_log_gdpr_delete"])
    def test_a_log_that_cannot_be_written(self, fault, method):
        person = customer()
        with untouched(), log_is(fault), pytest.raises(EventLogError, match="gdpr_log"):
            getattr(person, method)()

    @pytest.mark.parametrize("method", ["_log_gdpr_anonymise", "_log_gdpr_delete"])
    def test_an_unsaved_object_has_no_key_to_log(self, method):
        with untouched(), pytest.raises(AnonymiseError, match=r"shop\.Customer"):
            getattr(Customer(name="Ada"), method)()


# -- the protocol: before COMMIT, with it, and after it --------------------------------------------


class TestOrder:
    def test_events_are_durable_before_the_commit_and_the_outcome_is_not_there(self, second):
        person = customer()
        with transaction.atomic():
            result = person.anonymise()
            assert second.count(Operation, "gdpr_log") == 1
            assert second.count(EventLog, "gdpr_log") == 1
            assert second.count(Outcome, "gdpr_log") == 0
            assert second.count(Receipt) == 0
            assert second.count(PrivacyAnonymised) == 0
            assert second.count(Customer, where=f"name = '{SEEDED['name']}'") == 1
        assert second.count(Outcome, "gdpr_log") == 1
        assert second.count(Receipt) == 1
        assert second.count(PrivacyAnonymised) == 1
        assert second.count(Customer, where=f"name = '{SEEDED['name']}'") == 0
        assert receipts() == {result.operation}

    def test_the_same_for_a_deletion(self, second):
        person = customer()
        with transaction.atomic():
            Customer.objects.filter(pk=person.pk).delete()
            assert second.count(EventLog, "gdpr_log") == 1
            assert second.count(Outcome, "gdpr_log") == 0
            assert second.count(Receipt) == 0
            assert second.count(Customer) == 1
        assert second.count(Outcome, "gdpr_log") == 1
        assert second.count(Receipt) == 1
        assert second.count(Customer) == 0

    @pytest.mark.django_db(transaction=True)
    def test_without_an_outer_transaction(self):
        person = customer()
        person.anonymise()
        key = person.pk
        person.delete()
        assert logged() == [
            ("default", {("anonymise", "shop.Customer", str(key))}, True),
            ("default", {deleted("shop.Customer", key)}, True),
        ]
        assert receipts() == operations()

    @pytest.mark.django_db(transaction=True)
    def test_the_outcome_is_decided_after_the_start(self):
        customer().anonymise()
        operation = Operation.objects.using("gdpr_log").get()
        receipt = Receipt.objects.get()
        outcome = Outcome.objects.using("gdpr_log").get()
        assert operation.started <= receipt.written <= outcome.decided


class Abandoned(Exception):
    pass


@contextmanager
def abandoned_transaction():
    """Roll back what the block did."""
    with suppress(Abandoned), transaction.atomic():
        yield
        raise Abandoned


def fail():
    raise Abandoned


@pytest.mark.django_db(transaction=True)
class TestRollback:
    @pytest.mark.parametrize("door", ["anonymise", "delete"])
    def test_of_the_outer_transaction(self, door):
        person = customer()
        before = row(person)
        with abandoned_transaction():
            getattr(person, door)()
        assert Customer.all_objects.values().get() == before
        [(using, events, outcome)] = logged()
        assert (using, len(events), outcome) == ("default", 1, None)
        assert receipts() == set()
        assert PrivacyAnonymised.objects.count() == 0

    def test_of_a_savepoint_undoes_only_what_was_in_it(self):
        kept, lost = customer(), customer(email="lost@quill.example")
        with transaction.atomic():
            kept.anonymise()
            with abandoned_transaction():
                lost.anonymise()
        assert logged() == [
            ("default", {anonymised(kept)}, True),
            ("default", {anonymised(lost)}, None),
        ]
        assert len(receipts()) == 1
        assert row(lost)["name"] == SEEDED["name"]

    @pytest.mark.parametrize("door", ["anonymise", "delete"])
    def test_of_a_savepoint_by_hand_gives_no_outcome(self, door):
        kept, lost = customer(), customer(email="lost@quill.example")
        before = row(lost)
        with transaction.atomic():
            savepoint = new_savepoint()
            getattr(Customer.objects.filter(pk=lost.pk), door)()
            transaction.savepoint_rollback(savepoint)
            kept.anonymise()
        assert row(lost) == before
        assert [outcome for _, _, outcome in logged()] == [None, True]
        assert logged()[1][1] == {anonymised(kept)}
        assert len(receipts()) == 1

    @pytest.mark.parametrize("door", ["anonymise", "delete"])
    def test_when_the_commit_itself_fails(self, door, monkeypatch):
        person = customer()
        before = row(person)

        def refuse():
            raise IntegrityError("a deferred constraint")

        def erase():
            getattr(person, door)()
            monkeypatch.setattr(connections["default"], "_commit", refuse)

        with pytest.raises(IntegrityError), transaction.atomic():
            erase()
        monkeypatch.undo()
        assert Customer.all_objects.values().get() == before
        assert [outcome for _, _, outcome in logged()] == [None]
        assert receipts() == set()


@pytest.mark.django_db(transaction=True)
class TestLostOutcome:
    def anonymise(self, person, fail_first):
        if fail_first:
            transaction.on_commit(fail)
        person.anonymise()
        if not fail_first:
            transaction.on_commit(fail)

    def test_a_callback_of_somebody_else_that_raises_first(self):
        person = customer()
        with pytest.raises(Abandoned), transaction.atomic():
            self.anonymise(person, fail_first=True)
        assert row(person)["name"] == str(person.pk)
        assert person.is_anonymised()
        assert receipts() == operations()
        assert logged() == [("default", {anonymised(person)}, None)]

    def test_a_callback_of_somebody_else_that_raises_later(self):
        person = customer()
        with pytest.raises(Abandoned), transaction.atomic():
            self.anonymise(person, fail_first=False)
        assert logged() == [("default", {anonymised(person)}, True)]

    def test_a_log_that_goes_away_between_the_events_and_the_outcome(self, caplog):
        person = customer()
        with caplog.at_level(logging.ERROR), log_is(lambda log: None), transaction.atomic():
            result = person.anonymise()
            broken = connections["gdpr_log"]
            broken.close()
            refused(broken)
        assert row(person)["name"] == str(person.pk)
        assert receipts() == {result.operation}
        assert logged() == [("default", {anonymised(person)}, None)]
        assert SEEDED["name"] not in caplog.text


# -- a log that cannot be written ------------------------------------------------------------------


def anonymise(person):
    person.anonymise()


def anonymise_queryset(person):
    Customer.objects.filter(pk=person.pk).anonymise()


def anonymise_in_sets(person):
    Order.objects.filter(customer=person).anonymise()


def delete(person):
    person.delete()


def delete_queryset(person):
    Customer.objects.filter(pk=person.pk).delete()


def delete_related(person):
    person.addresses.all().delete()


DOORS = [
    anonymise,
    anonymise_queryset,
    anonymise_in_sets,
    delete,
    delete_queryset,
    delete_related,
]


def person_with_everything():
    person = customer()
    baker.make(Address, customer=person, street="Quill Lane")
    baker.make(Comment, author=person, body="I live in Quill Lane")
    baker.make(Message, recipient=person)
    baker.make(Order, customer=person, email="orders@quill.example")
    return person


@pytest.mark.django_db
class TestUnreachable:
    @pytest.mark.parametrize("fault", FAULTS)
    @pytest.mark.parametrize("door", DOORS)
    def test_nothing_is_erased(self, fault, door):
        person = person_with_everything()
        memory = {name: value for name, value in vars(person).items() if name != "_state"}
        with untouched(), log_is(fault), pytest.raises(EventLogError), transaction.atomic():
            door(person)
        assert {name: vars(person).get(name) for name in memory} == memory
        assert not person._state.adding

    @pytest.mark.parametrize("door", DOORS)
    def test_the_error_says_where_and_the_cure_and_no_value(self, door):
        person = person_with_everything()
        with log_is(refused), pytest.raises(AnonymiseError) as caught, transaction.atomic():
            door(person)
        assert str(caught.value) == (
            "The event log could not be written (OperationalError on the database alias "
            "'gdpr_log'); nothing was erased. Make the log database reachable and writable, and migrate it "
            "(migrate --database=gdpr_log); then try again."
        )
        assert caught.value.__cause__ is None
        assert caught.value.__suppress_context__

    @pytest.mark.parametrize("door", DOORS)
    def test_an_alias_that_is_not_configured(self, door, settings):
        settings.GDPR_LOG_DATABASE_NAME = "nowhere"
        person = person_with_everything()
        with untouched(), pytest.raises(EventLogError, match="nowhere"), transaction.atomic():
            door(person)

    def test_after_the_log_is_back_the_erasure_happens_once(self):
        person = customer()
        with log_is(refused), pytest.raises(EventLogError), transaction.atomic():
            person.delete()
        key = person.pk
        with committing():
            person.delete()
        assert logged() == [("default", {deleted("shop.Customer", key)}, True)]

    def test_what_the_object_had_loaded_is_still_loaded(self):
        person = customer()
        order = baker.make(Order, customer=person)
        assert order.customer is person
        with log_is(refused), pytest.raises(EventLogError):
            order.anonymise()
        with CaptureQueriesContext(connections["default"]) as queries:
            assert order.customer is person
        assert len(queries) == 0

    def test_a_foreign_error_of_a_receiver_is_not_taken_for_one_of_the_log(self):
        def fail(**kwargs):
            raise RuntimeError("of the project's own")

        person = customer()
        with (
            listening(post_anonymise, fail, Customer),
            untouched(),
            pytest.raises(AnonymiseError, match=r"a receiver of post_anonymise raised RuntimeError") as caught,
        ):
            person.anonymise()
        assert type(caught.value) is AnonymiseError


@pytest.mark.django_db
class TestOpenTransactionOnTheLog:
    @pytest.mark.parametrize("door", DOORS)
    def test_is_refused(self, door):
        person = person_with_everything()
        before = dump("default", "other")
        with (
            transaction.atomic(using="gdpr_log"),
            pytest.raises(EventLogError, match="there is a transaction open on the database alias"),
            transaction.atomic(),
        ):
            door(person)
        assert dump("default", "other") == before
        assert logged() == []


@pytest.mark.django_db(transaction=True)
def test_a_log_without_autocommit_is_refused_too():
    """Django's durable=True does not see a transaction that was opened this way."""
    person = customer()
    log = connections["gdpr_log"]
    log.set_autocommit(False)
    try:
        with pytest.raises(EventLogError, match="gdpr_log"):
            person.anonymise()
    finally:
        log.rollback()
        log.set_autocommit(True)
    assert row(person)["name"] == SEEDED["name"]
    assert not person.is_anonymised()


# -- an erasure of many events is logged in parts --------------------------------------------------


@pytest.mark.django_db(transaction=True)
class TestParts:
    @pytest.fixture(autouse=True)
    def few_events_in_memory(self, transactional_db, monkeypatch):
        monkeypatch.setattr(writing, "EVENTS_IN_MEMORY", 2)
        monkeypatch.setattr("gdpr_assist.databases.rows.LARGEST_BATCH", 2)
        identity.database_id("default")  # as migrating does

    def people(self, count=5):
        return [customer(email=f"{number}@quill.example") for number in range(count)]

    def inserts_of(self, action):
        with CaptureQueriesContext(connections["gdpr_log"]) as queries:
            action()
        return [each["sql"] for each in queries if 'INTO "gdpr_assist_eventlog"' in each["sql"].replace("`", '"')]

    def test_a_queryset_is_one_operation_with_each_event_once(self):
        people = self.people()
        inserts = self.inserts_of(Customer.objects.anonymise)
        assert len(inserts) == 3
        assert logged() == [("default", {anonymised(each) for each in people}, True)]
        assert receipts() == operations()
        assert EventLog.objects.using("gdpr_log").count() == 5

    def test_a_delete_with_a_cascade_and_rows_that_stay(self):
        people = self.people(3)
        addresses = [baker.make(Address, customer=each) for each in people]
        orders = [baker.make(Order, customer=each) for each in people]
        expected = {
            *(deleted("shop.Customer", each.pk) for each in people),
            *(deleted("shop.Address", each.pk) for each in addresses),
            *(anonymised(each) for each in orders),
        }
        inserts = self.inserts_of(Customer.objects.all().delete)
        assert len(inserts) > 1
        assert logged() == [("default", expected, True)]
        assert receipts() == operations()
        assert EventLog.objects.using("gdpr_log").count() == len(expected)
        assert not Customer.all_objects.exists()

    @pytest.mark.parametrize("door", ["anonymise", "delete"])
    def test_a_log_that_fails_at_the_second_part(self, door):
        people = self.people()
        before = dump("default")
        parts = []

        def fail_at_the_second(execute, sql, params, many, context):
            if "gdpr_assist_eventlog" in sql:
                parts.append(sql)
                if len(parts) == 2:
                    raise OperationalError("the disk is full")
            return execute(sql, params, many, context)

        erase = Customer.objects.anonymise if door == "anonymise" else Customer.objects.all().delete
        with (
            connections["gdpr_log"].execute_wrapper(fail_at_the_second),
            pytest.raises(EventLogError, match="nothing was erased"),
        ):
            erase()

        assert len(parts) == 2  # it is not tried again
        assert dump("default") == before
        [(_, events, outcome)] = logged()
        assert (len(events), outcome) == (2, None)
        call_command("gdpr_reconcile", stdout=StringIO())
        assert [outcome for _, _, outcome in logged()] == [False]
        assert [row(each)["name"] for each in people] == [SEEDED["name"]] * 5

    @pytest.mark.parametrize("door", ["anonymise", "delete"])
    def test_an_outer_transaction_that_is_rolled_back(self, door):
        self.people()
        before = dump("default")
        with abandoned_transaction():
            if door == "anonymise":
                Customer.objects.anonymise()
            else:
                Customer.objects.all().delete()
        assert dump("default") == before
        [(_, events, outcome)] = logged()
        assert (len(events), outcome) == (5, None)
        call_command("gdpr_reconcile", stdout=StringIO())
        assert [outcome for _, _, outcome in logged()] == [False]

    def test_a_failure_of_the_erasure_itself_after_the_first_part(self):
        people = self.people()

        def fail(instance, **kwargs):
            if instance.pk == people[-1].pk:
                raise RuntimeError("of the project's own")

        before = dump("default")
        with listening(post_anonymise, fail, Customer), pytest.raises(AnonymiseError, match="post_anonymise"):
            Customer.objects.anonymise()
        assert dump("default") == before
        assert [outcome for _, _, outcome in logged()] == [None]
        call_command("gdpr_reconcile", stdout=StringIO())
        assert [outcome for _, _, outcome in logged()] == [False]


# -- what the log holds ----------------------------------------------------------------------------


@pytest.mark.django_db
def test_the_log_holds_no_personal_data():
    person = person_with_everything()
    user = User.objects.create_user("quillfeather", "ottoline@quillfeather.example", "secret")
    held = customer(name="Held Quill", email="held@quill.example")
    Invoice.objects.create(customer=held, total=1)
    with committing():
        Customer.objects.anonymise()
        user.anonymise()
        user.delete()
        with pytest.raises(ProtectedError):
            held.delete()
        person.delete()
        customer(email="again@quill.example")._log_gdpr_delete()
    text = repr(dump("gdpr_log")).lower()
    assert "shop" in text
    values = [str(value) for value in SEEDED.values() if not isinstance(value, date)]
    values += ["1971-11-23", "datetime.date(1971, 11, 23)", "quill", "secret", "held"]
    assert [value for value in values if value.lower() in text] == []


@pytest.mark.django_db
def test_the_receipt_says_which_and_when_and_who_asked_where_somebody_said_so():
    columns = {field.name for field in Receipt._meta.get_fields()}
    assert columns == {"operation", "written", "by", "remarks"}
    result = customer().anonymise()
    assert isinstance(result.operation, uuid.UUID)
    receipt = Receipt.objects.get()
    assert (receipt.pk, receipt.by, receipt.remarks) == (result.operation, "", None)


# -- who writes twice, and who becomes another -----------------------------------------------------


@pytest.mark.django_db
def test_an_id_that_the_log_has_already_is_refused():
    """At the first attempt it can only be another erasure's; nothing may be counted as logged then."""
    known = customer().anonymise().operation
    Receipt.objects.all().delete()
    erasure = writing.Erasure("default", id=known)
    erasure.add("delete", "shop.Customer", ["4711"], is_hidden=False)
    with untouched(), pytest.raises(EventLogError, match="IntegrityError"), transaction.atomic():
        writing.record(erasure)


@pytest.mark.django_db
def test_a_database_that_becomes_another_keeps_the_receipts_of_rows_of_1x():
    """These rows belong to any database: without their receipts they would be applied again."""
    EventLog(event="delete", app_label="shop", model_name="Customer", target_pk="1").save(using="gdpr_log")
    of_1x = legacy_id(EventLog.objects.using("gdpr_log").get().pk)
    write_receipt(of_1x, "default", timezone.now())
    customer().anonymise()
    forget_receipts("default")
    assert receipts() == {of_1x}
