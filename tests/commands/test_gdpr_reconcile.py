import json
import re
import uuid
from contextlib import suppress
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.core.serializers.json import DjangoJSONEncoder
from django.db import connections, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from gdpr_assist.log.identity import database_id
from gdpr_assist.log.receipts import write_receipt
from gdpr_assist.log.reconciliation import missing, shown
from gdpr_assist.log.writing import decide
from gdpr_assist.models import Operation, Outcome, Receipt
from gdpr_assist.routing import here
from tests.databases import log_is, refused, untouched
from tests.logbook import customer, logged
from tests.test_replay import ANONYMISE, DELETE, event, log

pytestmark = pytest.mark.django_db


def run(*args):
    out = StringIO()
    call_command("gdpr_reconcile", *args, stdout=out)
    return out.getvalue()


WELL = "All is well.\n"


def lines(committed=0, rolled_back=0, unknown=0, foreign=0):
    return (
        f"Committed: {committed}\nRolled back: {rolled_back}\nUnknown: {unknown}\n"
        f"Of other databases, left alone: {foreign}\nStill in a transaction: 0\n"
    ) + ("" if unknown else WELL)


def dry(**numbers):
    """The same for a dry run, which cannot tell the last from the second."""
    printed = lines(**numbers).replace("Rolled back:", "Rolled back, or still in a transaction:")
    return printed.replace("Still in a transaction: 0\n", "")


def run_with_work_left(*args):
    """Return what is printed by a run that ends with exit status 1: something is unknown."""
    out = StringIO()
    with pytest.raises(CommandError, match=r"^Not well: Of \d operations? only a person can tell; see the"):
        call_command("gdpr_reconcile", *args, stdout=out)
    return out.getvalue()


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
        assert run("--dry-run") == dry(committed=1, rolled_back=1)


def test_operations_of_other_databases_are_left_alone():
    log(event(DELETE, customer()), database_id=uuid.uuid4(), outcome=None)
    with untouched():
        assert run() == lines(foreign=1)


def test_each_alias_has_its_own_receipts():
    """The receipt on the one says nothing of an operation on the other."""
    here = log(event(DELETE, "shop.Customer", 1), outcome=None, age=2)
    there = log(event(DELETE, "shop.Customer", 1), using="other", outcome=None, age=1)
    receipt(here, "other")
    receipt(there, "other")
    assert run() == lines(committed=1, rolled_back=1)
    assert outcomes() == [False, True]


class TestContradicted:
    """The log says rolled back, as a copy with the same id found, and the receipt is here."""

    @pytest.fixture
    def wrong(self):
        return receipt(log(event(DELETE, "shop.Customer", 1), outcome=False))

    def test_the_receipt_corrects_it(self, wrong):
        log(event(DELETE, "shop.Customer", 2), outcome=False)
        with untouched("default", "other"):
            listed, summary = run().split("\n", 1)
        assert listed.startswith(f"{wrong} of ")
        assert "delete shop.Customer: took effect, though the log said rolled back; " in listed
        expected = lines().replace("Of other", "Corrected: 1\nOf other")
        assert summary == expected.replace(
            WELL, "Not well: Of 1 operation the log said that it was rolled back; it took effect.\n"
        )
        assert outcomes() == [True, False]
        with untouched():
            assert run() == lines()

    def test_a_dry_run_says_so_and_writes_nothing(self, wrong):
        with untouched():
            assert "Corrected: 1\n" in run("--dry-run")

    def test_a_receipt_of_another_database_says_nothing(self):
        operation = log(event(DELETE, "shop.Customer", 1), outcome=False)
        receipt(operation, "other")
        log(event(DELETE, "shop.Customer", 1), database_id=uuid.uuid4(), outcome=False)
        with untouched():
            assert run() == lines()


@pytest.mark.django_db(transaction=True)
def test_settled_as_rolled_back_while_it_is_under_way():
    """By a copy: the erasure that then commits corrects it."""
    with transaction.atomic():
        customer().anonymise()
        [(*_, outcome)] = logged()
        assert outcome is None
        decide([Operation.objects.using("gdpr_log").get().pk], False)
    assert outcomes() == [True]


def test_settled_operations_cost_no_query():
    """But for those that were rolled back: their receipts are looked for."""

    def queries():
        captured = [CaptureQueriesContext(connections[using]) for using in ("gdpr_log", "default")]
        with captured[0], captured[1]:
            run()
        return tuple(map(len, captured))

    assert queries() == (2, 0)
    for number in range(20):
        receipt(log(event(DELETE, "shop.Customer", number)))
    assert queries() == (2, 0)


class TestRestored:
    """What has no receipt may have been lost with the restore."""

    def test_it_cannot_be_told(self, restored, undecided):
        printed = run_with_work_left()
        started = shown(Operation.objects.using("gdpr_log").get(pk=undecided[1]).started)
        listed, summary = printed.split("\n", 1)
        assert listed == (
            f"{undecided[1]} of {started}, delete shop.Customer: unknown; the database was restored. Apply all that "
            "are with gdpr_rerun --include-undecided, or say that this one did not take effect with gdpr_reconcile "
            f"--dismiss {undecided[1]}"
        )
        assert summary == lines(committed=1, unknown=1)
        assert outcomes() == [True, True, None]
        assert not re.search("quill|ottoline", printed, re.IGNORECASE)

    @pytest.mark.parametrize("args", [["--dry-run"], []])
    def test_as_json(self, restored, undecided, args):
        started = Operation.objects.using("gdpr_log").get(pk=undecided[1]).started
        document = json.loads(run_with_work_left("--json", *args))
        assert document == {
            "is_well": False,
            "wrong": ["Of 1 operation only a person can tell; see the list above."],
            "dry_run": bool(args),
            "committed": 1,
            "rolled_back": 0,
            "foreign": 0,
            "unknown": [
                {
                    "operation": str(undecided[1]),
                    "database": "default",
                    "started": json.loads(json.dumps(started, cls=DjangoJSONEncoder)),
                    "events": [{"event": "delete", "model": "shop.Customer", "part": ""}],
                }
            ],
            "busy": [],
            "corrected": [],
        }

    def test_what_it_did_is_listed_by_model(self, restored):
        events = [(DELETE, "shop.Order"), (ANONYMISE, "shop.Order"), (DELETE, "shop.Customer"), (DELETE, "shop.Order")]
        log(*(event(kind, label, number) for number, (kind, label) in enumerate(events)), outcome=None)
        listed = run_with_work_left().split("\n")[0]
        assert ", delete shop.Customer, anonymise shop.Order, delete shop.Order: unknown; " in listed

    def test_without_words_it_prints_only_what_needs_somebody(self, restored, undecided):
        assert run_with_work_left("-v", "0").count("\n") == 1
        assert run("-v", "0", "--dismiss", str(undecided[1])) == ""

    def test_a_dry_run_says_the_same_and_writes_nothing(self, restored, undecided):
        with untouched():
            assert run_with_work_left("--dry-run").endswith(dry(committed=1, unknown=1))

    def test_it_is_listed_until_somebody_says(self, restored, undecided):
        run_with_work_left()
        with untouched():
            assert run_with_work_left().endswith(lines(unknown=1))

    def test_a_receipt_settles_it_later(self, restored, undecided):
        run_with_work_left()
        receipt(undecided[1])
        assert run() == lines(committed=1)
        assert outcomes() == [True, True, True]

    def test_dismissed(self, restored, undecided):
        run_with_work_left()
        assert run("--dismiss", str(undecided[1])) == lines()
        assert outcomes() == [True, True, False]

    def test_several_are_dismissed(self, restored):
        operations = [log(event(DELETE, "shop.Customer", number), outcome=None) for number in range(2)]
        run_with_work_left()
        assert run(*(f"--dismiss={operation}" for operation in operations)) == lines()
        assert outcomes() == [True, False, False]


@pytest.mark.django_db(transaction=True)  # MariaDB ends a transaction where a sequence is raised
def test_what_is_unknown_is_listed_also_when_the_database_has_all_again(restored, undecided):
    run_with_work_left()
    with suppress(CommandError):  # that something is undecided
        call_command("gdpr_rerun", "--since=2999-01-01", stdout=StringIO())
    assert outcomes() == [True, True, None]
    assert run_with_work_left().endswith(lines(unknown=1))


class TestInstance:
    """The operations under another database id, of which this database is a backup, or which is still alive."""

    @pytest.fixture
    def theirs(self):
        theirs = uuid.uuid4()
        here, there = (log(event(DELETE, "shop.Customer", 1), database_id=theirs, outcome=None, age=n) for n in (2, 1))
        return theirs, receipt(here), there

    def test_what_has_a_receipt_here_is_settled_and_the_rest_left_as_it_is(self, theirs):
        """Where that database is alive, the other operation may be in its transaction there."""
        printed = run_with_work_left(f"--database-id={theirs[0]}")
        assert printed.startswith(f"{theirs[2]} of ")
        assert printed.endswith(lines(committed=1, unknown=1))
        assert outcomes() == [True, None]
        assert Outcome.objects.using("gdpr_log").count() == 1

    def test_it_can_be_dismissed(self, theirs):
        assert run(f"--database-id={theirs[0]}", f"--dismiss={theirs[2]}") == lines(committed=1)
        assert outcomes() == [True, False]

    def test_the_databases_own_id_makes_no_difference(self, undecided):
        assert run(f"--database-id={database_id('default')}") == lines(committed=1, rolled_back=1)

    def test_an_id_that_the_log_does_not_have(self, theirs):
        nobody = uuid.uuid4()
        with untouched(), pytest.raises(CommandError) as caught:
            run(f"--database-id={nobody}")
        assert str(caught.value) == f"The log has no operations under the database id {nobody}."


class TestDismissRefuses:
    def check(self, operation, reason):
        with untouched(), pytest.raises(CommandError) as caught:
            run("--dismiss", str(operation))
        assert str(caught.value) == f"{operation} {reason}; nothing was dismissed."

    def test_what_is_not_in_the_log(self):
        self.check(uuid.uuid4(), "is not in the log")

    @pytest.mark.parametrize(("outcome", "word"), [(True, "committed"), (False, "rolled back")])
    def test_what_is_settled(self, outcome, word):
        self.check(log(event(DELETE, customer()), outcome=outcome), f"is settled: it was {word}")

    def test_what_took_effect(self, undecided):
        self.check(undecided[0], "took effect, as its receipt says; gdpr_reconcile notes that")

    def test_what_is_of_another_database(self):
        theirs = uuid.uuid4()
        operation = log(event(DELETE, customer()), database_id=theirs, outcome=None)
        self.check(operation, "is of another database under the alias 'default'")

    def test_all_if_one_of_them_cannot_be(self, undecided):
        with untouched(), pytest.raises(CommandError, match=r"nothing was dismissed\.$"):
            run(f"--dismiss={undecided[1]}", f"--dismiss={undecided[0]}")

    def test_in_a_dry_run(self, undecided):
        with untouched(), pytest.raises(CommandError, match="--dry-run writes nothing: leave out --dismiss"):
            run("--dry-run", "--dismiss", str(undecided[1]))

    def test_what_is_no_operation(self):
        with untouched(), pytest.raises(CommandError, match="argument --dismiss: not an id as gdpr_rerun prints it"):
            run("--dismiss", "4711")


def test_without_a_log(settings):
    settings.GDPR_LOG_DATABASE_NAME = None
    with untouched(), pytest.raises(CommandError, match="There is no event log"):
        run()


def test_a_log_that_cannot_be_read(undecided):
    with untouched(), log_is(refused), pytest.raises(CommandError) as caught:
        run()
    assert re.fullmatch(
        r"The database gdpr_log \(.+\) cannot be read \(OperationalError\)\. Is its entry in DATABASES right, and is "
        r"it running\? Then run the command again: what is done is not done twice\.",
        str(caught.value),
    )


def test_no_receipt_is_left_by_asking(undecided):
    run()
    assert list(Receipt.objects.values_list("pk", flat=True)) == [undecided[0]]


@pytest.mark.django_db(transaction=True)
def test_what_ends_while_it_is_looked_at_is_not_missing():
    """Outcomes are read before receipts: an operation that ends in between has its receipt by then."""
    operation = log(event(DELETE, "shop.Customer", 1), outcome=None)
    ended = []

    def end(execute, sql, params, many, context):
        result = execute(sql, params, many, context)
        if not ended and sql.startswith("SELECT") and ("gdpr_assist_outcome" in sql or "gdpr_assist_receipt" in sql):
            ended.append(operation)
            receipt(operation)
            decide([operation], True)
        return result

    with connections["gdpr_log"].execute_wrapper(end), connections["default"].execute_wrapper(end):
        assert list(missing("default", here())) == []
    assert ended == [operation]
