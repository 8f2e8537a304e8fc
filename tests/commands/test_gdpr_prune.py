import json
import uuid
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, connections
from django.utils import timezone

from gdpr_assist.log import identity, writing
from gdpr_assist.log.receipts import legacy_id, write_receipt
from gdpr_assist.log.reconciliation import shown
from gdpr_assist.log.status import status
from gdpr_assist.models import EventLog, Operation, Outcome, Receipt
from gdpr_assist.routing import here
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


@pytest.fixture
def last():
    """The newest operation to be removed: it stays, without its events."""
    return committed(30.5)


def receipt(operation, age, using="default"):
    write_receipt(operation, using, timezone.now() - timedelta(days=age))
    return operation


def test_what_is_older_is_removed_with_its_events_and_outcome(last):
    committed(31)
    younger = committed(29)
    with untouched("default", "other"):
        assert run() == lines(operations=1)
    assert operations() == {last, younger}
    assert set(EventLog.objects.using("gdpr_log").values_list("operation", flat=True)) == {younger}
    assert set(Outcome.objects.using("gdpr_log").values_list("pk", flat=True)) == {last, younger}


def test_receipts_are_removed_after_twice_the_time(last):
    committed(61)
    kept = [committed(59), committed(31), committed(29)]
    assert run() == lines(operations=3, receipts=1)
    assert receipts() == {last, *kept}
    with untouched():
        assert run() == lines()


def test_on_each_database(last):
    committed(61)
    committed(61, "other")
    others_last = committed(59, "other")
    assert run() == lines(operations=2, receipts=2)
    assert receipts() == {last}
    assert receipts("other") == {others_last}
    assert operations() == {last, others_last}


def test_a_dry_run_says_what_would_be_removed_and_removes_nothing(last):
    committed(31)
    receipt(uuid.uuid4(), 61)
    with untouched():
        assert run("--dry-run") == lines(operations=1, receipts=1, done="to be removed")


@pytest.mark.parametrize("args", [["--dry-run"], []])
def test_as_json(last, args):
    committed(31)
    receipt(uuid.uuid4(), 61)
    numbers = {"operations": 1, "receipts": 1, "hidden_keys": None}
    assert json.loads(run("--json", *args)) == {"dry_run": bool(args), **numbers}


def test_a_dry_run_counts_the_receipts_whose_operations_would_go_too(last):
    committed(61)
    receipt(log(event(DELETE, "shop.Customer", 1), age=61, outcome=None), 61)  # stays, as its operation does
    with untouched():
        assert run("--dry-run") == lines(operations=1, receipts=1, done="to be removed")
    assert run() == lines(operations=1, receipts=1)


def test_a_database_without_the_apps_tables_is_left_out(last):
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


def test_without_words_it_prints_nothing(last):
    committed(61)
    assert run("-v", "0") == ""
    assert operations() == {last}


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
        writing.decide([operation], None)
        self.check()

    def test_what_is_of_another_database(self):
        log(event(DELETE, "shop.Customer", 1), database_id=uuid.uuid4(), age=100, outcome=False)
        self.check()

    def test_rows_of_1x_and_their_receipts(self):
        """They have no time."""
        legacy(event(ANONYMISE, customer()))
        receipt(legacy_id(EventLog.objects.using("gdpr_log").get().pk), 100)
        self.check()


def test_a_receipt_stays_as_long_as_the_log_has_its_operation(last, monkeypatch):
    """Interrupted after the receipts, the next rerun would erase again; so they come last."""
    operation = committed(100)

    def fail(operations):
        raise OperationalError("gone")

    with monkeypatch.context() as patch:
        patch.setattr(writing, "remove_operations", fail)
        with pytest.raises(CommandError, match=r"^A database failed \(OperationalError\)\. Then run"):
            run()
    assert operations() == receipts() == {last, operation}
    assert run() == lines(operations=1, receipts=1)
    assert operations() == receipts() == {last}


def test_interrupted_between_log_and_receipts_it_is_resumed(last, monkeypatch):
    committed(100)

    def fail(operations, using):
        raise OperationalError("gone")

    with monkeypatch.context() as patch:
        patch.setattr("gdpr_assist.log.receipts.remove_receipts", fail)
        with pytest.raises(CommandError):
            run()
    assert operations() == {last}
    assert len(receipts()) == 2
    assert run() == lines(receipts=1)
    assert receipts() == {last}


@pytest.mark.django_db(transaction=True)
def test_operations_are_removed_whole_or_not_at_all(last):
    run()
    committed(100)
    table = connections["gdpr_log"].ops.quote_name(Operation._meta.db_table)

    def fail(log):
        raise OperationalError("gone")

    last = on_statement(f"DELETE FROM {table}", fail)
    with last, untouched(), pytest.raises(CommandError, match="Operational"):
        run()
    assert run() == lines(operations=1, receipts=1)


@pytest.mark.django_db(transaction=True)  # MariaDB ends a transaction where a sequence is raised
def test_a_restored_backup_within_the_time_is_still_served(last):
    """The row of an operation that was pruned is older than every backup: nothing is there to be applied."""
    person = customer()
    committed(31)
    kept = log(event(ANONYMISE, person), age=29)
    run()
    call_command("gdpr_rerun", stdout=StringIO())
    assert person.is_anonymised()
    assert operations() == {last, kept}


# -- a backup that is older than what the log still has ----------------------------------------


def restored(*lost):
    """Bring back the backup of a time when these operations had not taken place."""
    Receipt.objects.filter(pk__in=lost).delete()


def rerun(*args):
    """Return what the command prints, and how it ends."""
    out, failure = StringIO(), ""
    try:
        call_command("gdpr_rerun", *args, stdout=out)
    except CommandError as error:
        failure = str(error)
    return out.getvalue(), failure


def day(operation):
    return shown(Operation.objects.using("gdpr_log").get(pk=operation).started)


def test_the_last_one_stays_until_a_later_one_is_removed(last, settings):
    later = committed(29)
    run()
    settings.GDPR_LOG_RETENTION = timedelta(days=28)
    assert run() == lines(operations=1)
    assert operations() == {later}
    assert not EventLog.objects.using("gdpr_log").exists()


def test_what_was_rolled_back_or_is_to_be_applied_is_not_the_last_one(last):
    log(event(DELETE, "shop.Customer", 1), outcome=False, age=30.4)
    restored(waits := committed(30.3))
    assert run() == lines(operations=1)
    assert operations() == {last, waits}
    assert set(EventLog.objects.using("gdpr_log").values_list("operation", flat=True)) == {waits}


@pytest.mark.django_db(transaction=True)  # MariaDB ends a transaction where a sequence is raised
class TestAnOlderBackup:
    """The log cannot say what came back; that something may have, it says until a person marks it as applied."""

    @pytest.fixture
    def older(self, last):
        """A database with a receipt of 61 days ago, from before what was pruned."""
        known = committed(61)
        pruned = committed(31)
        applied = log(event(DELETE, "shop.Customer", 10**6), age=1)
        run()
        receipt(known, 61)
        restored(pruned, last)
        return known, applied

    def test_gdpr_rerun_lists_it_and_applies_the_rest(self, last, older):
        with untouched("gdpr_log"):
            out, failure = rerun("--dry-run")
        assert "To be applied: 1\n" in out
        out, failure = rerun()
        since = shown(Receipt.objects.get(pk=older[0]).written)
        assert (
            f"Failed: {last} of {day(last)}: pruned: the backup is older than what the log still has. What was erased "
            f"after {since} and up to {day(last)} may be back; erase it by hand, then mark this operation as applied\n"
        ) in out
        assert "Applied: 1\n" in out
        assert failure.startswith("Not well: 1 failed, ")
        assert receipts() == set(older)

    def test_it_says_so_again_with_the_same_times(self, last, older):
        first, _ = rerun()
        again, failure = rerun()
        listed = next(line for line in first.splitlines() if line.startswith("Failed: "))
        assert listed in again
        assert failure

    def test_without_older_receipts_nothing_says_since_when(self, last):
        run()
        restored(last)
        out, _ = rerun()
        assert f"still has. What was erased up to {day(last)} may be back" in out

    def test_gdpr_status_says_so(self, last, older, capsys):
        assert status(here()).databases[0].pruned == Operation.objects.using("gdpr_log").get(pk=last).started
        with pytest.raises(CommandError, match="restored"):
            call_command("gdpr_status", "--fail-on", "restored")
        shown_there = capsys.readouterr().out
        assert f"    also what was pruned from the log, up to {day(last)}  <- the backup is older" in shown_there

    def test_a_person_marks_it_as_applied(self, last, older):
        rerun()
        out, failure = rerun("--mark-applied", str(last))
        assert (failure, "Failed: 0\n" in out) == ("", True)
        assert status(here()).databases[0].states == set()

    def test_the_next_prune_leaves_it_until_then(self, last, older):
        with untouched("gdpr_log"):
            run()
        assert "pruned: the backup is older" in rerun()[0]


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
    ours = identity.database_id("default")
    made = Operation.objects.using("gdpr_log").bulk_create(
        [Operation(database_id=ours, using="default", started=now) for _ in range(1200)]
    )
    Outcome.objects.using("gdpr_log").bulk_create(
        [Outcome(operation=each, committed=False, decided=now) for each in made]
    )
    younger = committed(1)
    assert run() == lines(operations=1200)
    assert operations() == {younger}
