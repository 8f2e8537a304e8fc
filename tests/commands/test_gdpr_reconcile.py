import re
import uuid
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connections
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from gdpr_assist.eventlog import write_receipt
from gdpr_assist.models import Receipt
from tests.databases import log_is, refused, untouched
from tests.logbook import customer, logged
from tests.test_replay import ANONYMISE, DELETE, event, log

pytestmark = pytest.mark.django_db


def run(*args):
    out = StringIO()
    call_command("gdpr_reconcile", *args, stdout=out)
    return out.getvalue()


def lines(committed=0, rolled_back=0, unknown=0):
    return f"Committed: {committed}\nRolled back: {rolled_back}\nUnknown: {unknown}\nStill in a transaction: 0\n"


def receipt(operation, using="default"):
    write_receipt(operation, using, timezone.now())
    return operation


def outcomes():
    return [outcome for *_, outcome in logged()]


@pytest.fixture
def undecided():
    """Two operations without an outcome: the first took effect."""
    person = customer()
    return receipt(log(event(ANONYMISE, person), outcome=None, age=2)), log(event(DELETE, person), outcome=None, age=1)


@pytest.fixture
def restored():
    """A database that lacks a committed operation."""
    log(event(ANONYMISE, customer(email="before@quill.example")), age=3)


def test_an_empty_log():
    with untouched():
        assert run() == lines()


def test_the_receipt_tells(undecided):
    with untouched("default", "other"):
        assert run() == lines(committed=1, rolled_back=1)
    assert outcomes() == [True, False]


def test_what_is_settled_stays_so(undecided):
    run()
    with untouched():
        assert run() == lines()


def test_a_dry_run_says_the_same_and_writes_nothing(undecided):
    with untouched():
        assert run("--dry-run") == lines(committed=1, rolled_back=1)


def test_operations_of_other_databases_are_left_alone():
    log(event(DELETE, customer()), instance=uuid.uuid4(), outcome=None)
    with untouched():
        assert run() == lines()


def test_each_alias_has_its_own_receipts():
    """The receipt on the one says nothing of an operation on the other."""
    here = log(event(DELETE, "shop.Customer", 1), outcome=None, age=2)
    there = log(event(DELETE, "shop.Customer", 1), using="other", outcome=None, age=1)
    receipt(here, "other")
    receipt(there, "other")
    assert run() == lines(committed=1, rolled_back=1)
    assert outcomes() == [False, True]


def test_settled_operations_cost_no_query():
    def queries():
        captured = [CaptureQueriesContext(connections[using]) for using in ("gdpr_log", "default")]
        with captured[0], captured[1]:
            run()
        return tuple(map(len, captured))

    assert queries() == (1, 0)
    for number in range(20):
        receipt(log(event(DELETE, "shop.Customer", number)))
    assert queries() == (1, 0)


class TestRestored:
    """What has no receipt may have been lost with the restore."""

    def test_it_cannot_be_told(self, restored, undecided):
        printed = run()
        listed, summary = printed.split("\n", 1)
        assert listed == (
            f"{undecided[1]} shop.Customer: unknown; the database was restored. Apply it with gdpr_rerun "
            f"--include-undecided, or say that it did not take effect with gdpr_reconcile --dismiss {undecided[1]}"
        )
        assert summary == lines(committed=1, unknown=1)
        assert outcomes() == [True, True, None]
        assert not re.search("quill|ottoline", printed, re.IGNORECASE)

    def test_a_dry_run_says_the_same_and_writes_nothing(self, restored, undecided):
        with untouched():
            assert run("--dry-run").endswith(lines(committed=1, unknown=1))

    def test_it_is_listed_until_somebody_says(self, restored, undecided):
        run()
        with untouched():
            assert run().endswith(lines(unknown=1))

    def test_it_is_listed_also_when_the_database_has_all_again(self, restored, undecided):
        run()
        call_command("gdpr_rerun", "--since=2999-01-01", stdout=StringIO())
        assert outcomes() == [True, True, None]
        assert run().endswith(lines(unknown=1))

    def test_a_receipt_settles_it_later(self, restored, undecided):
        run()
        receipt(undecided[1])
        assert run() == lines(committed=1)
        assert outcomes() == [True, True, True]

    def test_dismissed(self, restored, undecided):
        run()
        assert run("--dismiss", str(undecided[1])) == lines()
        assert outcomes() == [True, True, False]

    def test_several_are_dismissed(self, restored):
        operations = [log(event(DELETE, "shop.Customer", number), outcome=None) for number in range(2)]
        run()
        assert run(*(f"--dismiss={operation}" for operation in operations)) == lines()
        assert outcomes() == [True, False, False]

    def test_a_dry_run_dismisses_nothing(self, restored, undecided):
        with untouched():
            assert run("--dry-run", "--dismiss", str(undecided[1])).endswith(lines(committed=1, unknown=1))


class TestDismissRefuses:
    def check(self, operation, reason):
        with untouched(), pytest.raises(CommandError) as caught:
            run("--dismiss", str(operation))
        assert str(caught.value) == reason

    def test_what_is_not_in_the_log(self):
        operation = uuid.uuid4()
        self.check(operation, f"{operation} is not an undecided operation of the log; nothing was dismissed.")

    @pytest.mark.parametrize("outcome", [True, False])
    def test_what_is_settled(self, outcome):
        operation = log(event(DELETE, customer()), outcome=outcome)
        self.check(operation, f"{operation} is not an undecided operation of the log; nothing was dismissed.")

    def test_what_took_effect(self, undecided):
        self.check(
            undecided[0],
            f"{undecided[0]} took effect, or is still in its transaction; nothing was dismissed. Run gdpr_reconcile.",
        )

    def test_what_is_of_another_database(self):
        operation = log(event(DELETE, customer()), instance=uuid.uuid4(), outcome=None)
        self.check(operation, f"{operation} is of another database; nothing was dismissed.")

    def test_what_is_no_operation(self):
        with untouched(), pytest.raises(CommandError, match="argument --dismiss: not a uuid"):
            run("--dismiss", "4711")


def test_without_a_log(settings):
    settings.GDPR_LOG_DATABASE_NAME = None
    with untouched(), pytest.raises(CommandError, match="There is no event log"):
        run()


def test_a_log_that_cannot_be_read(undecided):
    with untouched(), log_is(refused), pytest.raises(CommandError, match=r"A database could not be used \(\w+\)"):
        run()


def test_no_receipt_is_left_by_asking(undecided):
    run()
    assert list(Receipt.objects.values_list("pk", flat=True)) == [undecided[0]]
