import uuid
from contextlib import contextmanager
from datetime import timedelta
from itertools import chain
from pathlib import Path

import django
import pytest
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.db import OperationalError, connections, models, transaction
from django.db.models.signals import post_delete
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from model_bakery import baker

from gdpr_assist.log import identity, reading
from gdpr_assist.log.legacy import everything
from gdpr_assist.log.legacy import operations as of_1x
from gdpr_assist.log.ownership import needed
from gdpr_assist.log.reading import count_foreign, logged_operations
from gdpr_assist.log.receipts import write_receipt
from gdpr_assist.models import DatabaseIdentity, EventLog, Operation, Outcome, PrivacyAnonymised, Receipt
from gdpr_assist.registry import registry
from gdpr_assist.replay import replay as module
from gdpr_assist.replay.replay import Report, complete_1x, replay
from gdpr_assist.routing import here
from gdpr_assist.signals import post_anonymise
from tests.apps.fields.models import UUIDKey
from tests.apps.own.models import Contract, Person, SignedDocument
from tests.apps.shop.models import (
    Address,
    AuditEntry,
    Comment,
    Customer,
    ForeignCustomer,
    GiftOrder,
    Invoice,
    Order,
    Reply,
    Reservation,
    Supplier,
)
from tests.apps.thirdparty.models import Device
from tests.databases import dump, untouched
from tests.logbook import SEEDED, committing, customer, operations, receipts
from tests.observing import keyed, listening, markers, queries, row, rows

pytestmark = pytest.mark.django_db

GONE = "there is no such model any more; if it was renamed, list this label in PrivacyMeta.former_labels"

DELETE, ANONYMISE = EventLog.EVENT_DELETE, EventLog.EVENT_ANONYMISE


def busy_error(text):
    """Return what a database gives to a statement that waited for another transaction in vain."""
    error = OperationalError(1205, f"{text}: database is locked")
    error.__cause__ = type("LockNotAvailable", (Exception,), {"sqlstate": "55P03"})()
    return error


def rerun(dry_run=False):
    """Replay the whole log, with all events of 1.x; return the report."""
    databases = here()
    report = Report(foreign=count_foreign(databases))
    backlogs = [everything(using, databases) for using in needed(databases)]
    for _ in replay(chain(of_1x(backlogs), logged_operations(databases)), report, dry_run=dry_run):
        pass
    if not dry_run:
        complete_1x(backlogs, report)
    return report


def event(kind, target, key=None):
    """Return what the log says of ``target``: an object, or a label with a key."""
    label = target if isinstance(target, str) else target._meta.label
    app_label, model_name = label.split(".")
    return EventLog(
        event=kind,
        app_label=app_label,
        model_name=model_name,
        target_pk=str(target.pk if key is None else key),
    )


def log(*events, using="default", database_id=None, outcome=True, age=0):
    """Write an operation as a site would have whose database was restored since; return its id."""
    started = timezone.now() - timedelta(days=age)
    operation = Operation.objects.using("gdpr_log").create(
        database_id=database_id or identity.database_id(using),
        using=using,
        started=started,
    )
    for each in events:
        each.operation = operation
        each.save(using="gdpr_log")
    if outcome is not None:
        Outcome.objects.using("gdpr_log").create(operation=operation, committed=outcome, decided=started)
    return operation.pk


def legacy(*events):
    """Write events as 1.x did."""
    for each in events:
        each.save(using="gdpr_log")


def failures(report):
    """Return [(operation id, model label, why)] of what could not be applied."""
    return [(operation.id, label, reason) for operation, label, reason in report.failed]


def numbers(report):
    return report.applied, report.already, len(report.failed)


class Backup:
    """The data databases as they were, without what the log says of later."""

    def __init__(self, *models, using="default"):
        self.using = using
        self.rows = {model: list(model._base_manager.using(using).all()) for model in models}

    def restore(self):
        """As a restore does: not through Django, which would log it."""
        for model in reversed(self.rows):
            model._base_manager.using(self.using).all()._raw_delete(self.using)
        self.forget()
        for objects in self.rows.values():
            for each in objects:
                each.save_base(using=self.using, raw=True, force_insert=True)

    def forget(self):
        Receipt.objects.using(self.using).all().delete()
        PrivacyAnonymised.objects.using(self.using).all().delete()


class TestAfterARestore:
    def test_an_anonymisation_is_applied_again(self):
        person = customer()
        other = customer(email="other@quill.example")
        backup = Backup(Customer)
        with committing():
            person.anonymise()
        anonymised = row(person)
        backup.restore()
        assert row(person)["name"] == SEEDED["name"]
        before = operations()

        report = rerun()

        assert numbers(report) == (1, 0, 0)
        assert (report.rows, report.absent) == (1, 0)
        assert row(person) == anonymised
        assert person.is_anonymised()
        assert row(other)["name"] == SEEDED["name"]
        assert before <= receipts()

    def test_a_deletion_with_its_cascade_is_applied_again_and_writes_no_event(self):
        person = customer()
        baker.make(Address, customer=person)
        comment = baker.make(Comment, author=person, display_name="Ottoline")
        backup = Backup(Customer, Address, Comment)
        key = person.pk
        with committing():
            person.delete()
        comments = rows(Comment)
        backup.restore()
        logs = dump("gdpr_log")

        report = rerun()

        assert numbers(report) == (1, 0, 0)
        assert not Customer.all_objects.filter(pk=key).exists()
        assert not Address.objects.exists()
        assert rows(Comment) == comments
        assert comment.is_anonymised()
        assert dump("gdpr_log") == logs
        assert operations() == receipts()

    def test_the_second_run_changes_nothing(self):
        people = [customer(email=f"{number}@quill.example") for number in range(3)]
        for person in people:
            baker.make(Comment, author=person)
        backup = Backup(Customer, Comment)
        with committing():
            people[0].anonymise()
            people[1].delete()
            Comment.objects.anonymise()
        backup.restore()
        logs = dump("gdpr_log")
        assert numbers(rerun()) == (3, 0, 0)
        assert dump("gdpr_log") == logs
        with untouched():
            assert numbers(rerun()) == (0, 3, 0)

    def test_nothing_is_done_where_nothing_was_restored(self):
        with committing():
            customer().anonymise()
        with untouched():
            assert numbers(rerun()) == (0, 1, 0)

    def test_a_row_that_is_not_there_gets_its_receipt(self):
        operation = log(event(DELETE, "shop.Customer", 4711))
        report = rerun()
        assert numbers(report) == (1, 0, 0)
        assert (report.rows, report.absent) == (0, 1)
        assert receipts() == {operation}

    @pytest.mark.parametrize("kind", [DELETE, ANONYMISE])
    def test_so_a_later_row_with_its_key_is_safe(self, kind):
        log(event(kind, "shop.Customer", 4711))
        rerun()
        customer(pk=4711, name="Somebody else")
        with untouched():
            assert numbers(rerun()) == (0, 1, 0)

    def test_a_row_that_was_filled_again_before_the_backup_is_anonymised_again(self):
        person = customer()
        with committing():
            person.anonymise()
        Customer.all_objects.filter(pk=person.pk).update(phone="0161 555 0199")
        operation = log(event(ANONYMISE, person))
        report = rerun()
        assert numbers(report) == (1, 1, 0)
        assert row(person)["phone"] == ""
        assert markers(Customer) == [str(person.pk)]
        assert operation in receipts()

    def test_a_soft_deleted_row_is_reached(self):
        person = customer(is_deleted=True)
        log(event(ANONYMISE, person))
        assert rerun().rows == 1
        assert row(person)["name"] == str(person.pk)

    def test_operations_are_applied_oldest_first(self):
        """Anonymised and then deleted: a replay the other way round would find nothing to anonymise."""
        person = customer()
        log(event(DELETE, person), age=1)
        log(event(ANONYMISE, person), age=2)
        report = rerun()
        assert numbers(report) == (2, 0, 0)
        assert (report.rows, report.absent) == (2, 0)

    def test_an_operation_on_several_models_has_one_receipt(self):
        person = customer()
        comment = baker.make(Comment)
        address = baker.make(Address)
        operation = log(event(ANONYMISE, person), event(DELETE, address), event(ANONYMISE, comment))
        assert rerun().rows == 3
        assert receipts() == {operation}
        assert row(person)["name"] == str(person.pk)
        assert row(comment)["display_name"] == "Anonymous user"
        assert not Address.objects.exists()

    def test_keys_that_are_uuids(self):
        keyed = baker.make(UUIDKey, name="Ada")
        log(event(ANONYMISE, keyed))
        assert rerun().rows == 1
        assert row(keyed)["name"] == str(keyed.pk)

    def test_a_multi_table_child(self):
        gift = baker.make(GiftOrder, greeting="Happy birthday", recipient="Ada")
        spared = baker.make(GiftOrder, greeting="Get well", recipient="Ada")
        log(event(DELETE, gift), event(DELETE, "shop.Order", gift.pk))
        assert numbers(rerun()) == (1, 0, 0)
        assert list(Order.objects.values_list("pk", flat=True)) == [spared.pk]
        assert list(GiftOrder.objects.values_list("pk", flat=True)) == [spared.pk]

    def test_a_parent_and_its_child_are_anonymised_once_each(self):
        gift = baker.make(GiftOrder)
        backup = Backup(Order)
        with committing():
            Order.objects.anonymise()
        backup.forget()
        seen = []
        with listening(post_anonymise, lambda instance, **kwargs: seen.append(instance.pk), GiftOrder):
            assert numbers(rerun()) == (1, 0, 0)
        assert seen == [gift.pk]

    def test_a_proxy_in_the_log_is_the_same_row(self):
        person = customer()
        log(event(ANONYMISE, ForeignCustomer._meta.label, person.pk))
        assert numbers(rerun()) == (1, 0, 0)
        assert row(person)["name"] == str(person.pk)

    def test_more_rows_than_a_query_holds(self):
        count = 1200
        Supplier.objects.bulk_create([Supplier(contact_name="Ada", since="2020-01-01") for _ in range(count)])
        log(*(event(DELETE, each) for each in Supplier.objects.all()))
        assert rerun().rows == count
        assert not Supplier.objects.exists()

    def test_what_was_applied_before_costs_no_query_each(self):
        def queries():
            with (
                CaptureQueriesContext(connections["default"]) as data,
                CaptureQueriesContext(connections["gdpr_log"]) as log_,
            ):
                rerun()
            return len(data) + len(log_)

        for key in range(2):
            log(event(DELETE, "shop.Customer", key + 1))
        rerun()
        few = queries()
        for key in range(20):
            log(event(DELETE, "shop.Customer", key + 1))
        rerun()
        assert queries() == few


class TestWhatIsLeftAlone:
    def test_undecided_operations_are_counted(self):
        person = customer()
        log(event(DELETE, person), outcome=None)
        with untouched():
            report = rerun()
        assert numbers(report) == (0, 0, 0)
        assert len(report.undecided) == 1

    def test_an_erasure_that_was_rolled_back(self):
        """The way it comes about: events, and no outcome."""
        person = customer()
        with transaction.atomic():
            person.delete()
            transaction.set_rollback(True)
        with untouched():
            assert len(rerun().undecided) == 1
        assert Customer.all_objects.exists()

    def test_operations_that_are_known_to_have_rolled_back(self):
        log(event(DELETE, customer()), outcome=False)
        with untouched():
            report = rerun()
        assert numbers(report) == (0, 0, 0)
        assert report.undecided == []

    def test_operations_of_other_databases_are_counted(self):
        log(event(DELETE, customer()), database_id=uuid.uuid4())
        with untouched():
            report = rerun()
        assert numbers(report) == (0, 0, 0)
        assert report.foreign == 1

    def test_operations_of_an_alias_that_is_not_configured(self):
        log(event(DELETE, customer()), database_id=uuid.uuid4())
        Operation.objects.using("gdpr_log").update(using="gone")
        with untouched():
            assert rerun().foreign == 1

    def test_operations_for_a_database_that_lost_its_id(self):
        log(event(DELETE, customer()))
        DatabaseIdentity.objects.all().delete()
        with untouched():
            assert rerun().foreign == 1

    def test_undecided_operations_of_other_databases_are_foreign(self):
        log(event(DELETE, customer()), database_id=uuid.uuid4(), outcome=None)
        report = rerun()
        assert (report.foreign, report.undecided) == (1, [])

    def test_the_row_with_the_same_key_in_the_other_database(self):
        here, there = customer(pk=4711), customer("other", pk=4711)
        operation = log(event(DELETE, there), using="other")
        with untouched("default"):
            assert numbers(rerun()) == (1, 0, 0)
        assert Customer.all_objects.filter(pk=here.pk).exists()
        assert not Customer.all_objects.using("other").exists()
        assert receipts("other") == {operation}

    def test_anonymising_on_the_other_alias(self):
        here, there = customer(pk=4711), customer("other", pk=4711)
        log(event(ANONYMISE, there), using="other")
        with untouched("default"):
            rerun()
        assert row(there)["name"] == "4711"
        assert row(here)["name"] == SEEDED["name"]
        assert markers(Customer, "other") == ["4711"]


class TestRowsOf1x:
    def test_are_applied_once(self):
        person, other = customer(), customer(email="other@quill.example")
        legacy(event(ANONYMISE, person), event(DELETE, other))
        report = rerun()
        assert numbers(report) == (2, 0, 0)
        assert report.rows == 2
        assert row(person)["name"] == str(person.pk)
        assert not Customer.all_objects.filter(pk=other.pk).exists()
        Customer.all_objects.filter(pk=person.pk).update(phone="0161 555 0199")
        customer(pk=other.pk, email="new@quill.example")
        with untouched():
            assert numbers(rerun()) == (0, 0, 0)

    def test_are_applied_once_each_also_if_they_are_the_same(self):
        legacy(event(DELETE, "shop.Customer", 4711), event(DELETE, "shop.Customer", 4711))
        report = rerun()
        assert numbers(report) == (2, 0, 0)
        assert len(receipts()) == 2

    def test_come_before_all_others(self):
        person = customer()
        log(event(DELETE, person), age=1000)
        legacy(event(ANONYMISE, person))
        report = rerun()
        assert (report.rows, report.absent) == (2, 0)

    def test_go_to_the_database_where_the_router_writes_the_model(self, settings):
        settings.DATABASE_ROUTERS = [*settings.DATABASE_ROUTERS, ToOther()]
        here, there = customer(pk=4711), customer("other", pk=4711)
        legacy(event(DELETE, "shop.Customer", 4711))
        rerun()
        assert Customer.all_objects.using("default").filter(pk=here.pk).exists()
        assert not Customer.all_objects.using("other").filter(pk=there.pk).exists()
        assert len(receipts("other")) == 1

    def test_of_a_model_that_is_gone_are_reported(self):
        legacy(event(DELETE, "gone.Ghost", 1))
        [(_, label, reason)] = failures(rerun())
        assert (label, reason) == ("gone.Ghost", GONE)


class ToOther:
    def db_for_write(self, model, **hints):
        return "other" if model is Customer else None


# Key 1 is of no row: what fails must not depend on it.
CANNOT = {
    "a model that is gone": ("gone.Ghost", "1", GONE),
    "a renamed model": ("shop.Client", "1", GONE),
    "a model that is not registered": (
        "thirdparty.Device",
        "1",
        "the model is not registered any more",
    ),
    "a key of another type": (
        "shop.Customer",
        "b1946ac9-2492-d234-7c62-35b4b2611184",
        "the primary key is of another type now",
    ),
    "a key that is no UUID": (
        "fields.UUIDKey",
        "4711",
        "the primary key is of another type now",
    ),
    "an empty key": ("shop.Customer", "", "the primary key is of another type now"),
}


@contextmanager
def pointed_at(person):
    """Make a table that Django does not know, with a row that points at ``person``."""
    connection = connections["default"]
    key = Customer._meta.pk.rel_db_type(connection)
    checked = "" if connection.vendor == "mysql" else "DEFERRABLE INITIALLY DEFERRED"
    with connection.cursor() as cursor:
        cursor.execute(
            f"CREATE TABLE pointer (customer_id {key} NOT NULL, "
            f"FOREIGN KEY (customer_id) REFERENCES shop_customer (id) {checked})"
        )
        try:
            cursor.execute("INSERT INTO pointer VALUES (%s)", [person.pk])
            yield
        finally:
            cursor.execute("DROP TABLE pointer")


class TestWhatCannotBeApplied:
    def check_rest(self, report, operation, label):
        """The operation is reported and has no receipt; what came after it was applied."""
        assert [(each, where) for each, where, _ in failures(report)] == [(operation, label)]
        assert report.applied == 1
        assert operation not in receipts()
        assert not Supplier.objects.exists()
        return report.failed[0][2]

    def log_rest(self):
        log(event(DELETE, baker.make(Supplier)))

    @pytest.mark.parametrize("kind", [DELETE, ANONYMISE])
    @pytest.mark.parametrize(("label", "key", "reason"), CANNOT.values(), ids=CANNOT)
    def test_is_reported_and_the_rest_goes_on(self, kind, label, key, reason):
        operation = log(event(kind, label, key), age=1)
        self.log_rest()
        assert self.check_rest(rerun(), operation, label) == reason

    @pytest.mark.parametrize("kind", [DELETE, ANONYMISE])
    def test_a_key_too_large_for_its_column(self, kind):
        """No row can have it, so whether it is absent or cannot be applied: the replay goes on."""
        operation = log(event(kind, "shop.Customer", 10**30), age=1)
        self.log_rest()
        report = rerun()
        assert not Supplier.objects.exists()
        assert (operation in receipts()) != (operation in {each for each, *_ in failures(report)})

    def test_a_protected_row(self):
        person = customer()
        Invoice.objects.create(customer=person, total=1)
        operation = log(event(DELETE, person), age=1)
        self.log_rest()
        reason = self.check_rest(rerun(), operation, "shop.Customer")
        assert "ProtectedError" in reason
        assert Customer.all_objects.filter(pk=person.pk).exists()

    def test_a_failing_anonymiser(self):
        guest = baker.make(Reservation, guest="Ada", phone="0161 555 0147")
        before = row(guest)
        operation = log(event(ANONYMISE, guest), age=1)
        self.log_rest()
        reason = self.check_rest(rerun(), operation, "shop.Reservation")
        assert "shop.Reservation.phone" in reason
        assert "0161" not in reason
        assert row(guest) == before
        assert markers(Reservation) == []

    def test_a_receiver_of_the_project_that_raises(self):
        def fail(**kwargs):
            raise LookupError("Ottoline Quillfeather is unknown to the newsletter")

        person = customer()
        operation = log(event(ANONYMISE, person), age=1)
        self.log_rest()
        with listening(post_anonymise, fail, Customer):
            report = rerun()
        reason = self.check_rest(report, operation, "shop.Customer")
        assert "LookupError" in reason
        assert "Ottoline" not in reason

    def test_a_model_that_may_not_be_anonymised_any_more(self):
        entry = baker.make(AuditEntry)
        operation = log(event(ANONYMISE, entry), age=1)
        self.log_rest()
        assert "can_anonymise" in self.check_rest(rerun(), operation, "shop.AuditEntry")

    @pytest.mark.parametrize("is_there", [True, False])
    def test_an_unknown_event(self, is_there):
        key = customer(pk=4711).pk if is_there else 4711
        operation = log(event("frobnic", "shop.Customer", key), age=1)
        self.log_rest()
        reason = self.check_rest(rerun(), operation, "shop.Customer")
        assert reason == "the event is unknown"

    def test_an_operation_is_applied_as_a_whole_or_not_at_all(self):
        person, other = customer(), customer(email="other@quill.example")
        operation = log(event(ANONYMISE, person), event(DELETE, "gone.Ghost", 1))
        with untouched():
            report = rerun()
        assert [each for each, *_ in failures(report)] == [operation]
        assert (report.applied, report.rows) == (0, 0)
        assert row(other)["name"] == SEEDED["name"]

    @pytest.mark.django_db(transaction=True)
    def test_a_row_that_a_constraint_keeps_until_commit(self):
        """The table of another application on the same database; MariaDB refuses at once, the others at COMMIT."""
        person, supplier = customer(), baker.make(Supplier)
        backup = Backup(Customer, Supplier)
        for each in (person, supplier):
            each.delete()
        operation = Operation.objects.using("gdpr_log").order_by("started").first().pk
        backup.restore()
        [person] = Customer.all_objects.all()
        with pointed_at(person):
            report = rerun()
        reason = self.check_rest(report, operation, "shop.Customer")
        assert "IntegrityError" in reason
        assert Customer.all_objects.filter(pk=person.pk).exists()

    def test_it_is_applied_once_the_reason_is_gone(self):
        device = baker.make(Device, owner="Ada", address="10.0.0.1")
        operation = log(event(ANONYMISE, device))
        assert numbers(rerun()) == (0, 0, 1)
        declaration = type("PrivacyMeta", (), {"search_fields": ["owner"]})
        with registry.registered(Device, declaration):
            assert numbers(rerun()) == (1, 0, 0)
            assert numbers(rerun()) == (0, 1, 0)
        assert row(device)["owner"] == str(device.pk)
        assert receipts() == {operation}


if django.VERSION >= (5, 2):
    from tests.apps.fields.models import CompositeKey

    @pytest.fixture
    def composite():
        """A row with a composite key; its model may be found and deleted, not anonymised."""
        declaration = type("PrivacyMeta", (), {"can_anonymise": False, "fields": ["name", "email"]})
        with registry.registered(CompositeKey, declaration):
            yield CompositeKey.objects.create(tenant=1, number=2, name="Ada", email="ada@quill.example")

    class TestCompositeKeys:
        def test_a_deletion_is_applied_again(self, composite):
            other = CompositeKey.objects.create(tenant=2, number=1, name="Bea", email="bea@quill.example")
            backup = Backup(CompositeKey)
            with committing():
                composite.delete()
            backup.restore()
            assert CompositeKey.objects.count() == 2

            report = rerun()

            assert numbers(report) == (1, 0, 0)
            assert (report.rows, report.absent) == (1, 0)
            assert list(CompositeKey.objects.all()) == [other]

        @pytest.mark.parametrize(
            "key", ["", "garbage", "12", "(1, 2)", "[1", '["1"]', '["1", "x"]', '["1", "2", "3"]']
        )
        def test_what_is_no_key_is_reported_and_the_rest_goes_on(self, composite, key):
            operation = log(event(DELETE, "fields.CompositeKey", key), age=1)
            log(event(DELETE, baker.make(Supplier)))
            report = rerun()
            assert failures(report) == [
                (operation, "fields.CompositeKey", "the primary key is of another type now"),
            ]
            assert report.applied == 1
            assert not Supplier.objects.exists()
            assert CompositeKey.objects.filter(pk=composite.pk).exists()


class TestRowsThatProtectOneAnother:
    """More of them than are deleted at once."""

    ROWS = 1100

    def replies(self, to, rows=ROWS):
        """Write replies, the n-th in reply to the ``to(n)``-th; return them."""
        found = [Reply(pk=number + 1) for number in range(rows)]
        for number, each in enumerate(found):
            each.to_id = found[to(number)].pk if 0 <= to(number) < rows else None
        return Reply.objects.bulk_create(found)

    CHAINS = {
        "to the next": lambda number: number + 1,
        "to the one before": lambda number: number - 1,
        "to each other, from afar": lambda number: 1099 - number,
    }

    @pytest.mark.parametrize("to", CHAINS.values(), ids=CHAINS)
    def test_what_went_together_goes_together(self, to):
        backup = self.replies(to)
        with committing():
            Reply.objects.all().delete()
        Reply.objects.bulk_create(backup)
        Receipt.objects.all().delete()

        report = rerun()

        assert (numbers(report), report.rows, report.absent) == ((1, 0, 0), self.ROWS, 0)
        assert not Reply.objects.exists()
        assert operations() == receipts()

    def test_some_that_are_kept_by_a_row_that_stays(self):
        """Nothing of the operation is done."""
        people = self.replies(lambda number: number - 1)
        operation = log(*(event(DELETE, each) for each in people[:-1]))
        with untouched():
            report = rerun()
        assert failures(report) == [(operation, "shop.Reply", "rows of shop.Reply protect it (RestrictedError)")]

    @pytest.mark.parametrize("step", [1, -1], ids=["to the next", "to the one before"])
    def test_with_protect_each_is_an_operation(self, step, monkeypatch):
        """Nobody could delete them together, so that not many are needed."""
        rows = 50
        monkeypatch.setattr(Reply._meta.get_field("to").remote_field, "on_delete", models.PROTECT)
        with pytest.raises(models.ProtectedError):
            Reply.objects.filter(
                pk__in=[each.pk for each in self.replies(lambda number: number + step, rows)]
            ).delete()
        for age, each in enumerate(Reply.objects.order_by("pk")[::-step]):
            log(event(DELETE, each), age=age)
        report = rerun()
        assert (numbers(report), report.rows, report.absent) == ((rows, 0, 0), rows, 0)
        assert not Reply.objects.exists()


class TestOrder:
    def test_a_large_operation_waits_for_the_small_ones_before_it(self, monkeypatch):
        """A unique name becomes one that another row has, so that row must have gone."""
        monkeypatch.setattr(reading, "EVENTS_IN_MEMORY", 1)
        people = [User.objects.create(username=name) for name in ("ada", "bea")]
        named = User.objects.create(username=keyed(people[0]))
        log(event(DELETE, named), age=2)
        log(*(event(ANONYMISE, each) for each in people), age=1)
        assert numbers(rerun()) == (2, 0, 0)
        assert [row(each)["username"] for each in people] == [keyed(each) for each in people]


class TestTogether:
    """Small operations share a transaction."""

    def test_their_number_costs_no_queries(self):
        Customer.all_objects.bulk_create(Customer(name="Ada", email=f"{number}@quill.example") for number in range(60))
        people = list(Customer.all_objects.all())
        for person in people[:3]:
            log(event(DELETE, person))
        few = len(queries(rerun))
        for person in people[3:]:
            log(event(DELETE, person))
        assert len(queries(rerun)) == few
        assert not Customer.all_objects.exists()
        assert len(receipts()) == 60

    def test_one_that_cannot_be_applied_keeps_none_of_the_others(self):
        people = [customer(email=f"{number}@quill.example") for number in range(3)]
        ghost = log(event(DELETE, people[0]), event(DELETE, "gone.Ghost", 1))
        for person in people[1:]:
            log(event(DELETE, person))
        report = rerun()
        assert numbers(report) == (2, 0, 1)
        assert report.rows == 2
        assert ghost not in receipts()
        assert list(Customer.all_objects.all()) == people[:1]

    def test_one_that_somebody_else_applies_at_the_same_time(self, monkeypatch):
        """Its receipt comes in after the receipts were read."""
        people = [customer(email=f"{number}@quill.example") for number in range(3)]
        logged = [log(event(DELETE, person)) for person in people]
        read = module.with_receipts

        def read_too_early(batch):
            there = read(batch)
            monkeypatch.undo()
            write_receipt(logged[0], "default", timezone.now())
            return there

        monkeypatch.setattr(module, "with_receipts", read_too_early)
        assert numbers(rerun()) == (2, 1, 0)
        assert list(Customer.all_objects.all()) == people[:1]

    def test_the_numbers_of_a_step_that_had_to_wait(self, monkeypatch):
        """What was done of it before something stood in its way is done again, and counted once."""
        monkeypatch.setattr(reading, "ROWS_PER_QUERY", 2)
        people = [customer(email=f"{number}@quill.example") for number in range(5)]
        invoice = Invoice.objects.create(customer=people[-1], total=1)
        with registry.registered(Invoice, type("PrivacyMeta", (), {"fields": ["total"], "keep": ["customer"]})):
            log(*(event(DELETE, person) for person in people), event(DELETE, invoice))
            report = rerun()
        assert numbers(report) == (1, 0, 0)
        assert (report.rows, report.absent) == (6, 0)

    @pytest.mark.django_db(transaction=True)
    def test_what_a_receiver_does_after_the_commit_is_done_once(self):
        """Though it may hear of a row twice, as one of the others cannot be applied."""
        person, kept = customer(), customer(email="other@quill.example")
        Invoice.objects.create(customer=kept, total=1)
        log(event(ANONYMISE, person))
        log(event(DELETE, kept))
        heard, done = [], []

        def hear(instance, using, **kwargs):
            heard.append(instance.pk)
            transaction.on_commit(lambda: done.append(instance.pk), using=using)

        with listening(post_anonymise, hear, Customer):
            assert numbers(rerun()) == (1, 0, 1)
        assert (heard, done) == ([person.pk] * 2, [person.pk])

    @pytest.mark.django_db(transaction=True)
    @pytest.mark.parametrize("error", [ConnectionError, busy_error])
    def test_a_callback_of_the_project_that_fails_after_the_commit(self, caplog, error):
        """What is committed is committed; the rest goes on, and what the callback said is not repeated."""
        people = [customer(email=f"{number}@quill.example") for number in range(3)]
        for person in people:
            log(event(DELETE, person))

        def unsubscribe(**kwargs):
            transaction.on_commit(fail)

        def fail():
            raise error("ottoline@quill.example")

        with listening(post_delete, unsubscribe, sender=Customer):
            report = rerun()
        assert (numbers(report), report.busy) == ((3, 0, 0), [])
        assert not Customer.all_objects.exists()
        assert "failed after a COMMIT" in caplog.text
        assert "ottoline" not in caplog.text


class TestDryRun:
    def test_writes_nothing_anywhere(self):
        person, gone = customer(), customer(email="gone@quill.example")
        baker.make(Comment, author=gone)
        customer("other", pk=4711)
        log(event(ANONYMISE, person))
        log(event(DELETE, gone), event(DELETE, "shop.Customer", 4711))
        log(event(DELETE, "shop.Customer", 4711), using="other")
        log(event(DELETE, person), outcome=None)
        legacy(event(DELETE, person))
        with untouched():
            report = rerun(dry_run=True)
        assert numbers(report) == (4, 0, 0)
        assert (report.rows, report.absent, len(report.undecided)) == (4, 1, 1)

    def test_gives_no_id_to_a_database_that_lost_its_own(self):
        log(event(DELETE, customer()))
        DatabaseIdentity.objects.all().delete()
        with untouched():
            rerun(dry_run=True)
        assert not DatabaseIdentity.objects.exists()

    @pytest.mark.parametrize(("label", "key", "reason"), CANNOT.values(), ids=CANNOT)
    def test_reports_what_could_not_be_applied(self, label, key, reason):
        log(event(DELETE, label, key))
        with untouched():
            assert [why for *_, why in rerun(dry_run=True).failed] == [reason]

    def test_does_not_keep_the_run_after_it_from_anything(self):
        person = customer()
        log(event(ANONYMISE, person))
        rerun(dry_run=True)
        assert numbers(rerun()) == (1, 0, 0)
        assert row(person)["name"] == str(person.pk)


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("media_root")
@pytest.mark.parametrize("is_named", [False, True], ids=["nobody else names it", "another row names it"])
def test_the_personal_files_of_a_row_that_is_deleted_again_go(is_named):
    document = SignedDocument(person=Person.objects.create(name="Ada", portrait=""))
    for column in ("scan", "form", "signature"):
        getattr(document, column).save("ada.pdf", ContentFile(b"personal"), save=False)
    document.save()
    paths = {column: Path(getattr(document, column).path) for column in ("scan", "form", "signature")}
    if is_named:
        Contract.objects.create(scan=f"./{document.scan.name}")
    log(event(DELETE, document), event(DELETE, "own.Document", document.document_ptr_id))

    rerun()

    assert not SignedDocument.objects.exists()
    gone = {column for column, path in paths.items() if not path.exists()}
    assert gone == ({"signature"} if is_named else {"scan", "signature"})
