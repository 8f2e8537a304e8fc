import json
import re
import uuid
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import ProgrammingError, connections
from django.test import override_settings
from django.utils import timezone as django_timezone

from gdpr_assist.log.receipts import legacy_id, write_receipt
from gdpr_assist.log.status import STATES
from gdpr_assist.models import EventLog, Operation
from gdpr_assist.pages import DOCUMENTATION
from tests.databases import database_is, log_is, refused, untouched, without_tables
from tests.logbook import customer
from tests.test_replay import ANONYMISE, DELETE, event, legacy, log

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def careful_server(monkeypatch):
    """A server for tests may be set up to be fast. What it says of that: tests/test_servers.py."""
    monkeypatch.setattr("gdpr_assist.databases.servers.DURABLE", {})


WELL = "All is well.\n"


def run(*args):
    out = StringIO()
    call_command("gdpr_status", *args, stdout=out)
    return out.getvalue()


def database(using, committed=0, rolled_back=0, undecided="0", missing="0", unlogged="0", unclaimed_1x=0):
    of_1x = f"  events of 1.x that may be missing here: {unclaimed_1x}  <- run gdpr_upgrade\n" if unclaimed_1x else ""
    return (
        f"Database {using}\n  committed: {committed}\n  rolled back: {rolled_back}\n  undecided: {undecided}\n"
        f"  missing here: {missing}\n{of_1x}  missing in the log: {unlogged}\n"
    )


def verdict(*states):
    """Return the last line."""
    return "Not well: " + " ".join(f"{state}: {STATES[state]}." for state in states) + "\n" if states else WELL


def screen(*databases, legacy=0, foreign=0, wrong=()):
    return (
        "Event log gdpr_log: can be read\n"
        f"  rows of 1.x, without an operation: {legacy}\n  operations of other databases: {foreign}\n"
        + "".join(databases)
        + verdict(*wrong)
    )


def receipt(operation, using="default"):
    write_receipt(operation, using, django_timezone.now())
    return operation


def fails(*states):
    """Return the states for which a monitor with ``--fail-on`` would ring, asked one by one."""
    found = set()
    for state in STATES:
        with suppress(CommandError):
            run("--fail-on", state)
            continue
        found.add(state)
    return found


def test_an_empty_log():
    with untouched():
        assert run() == screen(database("default"), database("other"))
    assert fails() == set()


def test_operations_by_state():
    person = customer()
    for _ in range(2):
        receipt(log(event(ANONYMISE, person)))
    log(event(ANONYMISE, person), outcome=False)
    with override_settings(TIME_ZONE="UTC"):
        for day in (9, 8):
            operation = log(event(DELETE, person), outcome=None)
            started = datetime(2026, 3, day, 4, 5, 6, tzinfo=timezone.utc)
            Operation.objects.using("gdpr_log").filter(pk=operation).update(started=started)
        receipt(log(event(DELETE, "shop.Customer", 4711), using="other"), "other")
        receipt(log(event(DELETE, person), database_id=uuid.uuid4()))
        legacy(event(DELETE, person), event(ANONYMISE, person))
        with untouched():
            printed = run()
    assert printed == screen(
        database(
            "default",
            committed=2,
            rolled_back=1,
            undecided="2, the oldest of 2026-03-08 04:05:06+00:00",
            unclaimed_1x=2,
        ),
        database("other", committed=1),
        legacy=2,
        foreign=1,
        wrong=["undecided", "upgrade"],
    )
    assert not re.search("quill|ottoline|4711", printed, re.IGNORECASE)
    assert fails() == {"undecided", "upgrade"}


@pytest.mark.django_db(transaction=True)  # MariaDB ends a transaction where a sequence is raised
def test_a_database_that_looks_restored():
    receipt(log(event(ANONYMISE, customer())))
    log(event(ANONYMISE, customer(email="other@quill.example")))
    assert (
        "  missing here: 1  <- restored? run gdpr_rerun; cure what it lists as failed, or mark it as applied\n"
        in run()
    )
    assert fails() == {"restored"}
    call_command("gdpr_rerun", stdout=StringIO())
    assert fails() == set()


@pytest.mark.django_db(transaction=True)
def test_what_was_left_over_from_a_restore():
    receipt(log(event(ANONYMISE, customer())))
    log(event(ANONYMISE, customer(email="other@quill.example")))
    log(event(DELETE, "shop.Customer", 4711), outcome=None)
    with pytest.raises(CommandError, match="1 undecided"):
        call_command("gdpr_rerun", stdout=StringIO())
    assert "\n    of these, left over from a restore: 1; gdpr_reconcile lists them\n" in run()
    assert fails() == {"undecided"}


def test_an_outcome_that_a_receipt_contradicts():
    """A copy that has the same id and shares the log has settled it while it was under way here."""
    receipt(log(event(ANONYMISE, customer()), outcome=False))
    log(event(ANONYMISE, customer(email="other@quill.example")), outcome=False)
    with untouched():
        assert (
            "  took effect, though the log says rolled back: 1  <- run gdpr_reconcile; does a copy with the same id "
            "share the log?\n"
        ) in run()
    assert fails() == {"contradicted"}
    call_command("gdpr_reconcile", stdout=StringIO())
    assert fails() == set()


def test_a_log_that_looks_restored():
    receipt(log(event(ANONYMISE, customer())))
    receipt(uuid.uuid4())
    assert (
        "  missing in the log: 1  <- the log was restored, or is the wrong one; if it was restored, back up now\n"
        in run()
    )
    assert fails() == {"log-restored"}


def test_receipts_older_than_the_retention_time_are_not_missed(settings):
    """What the log had of them was pruned."""
    settings.GDPR_LOG_RETENTION = timedelta(days=30)
    write_receipt(uuid.uuid4(), "default", django_timezone.now() - timedelta(days=31))
    assert fails() == set()
    write_receipt(uuid.uuid4(), "default", django_timezone.now() - timedelta(days=29))
    assert fails() == {"log-restored"}


@pytest.mark.parametrize("value", [30, timedelta(days=999_999)])
def test_a_retention_time_that_is_none(value, settings):
    settings.GDPR_LOG_RETENTION = value
    with pytest.raises(CommandError, match="GDPR_LOG_RETENTION says how long the log is kept"):
        run()


def test_operations_under_another_database_id_that_are_not_here():
    """The database was restored from a backup of before it had its id, and something was erased since."""
    theirs = uuid.uuid4()
    receipt(log(event(DELETE, "shop.Customer", 1)))
    log(event(DELETE, "shop.Customer", 2), database_id=theirs, outcome=False)
    assert fails() == set()
    operation = log(event(DELETE, "shop.Customer", 3), database_id=theirs)
    assert (
        "  under other database ids, and missing here: 1  <- of copies or other sites, or of this database before it "
        "had its id" in run()
    )
    assert fails() == {"foreign"}
    receipt(operation)
    assert fails() == set()


class TestNotMigrated:
    """An empty database in the place of the one that there was."""

    def test_where_a_registered_model_is_written(self):
        with database_is("default", without_tables):
            assert run() == screen(
                "Database default: not migrated: run migrate\n", database("other"), wrong=["unreachable"]
            )
            assert {"unreachable", "restored"} <= fails()

    def test_where_the_log_has_operations(self):
        receipt(log(event(DELETE, "shop.Customer", 1), using="other"), "other")
        with database_is("other", without_tables):
            assert run() == screen(
                database("default"),
                "Database other: not migrated: run migrate --database=other\n",
                wrong=["unreachable"],
            )

    def test_elsewhere_it_is_left_out(self):
        with database_is("other", without_tables):
            assert run() == screen(database("default"))
        assert fails() == set()


def test_operations_of_a_database_that_cannot_be_read_are_not_anothers():
    log(event(DELETE, "shop.Customer", 1), using="other")
    log(event(DELETE, "shop.Customer", 2), database_id=uuid.uuid4(), outcome=False)
    with database_is("other", refused):
        printed = run()
    assert printed == screen(
        database("default"),
        "Database other: cannot be read (OperationalError): is it reachable?\n",
        foreign=1,
        wrong=["unreachable"],
    )


def test_an_empty_entry_of_the_setting_is_no_database(monkeypatch):
    monkeypatch.setitem(connections.databases, "unused", {"ENGINE": "django.db.backends.dummy"})
    assert run() == screen(database("default"), database("other"))


def test_without_words_it_prints_nothing():
    log(event(DELETE, "shop.Customer", 1))
    assert run("-v", "0") == ""
    with pytest.raises(CommandError, match="restored"):
        run("-v", "0", "--fail-on", "restored")


def test_receipts_for_rows_of_1x_are_not_missed():
    """They stand for rows of the log that have no operation."""
    legacy(event(ANONYMISE, customer()))
    receipt(legacy_id(EventLog.objects.using("gdpr_log").get().pk))
    assert fails() == {"upgrade"}


CAN_BE_READ = "can be read; what it lacks, only the log could tell"


@pytest.mark.parametrize(
    ("fault", "trouble"),
    [
        (refused, "cannot be read (OperationalError): is it reachable?"),
        (without_tables, "not migrated: run migrate --database=gdpr_log"),
    ],
)
def test_a_log_that_cannot_be_read(fault, trouble):
    log(event(ANONYMISE, customer()), outcome=None)
    with untouched(), log_is(fault):
        assert run() == (
            f"Event log gdpr_log: {trouble}\nDatabase default: {CAN_BE_READ}\nDatabase other: {CAN_BE_READ}\n"
            + verdict("unreachable")
        )
        assert fails() == set(STATES)


def test_a_log_that_the_role_may_only_write():
    def deny(execute, sql, params, many, context):
        if EventLog._meta.db_table in sql:
            raise ProgrammingError("permission denied")
        return execute(sql, params, many, context)

    with connections["gdpr_log"].execute_wrapper(deny):
        printed = run().splitlines()
    assert printed[0] == (
        "Event log gdpr_log: cannot be read (ProgrammingError): may its role read it "
        f"({DOCUMENTATION}howto/protect_the_log.html)?"
    )


def test_before_anything_is_migrated_each_has_its_cure():
    """Nothing registered is written on ``other``: that it is not migrated is in order."""
    with log_is(without_tables), database_is("default", without_tables), database_is("other", without_tables):
        assert run() == (
            "Event log gdpr_log: not migrated: run migrate --database=gdpr_log\n"
            "Database default: not migrated: run migrate\n" + verdict("unreachable")
        )
        assert fails() == set(STATES)


def test_where_nothing_can_be_reached_everything_is_named():
    with log_is(refused), database_is("default", refused), database_is("other", refused):
        *printed, _ = run().splitlines()
    assert printed == [
        f"{name}: cannot be read (OperationalError): is it reachable?"
        for name in ("Event log gdpr_log", "Database default", "Database other")
    ]


def test_several_states_at_once():
    log(event(ANONYMISE, customer()))
    log(event(DELETE, "shop.Customer", 4711), outcome=None)
    with pytest.raises(CommandError) as caught:
        run("--fail-on", "log-restored", "restored", "undecided")
    assert str(caught.value) == verdict("undecided", "restored").rstrip()


def test_the_option_may_be_repeated():
    log(event(ANONYMISE, customer()))
    with pytest.raises(CommandError, match="restored"):
        run("--fail-on", "restored", "--fail-on", "log-restored")


def test_a_state_that_there_is_not():
    with pytest.raises(CommandError, match="invalid choice: 'nonsense'"):
        run("--fail-on", "nonsense")


def test_without_a_log(settings):
    settings.GDPR_LOG_DATABASE_NAME = None
    with pytest.raises(CommandError, match="There is no event log"):
        run()


def test_from_a_shell(site):
    """The backup is back, and lacks an anonymisation and a deletion."""
    done = site.run("gdpr_status", "--fail-on", "restored", "unreachable")
    assert (done.returncode, done.stderr) == (0, "")
    site.restore()
    done = site.run("gdpr_status", "--fail-on", "restored", "unreachable")
    assert done.returncode == 1
    assert "  missing here: 2  <- restored? run gdpr_rerun" in done.stdout
    assert done.stderr == f"CommandError: {verdict('restored')}"
    (site.directory / "log.sqlite3").write_bytes(b"not a database, and longer than the header of one" * 10)
    done = site.run("gdpr_status", "--fail-on", "restored", "unreachable")
    assert done.stdout.splitlines()[0] == "Event log gdpr_log: cannot be read (DatabaseError): is it reachable?"
    assert done.stderr == f"CommandError: {verdict('unreachable')}"


class TestUndecidedUnderAnotherId:
    def strays(self):
        return [line for line in run().splitlines() if "of no id that this database has" in line]

    def test_one_that_nothing_was_committed_under(self):
        lost = uuid.uuid4()
        operation = log(event(DELETE, "shop.Customer", 1), database_id=lost, outcome=None)
        [line] = self.strays()
        assert str(operation) in line
        assert line.endswith(f"under the database id {lost}")

    def test_the_id_of_one_that_may_be_in_use_is_not_named(self):
        theirs = uuid.uuid4()
        log(event(DELETE, "shop.Customer", 1), database_id=theirs)
        operation = log(event(DELETE, "shop.Customer", 2), database_id=theirs, outcome=None)
        [line] = self.strays()
        assert str(operation) in line
        assert line.endswith("under the id of another database")
        assert str(theirs) not in run()


class TestVerdict:
    def test_a_log_that_may_lose_events_is_not_well_and_no_error(self, monkeypatch):
        monkeypatch.setattr("gdpr_assist.log.status.lossy_settings", lambda log: {"synchronous": "FULL"})
        printed = run("--fail-on", *STATES).splitlines()
        assert printed[3].startswith("  may lose its last events in a power cut: set synchronous to FULL (")
        assert printed[-1] == "Not well: The log may lose its last events in a power cut."

    def test_it_is_printed_once(self, capsys):
        """Where it is the error, it is not on stdout too."""
        log(event(ANONYMISE, customer()))
        with pytest.raises(CommandError):
            call_command("gdpr_status", "--fail-on", "restored")
        assert "Not well" not in capsys.readouterr().out


class TestJson:
    def test_the_same_facts_as_one_document(self):
        log(event(ANONYMISE, customer()))
        receipt(log(event(DELETE, "shop.Customer", 4711)))
        operation = log(event(DELETE, "shop.Customer", 4712), outcome=None)
        started = datetime(2026, 3, 8, 4, 5, 6, tzinfo=timezone.utc)
        Operation.objects.using("gdpr_log").filter(pk=operation).update(started=started)
        with untouched():
            printed = run("--json")
        document = json.loads(printed)
        default, other = document.pop("databases")
        assert document == {
            "is_well": False,
            "wrong": [f"{state}: {STATES[state]}." for state in ("undecided", "restored")],
            "log": "gdpr_log",
            "trouble": None,
            "foreign": 0,
            "legacy": 0,
            "lossy": {},
            "states": ["undecided", "restored"],
        }
        assert default == {
            "using": "default",
            "trouble": None,
            "committed": 2,
            "rolled_back": 0,
            "undecided": 1,
            "unknown": 0,
            "oldest": "2026-03-08T04:05:06Z",
            "missing": 1,
            "pruned": None,
            "unlogged": 0,
            "contradicted": 0,
            "incomparable": 0,
            "in_clear": 0,
            "foreign": 0,
            "strays": [],
            "missing_1x": 0,
            "unclaimed_1x": 0,
            "states": ["undecided", "restored"],
        }
        assert (other["using"], other["states"]) == ("other", [])
        assert not re.search("quill|ottoline|471", printed, re.IGNORECASE)

    def test_all_is_well(self):
        document = json.loads(run("--json", "-v", "0"))
        assert (document["is_well"], document["wrong"], document["states"]) == (True, [], [])

    def test_what_cannot_be_read_has_its_cure(self):
        with log_is(without_tables):
            document = json.loads(run("--json"))
        assert document["trouble"] == {"what": "not migrated", "cure": "run migrate --database=gdpr_log"}
        assert document["states"] == ["unreachable"]

    def test_the_exit_status_is_the_same_and_the_document_is_whole(self, capsys):
        log(event(ANONYMISE, customer()))
        with pytest.raises(CommandError, match=r"^Not well: restored: "):
            call_command("gdpr_status", "--json", "--fail-on", "restored")
        assert json.loads(capsys.readouterr().out)["states"] == ["restored"]
