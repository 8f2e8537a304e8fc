import uuid
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, connections
from django.utils import timezone

from gdpr_assist import eventlog
from gdpr_assist.eventlog import legacy_id, write_receipt
from gdpr_assist.models import EventLog, Operation, Outcome
from tests.databases import database_is, on_statement, refused, untouched, without_tables
from tests.logbook import customer, operations, receipts
from tests.test_replay import ANONYMISE, DELETE, event, legacy, log

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def thirty_days(settings):
    settings.GDPR_LOG_RETENTION = timedelta(days=30)


def run(*args):
    out = StringIO()
    call_command("gdpr_prune", *args, stdout=out)
    return out.getvalue()


def lines(operations=0, receipts=0, done="removed"):
    return f"Operations {done}: {operations}\nReceipts {done}: {receipts}\n"


def committed(age, using="default"):
    """Write an operation of two rows that was committed ``age`` days ago; return its id."""
    operation = log(event(DELETE, "shop.Customer", 1), event(DELETE, "shop.Customer", 2), using=using, age=age)
    return receipt(operation, age, using)


def receipt(operation, age, using="default"):
    write_receipt(operation, using, timezone.now() - timedelta(days=age))
    return operation


def test_what_is_older_is_removed_with_its_events_and_outcome():
    committed(31)
    younger = committed(29)
    with untouched("default", "other"):
        assert run() == lines(operations=1)
    assert operations() == {younger}
    assert EventLog.objects.using("gdpr_log").count() == 2
    assert list(Outcome.objects.using("gdpr_log").values_list("pk", flat=True)) == [younger]


def test_receipts_are_removed_after_twice_the_time():
    committed(61)
    kept = [committed(59), committed(31), committed(29)]
    assert run() == lines(operations=3, receipts=1)
    assert receipts() == set(kept)
    with untouched():
        assert run() == lines()


def test_on_each_database():
    committed(61)
    committed(61, "other")
    assert run() == lines(operations=2, receipts=2)
    assert receipts() | receipts("other") | operations() == set()


def test_a_dry_run_says_what_would_be_removed_and_removes_nothing():
    committed(31)
    receipt(uuid.uuid4(), 61)
    with untouched():
        assert run("--dry-run") == lines(operations=1, receipts=1, done="to be removed")


def test_a_dry_run_counts_the_receipts_whose_operations_would_go_too():
    committed(61)
    receipt(log(event(DELETE, "shop.Customer", 1), age=61, outcome=None), 61)  # stays, as its operation does
    with untouched():
        assert run("--dry-run") == lines(operations=1, receipts=1, done="to be removed")
    assert run() == lines(operations=1, receipts=1)


def test_a_database_without_the_apps_tables_is_left_out():
    committed(61)
    with database_is("other", without_tables):
        assert run() == lines(operations=1, receipts=1)


def test_nothing_is_removed_if_one_of_the_databases_cannot_be_reached():
    committed(61)
    with untouched(), database_is("other", refused), pytest.raises(CommandError) as caught:
        run()
    assert str(caught.value).startswith("The database other (")
    assert ") cannot be read (OperationalError). Is its entry in DATABASES right, and is it running?" in str(
        caught.value
    )


def test_without_words_it_prints_nothing():
    committed(61)
    assert run("-v", "0") == ""
    assert operations() == set()


def test_what_was_rolled_back_has_no_receipt_to_wait_for():
    log(event(DELETE, "shop.Customer", 1), outcome=False, age=31)
    assert run() == lines(operations=1)


class TestStays:
    def check(self):
        with untouched():
            assert run() == lines()

    def test_what_is_still_to_be_applied(self):
        log(event(DELETE, "shop.Customer", 1), age=100)
        self.check()

    def test_what_is_undecided_and_its_receipt(self):
        receipt(log(event(DELETE, "shop.Customer", 1), age=100, outcome=None), 100)
        self.check()

    def test_what_cannot_be_told(self):
        operation = log(event(DELETE, "shop.Customer", 1), age=100, outcome=None)
        eventlog.decide([operation], None)
        self.check()

    def test_what_is_of_another_database(self):
        log(event(DELETE, "shop.Customer", 1), instance=uuid.uuid4(), age=100, outcome=False)
        self.check()

    def test_rows_of_1x_and_their_receipts(self):
        """They have no time."""
        legacy(event(ANONYMISE, customer()))
        receipt(legacy_id(EventLog.objects.using("gdpr_log").get().pk), 100)
        self.check()


def test_a_receipt_stays_as_long_as_the_log_has_its_operation(monkeypatch):
    """Interrupted after the receipts, the next rerun would erase again; so they come last."""
    operation = committed(100)

    def fail(operations):
        raise OperationalError("gone")

    with monkeypatch.context() as patch:
        patch.setattr(eventlog, "remove_operations", fail)
        with untouched(), pytest.raises(CommandError, match=r"^A database failed \(OperationalError\)\. Then run"):
            run()
    assert run() == lines(operations=1, receipts=1)
    assert operation not in operations() | receipts()


def test_interrupted_between_log_and_receipts_it_is_resumed(monkeypatch):
    committed(100)

    def fail(operations, using):
        raise OperationalError("gone")

    with monkeypatch.context() as patch:
        patch.setattr(eventlog, "remove_receipts", fail)
        with pytest.raises(CommandError):
            run()
    assert operations() == set()
    assert len(receipts()) == 1
    assert run() == lines(receipts=1)
    assert receipts() == set()


@pytest.mark.django_db(transaction=True)
def test_operations_are_removed_whole_or_not_at_all():
    committed(100)
    table = connections["gdpr_log"].ops.quote_name(Operation._meta.db_table)

    def fail(log):
        raise OperationalError("gone")

    last = on_statement(f"DELETE FROM {table}", fail)
    with last, untouched(), pytest.raises(CommandError, match="Operational"):
        run()
    assert run() == lines(operations=1, receipts=1)


@pytest.mark.django_db(transaction=True)  # MariaDB ends a transaction where a sequence is raised
def test_a_restored_backup_within_the_time_is_still_served():
    """The row of an operation that was pruned is older than every backup: nothing is there to be applied."""
    person = customer()
    committed(31)
    kept = log(event(ANONYMISE, person), age=29)
    run()
    call_command("gdpr_rerun", stdout=StringIO())
    assert person.is_anonymised()
    assert operations() == {kept}


@pytest.mark.parametrize("value", [None, timedelta(0), timedelta(days=-1), 30, "30", timedelta(days=999_999)])
def test_without_a_time_it_refuses(value, settings):
    settings.GDPR_LOG_RETENTION = value
    committed(1000)
    with untouched(), pytest.raises(CommandError) as caught:
        run()
    assert "GDPR_LOG_RETENTION" in str(caught.value)
    assert "Set it to at least the time that your oldest backup is kept" in str(caught.value)


def test_without_a_log(settings):
    settings.GDPR_LOG_DATABASE_NAME = None
    with pytest.raises(CommandError, match="There is no event log"):
        run()


def test_more_operations_than_a_page():
    now = timezone.now() - timedelta(days=31)
    instance = eventlog.instance_id("default")
    made = Operation.objects.using("gdpr_log").bulk_create(
        [Operation(instance=instance, using="default", started=now) for _ in range(1200)]
    )
    Outcome.objects.using("gdpr_log").bulk_create(
        [Outcome(operation=each, committed=False, decided=now) for each in made]
    )
    younger = committed(1)
    assert run() == lines(operations=1200)
    assert operations() == {younger}
