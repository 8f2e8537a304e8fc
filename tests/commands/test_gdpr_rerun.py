import builtins
import datetime as dt
import json
import re
import uuid
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connections, models
from django.db.migrations.recorder import MigrationRecorder
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from model_bakery import baker

from gdpr_assist.log import reading
from gdpr_assist.log.ownership import ADVICE, check_log
from gdpr_assist.log.receipts import write_receipt
from gdpr_assist.log.reconciliation import shown
from gdpr_assist.log.status import status
from gdpr_assist.models import EventLog, Operation, Outcome, Receipt
from gdpr_assist.registry import registry
from gdpr_assist.routing import here
from tests.apps.shop.models import Customer, Invoice, Supplier
from tests.databases import database_is, log_is, refused, untouched, without_tables
from tests.logbook import customer
from tests.observing import row
from tests.test_replay import ANONYMISE, DELETE, event, legacy, log


def run(*args):
    out = StringIO()
    call_command("gdpr_rerun", *args, stdout=out)
    return out.getvalue()


def lines(**numbers):
    """Return the summary that a run prints where there is no terminal."""
    names = {
        "applied": "Applied",
        "already": "Already applied",
        "failed": "Failed",
        "undecided": "Undecided",
        "busy": "Busy",
        "foreign": "Of other databases, left alone",
        "rows": "Rows erased",
        "absent": "Rows that were not there",
    }
    summary = "".join(f"{name}: {numbers.get(key, 0)}\n" for key, name in names.items())
    return summary if numbers.keys() & {"failed", "undecided", "busy"} else summary + "All is well.\n"


@pytest.mark.django_db(transaction=True)  # MariaDB ends a transaction where a sequence is raised
class TestRerun:
    def test_an_empty_log(self):
        assert run() == lines()

    def test_the_numbers_of_each_kind(self):
        person, gone = customer(), customer(email="gone@quill.example")
        log(event(ANONYMISE, person))
        log(event(DELETE, gone), event(DELETE, "shop.Customer", 4711))
        undecided = log(event(DELETE, person), outcome=None)
        log(event(DELETE, person), database_id=uuid.uuid4())
        legacy(event(ANONYMISE, person))
        out = StringIO()
        with pytest.raises(CommandError) as caught:
            call_command("gdpr_rerun", "--apply-1x", stdout=out)
        assert str(caught.value) == "Not well: 0 failed, 1 undecided and 0 busy, listed above."
        of_1x, listed, cure, summary = out.getvalue().split("\n", 3)
        assert of_1x == "Events of 1.x, to be applied on default: shop.Customer: 1"
        assert summary == lines(applied=3, rows=3, absent=1, undecided=1, foreign=1)
        assert listed.startswith(f"Undecided: {undecided} of ")
        assert "gdpr_reconcile --dismiss OPERATION" in cure
        assert "gdpr_rerun --include-undecided" in cure
        assert row(person)["name"] == str(person.pk)
        assert not Customer.all_objects.filter(pk=gone.pk).exists()

    def test_the_second_run_does_nothing(self):
        log(event(ANONYMISE, customer()))
        run()
        with untouched():
            assert run() == lines(already=1)

    def test_a_dry_run_says_what_would_be_done_and_writes_nothing(self):
        log(event(ANONYMISE, customer()))
        with untouched():
            printed = run("--dry-run")
        expected = lines(applied=1, rows=1)
        expected = expected.replace("Applied:", "To be applied:")
        expected = expected.replace("Rows erased:", "Rows to be erased:")
        assert printed == expected.replace("All is well.", "Not well: 1 to be applied: run gdpr_rerun.")

    @pytest.mark.parametrize("args", [["--dry-run"], []])
    def test_as_json(self, args):
        log(event(ANONYMISE, customer()))
        legacy(event(ANONYMISE, customer(email="second@quill.example")))
        document = json.loads(run("--json", *args))
        left_alone = "Events of 1.x are left alone."
        wrong = ["1 to be applied: run gdpr_rerun.", left_alone] if args else [left_alone]
        assert document == {
            "is_well": False,
            "wrong": wrong,
            "dry_run": bool(args),
            "applied": 1,
            "already_applied": 0,
            "rows": 1,
            "absent": 0,
            "foreign": 0,
            "failed": [],
            "undecided": [],
            "busy": [],
            "cascaded": {},
            "kept": {},
            "events_of_1x": {},
            "events_of_1x_left_alone": {"default": {"shop.Customer": 1}},
        }

    def test_as_json_with_what_cannot_be_applied(self):
        ghost = log(event(DELETE, "gone.Ghost", 47110815), age=3)
        undecided = log(event(DELETE, "shop.Customer", 47110816), outcome=None)
        out = StringIO()
        with pytest.raises(CommandError, match=r"^Not well: 1 failed, 1 undecided and 0 busy, listed above"):
            call_command("gdpr_rerun", "--dry-run", "--json", stdout=out)
        assert "4711081" not in out.getvalue()
        document = json.loads(out.getvalue())
        [failed], [left] = document["failed"], document["undecided"]
        assert (failed["operation"], failed["model"]) == (str(ghost), "gone.Ghost")
        assert failed["reason"].startswith("there is no such model")
        assert left["operation"] == str(undecided)
        assert left["events"] == [{"event": "delete", "model": "shop.Customer", "part": ""}]

    def test_what_cannot_be_applied_is_listed_and_is_an_error(self):
        person = customer()
        Invoice.objects.create(customer=person, total=1)
        ghost = log(event(DELETE, "gone.Ghost", 1), age=3)
        protected = log(event(DELETE, person), age=2)
        log(event(DELETE, baker.make(Supplier)), age=1)
        out = StringIO()
        with pytest.raises(CommandError) as caught:
            call_command("gdpr_rerun", stdout=out)
        assert str(caught.value) == "Not well: 2 failed, 0 undecided and 0 busy, listed above."
        first, second, *summary = out.getvalue().splitlines(keepends=True)
        assert first.startswith(f"Failed: {ghost} of ")
        assert second.startswith(f"Failed: {protected} of ")
        assert "ProtectedError" in second
        assert "".join(summary) == lines(applied=1, failed=2, rows=1)
        assert Receipt.objects.count() == 1

    def test_a_dry_run_with_something_that_cannot_be_applied_is_an_error_too(self):
        log(event(DELETE, "gone.Ghost", 1))
        with untouched(), pytest.raises(CommandError, match="1 failed"):
            run("--dry-run")

    def test_no_personal_data_is_printed(self):
        log(event(ANONYMISE, customer()))
        log(event(DELETE, customer(email="gone@quill.example")))
        printed = run()
        assert not re.search(r"quill|ottoline", printed, re.IGNORECASE)


@pytest.mark.django_db(transaction=True)
class TestOptions:
    @pytest.fixture
    def people(self):
        """Erased ten, five and one days ago, and restored."""
        found = [customer(email=f"{number}@quill.example") for number in range(3)]
        for person, age in zip(found, (10, 5, 1), strict=True):
            log(event(ANONYMISE, person), age=age)
        return found

    def anonymised(self, people):
        return [person.is_anonymised() for person in people]

    def test_since_a_date(self, people):
        legacy(event(DELETE, people[0]))
        day = timezone.localdate() - timedelta(days=7)
        assert run("--since", day.isoformat()) == lines(applied=2, rows=2)
        assert self.anonymised(people) == [False, True, True]

    def test_since_a_moment(self, people):
        moment = timezone.localtime() - timedelta(days=5, minutes=1)
        assert run("--since", moment.replace(tzinfo=None).isoformat()) == lines(applied=2, rows=2)
        assert run("--since", moment.isoformat()) == lines(already=2)

    def test_since_a_moment_of_another_time_zone(self, people):
        moment = (timezone.now() - timedelta(days=5, minutes=1)).astimezone(dt.timezone(timedelta(hours=-9)))
        assert run("--since", moment.isoformat()) == lines(applied=2, rows=2)
        assert self.anonymised(people) == [False, True, True]

    def test_since_counts_from_the_beginning_of_the_day(self, people):
        Operation.objects.using("gdpr_log").update(
            started=dt.datetime(2026, 3, 8, tzinfo=timezone.get_current_timezone())
        )
        assert run("--since=2026-03-09") == lines()
        assert run("--since=2026-03-08") == lines(applied=3, rows=3)

    @pytest.mark.parametrize("when", ["", "yesterday", "2026-02-30", "2026-03-08T25:00", "08.03.2026", "4711"])
    def test_since_nonsense(self, when, people):
        with untouched(), pytest.raises(CommandError) as caught:
            run("--since", when)
        assert str(caught.value) == (
            "Error: argument --since: not a date or time; write 2026-11-24 or 2026-11-24T03:00"
        )

    def test_include_undecided(self, people):
        log(event(ANONYMISE, customer(email="unknown@quill.example")), outcome=None)
        assert run("--include-undecided") == lines(applied=4, rows=4)
        assert Outcome.objects.using("gdpr_log").filter(committed=True).count() == 4
        with untouched():
            assert run("--include-undecided") == lines(already=4)

    def test_a_dry_run_of_it_decides_nothing(self):
        log(event(ANONYMISE, customer()), outcome=None)
        with untouched():
            assert "To be applied: 1\n" in run("--dry-run", "--include-undecided")

    def test_an_undecided_operation_that_cannot_be_applied_stays_undecided(self):
        log(event(ANONYMISE, customer()))
        ghost = log(event(DELETE, "gone.Ghost", 1), outcome=None)
        with pytest.raises(CommandError, match="1 failed, 0 undecided"):
            run("--include-undecided")
        assert Outcome.objects.using("gdpr_log").get(pk=ghost).committed is None

    @pytest.mark.parametrize("option", ["--database-id", "--instance"])
    def test_another_database_id(self, people, option):
        theirs = uuid.uuid4()
        log(event(DELETE, people[0]), database_id=theirs)
        log(event(DELETE, people[1]), database_id=uuid.uuid4())
        assert run("--noinput", option, str(theirs)) == lines(applied=4, rows=4, foreign=1)
        assert not Customer.all_objects.filter(pk=people[0].pk).exists()
        assert Customer.all_objects.filter(pk=people[1].pk).exists()

    def test_several_database_ids(self, people):
        others = [uuid.uuid4(), uuid.uuid4()]
        for person, theirs in zip(people, others, strict=False):
            log(event(DELETE, person), database_id=theirs)
        assert run("--noinput", *(f"--database-id={each}" for each in others)) == lines(applied=5, rows=5)

    def test_a_database_id_that_is_no_id(self, people):
        with (
            untouched(),
            pytest.raises(CommandError, match="argument --database-id/--instance: not an id as gdpr_rerun prints it"),
        ):
            run("--database-id", "production")


@pytest.mark.django_db(transaction=True)
class TestWhatProtects:
    """Another row, which is erased by a later operation, is in the way."""

    @pytest.fixture(params=[models.PROTECT, models.RESTRICT], ids=["PROTECT", "RESTRICT"])
    def chain(self, request, monkeypatch):
        """A customer, and the invoice that keeps the customer from being deleted."""
        monkeypatch.setattr(Invoice._meta.get_field("customer").remote_field, "on_delete", request.param)
        person = customer()
        with registry.registered(Invoice, type("PrivacyMeta", (), {"fields": ["total"]})):
            yield person, Invoice.objects.create(customer=person, total=1)

    def test_it_is_tried_again_after_the_others(self, chain):
        for each, age in zip(chain, (2, 1), strict=True):
            log(event(DELETE, each), age=age)
        assert run() == lines(applied=2, rows=2)
        assert not Customer.all_objects.exists()

    def test_the_same_within_one_operation(self, chain):
        log(*(event(DELETE, each) for each in chain))
        assert run() == lines(applied=1, rows=2)
        assert not Customer.all_objects.exists()

    def test_what_stays_in_the_way_is_an_error_and_the_rest_goes_on(self, chain):
        other = customer(email="other@quill.example")
        protected = log(event(DELETE, chain[0]), age=2)
        log(event(DELETE, other), age=1)
        out = StringIO()
        with pytest.raises(CommandError, match="1 failed, 0 undecided"):
            call_command("gdpr_rerun", stdout=out)
        assert re.match(
            rf"Failed: {protected} of .*, delete shop.Customer: shop.Customer: rows of [a-z]+\.[A-Za-z]+ "
            r"protect it \((Protected|Restricted)Error\)\nApplied: 1\n",
            out.getvalue(),
        )
        chain[1].delete()
        assert run().startswith("Applied: 1\n")


@pytest.mark.django_db(transaction=True)
class TestMarkingApplied:
    """A person says that nothing is left to erase of an operation that cannot be applied."""

    @pytest.mark.parametrize("option", ["--mark-applied", "--settle"])
    def test_it_counts_as_applied_from_then_on(self, option):
        ghost = log(event(DELETE, "gone.Ghost", 1))
        person = customer()
        log(event(DELETE, person))
        assert run(option, str(ghost)) == lines(applied=1, already=1, rows=1)
        with untouched():
            assert run() == lines(already=2)

    def test_nothing_is_erased_by_it(self):
        person = customer()
        operation = log(event(DELETE, person))
        assert run("--mark-applied", str(operation)) == lines(already=1)
        assert Customer.all_objects.filter(pk=person.pk).exists()

    @pytest.mark.parametrize("outcome", [None, False])
    def test_only_what_was_committed(self, outcome):
        ghost, other = log(event(DELETE, "gone.Ghost", 1)), log(event(DELETE, "gone.Ghost", 2), outcome=outcome)
        with untouched(), pytest.raises(CommandError, match=f"{other} is not a committed operation of this database"):
            run("--mark-applied", str(ghost), "--mark-applied", str(other))

    def test_not_one_that_is_applied_already(self):
        ghost, other = log(event(DELETE, "gone.Ghost", 1)), log(event(DELETE, "gone.Ghost", 2))
        run("--mark-applied", str(ghost), "--mark-applied", str(other))
        with untouched(), pytest.raises(CommandError, match=f"{ghost}: applied already; nothing was marked"):
            run("--mark-applied", str(ghost))

    def test_not_that_of_another_database(self):
        log(event(DELETE, customer()))
        other = log(event(DELETE, "gone.Ghost", 1), database_id=uuid.uuid4())
        with untouched(), pytest.raises(CommandError, match="nothing was marked"):
            run("--mark-applied", str(other))


@pytest.mark.django_db(transaction=True)
class TestLargeLogs:
    ROWS = 1200

    def test_one_operation_of_many_rows_is_read_in_pages(self, monkeypatch):
        """Its events are never in memory at once."""
        monkeypatch.setattr(reading, "EVENTS_IN_MEMORY", 1)
        people = Customer.all_objects.bulk_create(
            [Customer(name="Ada", email=f"{number}@quill.example") for number in range(self.ROWS)]
        )
        keys = Customer.all_objects.values_list("pk", flat=True)
        log(*(event(ANONYMISE, "shop.Customer", key) for key in keys))
        with CaptureQueriesContext(connections["gdpr_log"]) as captured:
            assert run() == lines(applied=1, rows=len(people))
        table = connections["gdpr_log"].ops.quote_name(EventLog._meta.db_table)
        reads = [each["sql"] for each in captured if f"FROM {table}" in each["sql"]]
        reads = [sql for sql in reads if re.match(rf"SELECT .*{table}\W+target_pk.* FROM", sql)]
        assert reads
        assert [sql for sql in reads if "LIMIT" not in sql and "GROUP BY" not in sql] == []
        assert not Customer.all_objects.filter(name="Ada").exists()


@pytest.mark.django_db
class TestRefusals:
    @pytest.mark.parametrize("alias", ["default", "gdpr_log"])
    def test_with_a_migration_to_apply(self, alias):
        log(event(ANONYMISE, customer()))
        MigrationRecorder(connections[alias]).record_unapplied("gdpr_assist", "0005_operations_and_receipts")
        with untouched(), pytest.raises(CommandError) as caught:
            run()
        assert str(caught.value) == (
            f"There are migrations to apply on {alias!r} first: gdpr_assist.0005_operations_and_receipts. "
            f"Run migrate --database={alias}, then this command again."
        )

    def test_with_a_migration_of_another_app_to_apply(self):
        """The rows to erase may lie in it."""
        log(event(ANONYMISE, customer()))
        MigrationRecorder(connections["default"]).record_unapplied("migrated", "0002_anonymous_letters")
        with untouched(), pytest.raises(CommandError, match=r"on 'default' first: migrated\.0002_anonymous"):
            run("--dry-run")

    def test_with_the_log_of_another_database(self):
        theirs = uuid.uuid4()
        log(event(ANONYMISE, customer()), database_id=theirs)
        with untouched(), pytest.raises(CommandError) as caught:
            run()
        started = shown(Operation.objects.using("gdpr_log").get().started)
        assert str(caught.value) == (
            "No operation in the log is of this database, but there are of others:\n"
            f"  1 operation is of another database under the alias 'default', from {started} to {started}\n"
            f"Is this the right log? {ADVICE}"
        )
        assert str(theirs) not in str(caught.value)

    def test_with_the_log_of_another_database_under_one_of_the_aliases(self):
        log(event(ANONYMISE, customer()))
        log(event(ANONYMISE, customer("other")), using="other", database_id=uuid.uuid4())
        with untouched(), pytest.raises(CommandError, match="under the alias 'other', from "):
            run()

    def test_a_database_id_that_the_log_does_not_have(self):
        log(event(ANONYMISE, customer()))
        theirs = uuid.uuid4()
        with untouched(), pytest.raises(CommandError) as caught:
            run(f"--database-id={theirs}")
        assert str(caught.value) == f"The log has no operations under the database id {theirs}."

    def test_with_a_log_that_knows_none_of_the_receipts(self):
        write_receipt(uuid.uuid4(), "default", timezone.now())
        write_receipt(uuid.uuid4(), "default", timezone.now())
        with untouched(), pytest.raises(CommandError) as caught:
            run()
        assert str(caught.value) == (
            "The database 'default' has 2 receipts that the log does not know. Is this the right log?"
        )

    def test_a_default_database_that_is_left_empty_is_not_asked(self, monkeypatch):
        """As for sites whose routers name another alias for each model."""
        monkeypatch.setitem(connections.databases, "unused", {"ENGINE": "django.db.backends.dummy"})
        log(event(DELETE, "shop.Customer", 1), using="unused", database_id=uuid.uuid4())
        check_log(here())

    def test_without_a_log(self, settings):
        settings.GDPR_LOG_DATABASE_NAME = None
        with untouched(), pytest.raises(CommandError) as caught:
            run()
        assert str(caught.value) == ("There is no event log: GDPR_LOG_DATABASE_NAME is None.")

    def test_with_a_log_that_is_not_configured(self, settings):
        settings.GDPR_LOG_DATABASE_NAME = "nowhere"
        with untouched(), pytest.raises(CommandError, match="nowhere"):
            run()

    @pytest.mark.parametrize(
        ("fault", "cure"),
        [
            (refused, r"cannot be read \(OperationalError\)\. Is its entry in DATABASES right, and is it running\?"),
            (without_tables, r"is not migrated \(\w+Error\)\. Run migrate --database=gdpr_log\."),
        ],
    )
    def test_with_a_log_that_cannot_be_read(self, fault, cure):
        with untouched(), log_is(fault), pytest.raises(CommandError) as caught:
            run()
        assert re.fullmatch(
            rf"The database gdpr_log \(.+\) {cure} Then run the command again: what is done is not done twice\.",
            str(caught.value),
        )
        assert caught.value.returncode == 1

    def test_a_database_that_was_never_migrated_is_told_with_a_number(self):
        with untouched(), database_is("default", without_tables), pytest.raises(CommandError) as caught:
            run()
        assert re.fullmatch(
            r"There are migrations to apply on 'default' first: [1-9]\d, from \w+\.0001_\w+ on\. Run migrate "
            r"--database=default, then this command again\.",
            str(caught.value),
        )


class TestProcess:
    """From a shell: the site has one anonymised and one deleted customer, both restored."""

    def test_plain_lines_where_there_is_no_terminal(self, site):
        site.restore()
        done = site.run("gdpr_rerun")
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout == lines(applied=2, rows=2)
        assert site.customers() == ["1", "Ada"]
        again = site.run("gdpr_rerun")
        assert (again.returncode, again.stdout) == (0, lines(already=2))

    def test_a_progress_bar_and_a_table_on_a_terminal(self, site):
        site.restore()
        status, seen = site.run_on_terminal("gdpr_rerun")
        assert status == 0
        assert "\x1b[" in seen
        assert "━" in seen
        assert "2/2" in seen
        assert re.search(r"Applied\s+│ 2\s", seen)
        assert re.search(r"Rows erased\s+│ 2\s", seen)
        assert site.customers() == ["1", "Ada"]

    def test_a_refusal_is_a_line_and_an_exit_status(self, site):
        with (site.directory / "site_settings.py").open("a") as settings:
            settings.write("GDPR_LOG_DATABASE_NAME = None\n")
        done = site.run("gdpr_rerun")
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.splitlines()[-1].startswith("CommandError: There is no event log")
        assert "Traceback" not in done.stderr


@pytest.mark.django_db(transaction=True)
class TestInstanceAsks:
    """The id may be that of a database in use: then rows that were never erased have these keys."""

    @pytest.fixture
    def theirs(self):
        theirs = uuid.uuid4()
        log(event(DELETE, customer()), event(DELETE, "shop.Customer", 4711), database_id=theirs, age=2)
        return theirs

    @pytest.mark.parametrize(("answer", "is_done"), [("yes", True), ("no", False), ("Y", False)])
    def test_it_says_what_it_would_do_and_asks(self, answer, is_done, theirs, monkeypatch):
        monkeypatch.setattr(builtins, "input", lambda: answer)
        started = shown(Operation.objects.using("gdpr_log").get().started)
        out = StringIO()
        if is_done:
            call_command("gdpr_rerun", f"--database-id={theirs}", stdout=out)
        else:
            with untouched(), pytest.raises(CommandError, match=r"^Cancelled\. Nothing was changed\."):
                call_command("gdpr_rerun", f"--database-id={theirs}", stdout=out)
        assert out.getvalue().startswith(
            "This erases here what was erased in another database:\n"
            f"{theirs}: 1 operation is of another database under the alias 'default', from {started} to {started}\n"
            "  delete shop.Customer: 2 rows\n"
        )
        assert Customer.all_objects.exists() is not is_done

    def test_not_where_all_of_it_is_here(self, theirs, monkeypatch):
        run("--noinput", f"--database-id={theirs}")
        monkeypatch.setattr(builtins, "input", None)
        assert run(f"--database-id={theirs}") == lines(already=1)


@pytest.mark.skipif(connections["default"].vendor != "postgresql", reason="Only PostgreSQL has schemas")
@pytest.mark.django_db(transaction=True)
class TestSchemas:
    """A schema for each tenant, and one alias: what was erased for one tenant concerns no other."""

    @pytest.fixture
    def tenant(self):
        """Another tenant of the same database; return its id."""
        theirs = uuid.uuid4()
        with connections["default"].cursor() as cursor:
            cursor.execute('CREATE SCHEMA "tenant B"')
            cursor.execute(
                'CREATE TABLE "tenant B".gdpr_assist_databaseidentity (id smallint, database_id uuid, key bytea)'
            )
            cursor.execute('INSERT INTO "tenant B".gdpr_assist_databaseidentity VALUES (1, %s)', [theirs])
        yield theirs
        with connections["default"].cursor() as cursor:
            cursor.execute('DROP SCHEMA "tenant B" CASCADE')

    def test_its_operations_are_nobodys_business(self, tenant):
        person = customer()
        log(event(DELETE, person), database_id=tenant)
        assert run() == lines(foreign=1)
        assert [each.foreign for each in status(here()).databases] == [0, 0]
        assert Customer.all_objects.filter(pk=person.pk).exists()

    def test_its_id_is_refused(self, tenant):
        log(event(DELETE, customer()), database_id=tenant)
        with untouched(), pytest.raises(CommandError, match="is the id of another schema in the database 'default'"):
            run("--noinput", f"--database-id={tenant}")
