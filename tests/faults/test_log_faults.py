"""The log database fails: an erasure is refused and nothing is erased, or it is logged whole."""

import logging
import uuid
from contextlib import contextmanager
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import OperationalError, connections
from django.db.backends.signals import connection_created

from gdpr_assist import EventLogError
from gdpr_assist.models import EventLog, Operation, Outcome
from tests.apps.shop.models import Customer
from tests.databases import ALIASES, hung_up, impatient, log_is, on_statement, read_only, refused, untouched
from tests.logbook import anonymised, customer, deleted, logged, operations, receipts
from tests.observing import listening

pytestmark = pytest.mark.django_db(transaction=True)

VENDOR = connections["default"].vendor


def kill(log):
    """The server ends the session from its side."""
    log.ensure_connection()
    statement = {
        "postgresql": "SELECT pg_terminate_backend(%s)",
        "mysql": "KILL %s",
    }.get(log.vendor)
    if statement is None:
        hung_up(log)  # there is no server
        return
    number = log.connection.info.backend_pid if log.vendor == "postgresql" else log.connection.thread_id()
    other = log.copy()
    with other.cursor() as cursor:
        cursor.execute(statement, [number])
    other.close()


@contextmanager
def answer_lost(log):
    """The COMMIT is carried out, and the connection breaks before the answer comes."""
    commit, lost = log._commit, []

    def commit_and_break():
        commit()
        if not lost:
            lost.append(True)
            kill(log)
            raise OperationalError("server closed the connection unexpectedly")

    log._commit = commit_and_break
    try:
        yield
    finally:
        del log._commit
    assert lost


class TestHealedByTheRetry:
    @pytest.mark.parametrize("fault", [hung_up, kill])
    def test_a_connection_that_is_gone(self, fault):
        person = customer()
        with log_is(fault):
            person.anonymise()
        assert logged() == [("default", {anonymised(person)}, True)]

    @pytest.mark.skipif(VENDOR == "sqlite", reason="no server that could end a session")
    @pytest.mark.parametrize("table", [Operation, EventLog])
    def test_a_session_that_ends_in_the_middle(self, table):
        people = [customer(email=f"{number}@quill.example") for number in range(3)]
        quoted = connections["gdpr_log"].ops.quote_name(table._meta.db_table)
        with on_statement(f"INSERT INTO {quoted}", kill, after=True):
            Customer.objects.anonymise()
        assert logged() == [("default", {anonymised(each) for each in people}, True)]

    def test_a_commit_whose_answer_is_lost(self):
        """The second attempt finds the rows of the first: one operation, each event once."""
        person = customer()
        key = person.pk
        with answer_lost(connections["gdpr_log"]):
            person.delete()
        assert logged() == [("default", {deleted("shop.Customer", key)}, True)]
        assert receipts() == operations()


class TestRefused:
    """Then nothing is erased, and as soon as the log is well an erasure works, in the same process."""

    def refuses(self, person):
        with untouched("default", "other"), pytest.raises(EventLogError, match="nothing was erased") as caught:
            person.delete()
        with untouched("default", "other"), pytest.raises(EventLogError):
            Customer.objects.anonymise()
        assert caught.value.__suppress_context__

    def works(self, person):
        key = person.pk
        person.delete()
        assert logged()[-1] == ("default", {deleted("shop.Customer", key)}, True)
        assert receipts() == operations()

    @pytest.mark.parametrize("fault", [refused, read_only])
    def test_a_closed_port_and_a_standby(self, fault):
        person = customer()
        with log_is(fault):
            self.refuses(person)
        self.works(person)

    @pytest.mark.skipif(VENDOR == "sqlite", reason="SQLite has no rights")
    @pytest.mark.parametrize("tables", [[], [Operation]])
    def test_a_role_that_may_not_insert(self, tables):
        """No rights at all, or one table forgotten."""
        person = customer()
        with role_that_may_insert_into(tables) as fault, log_is(fault):
            self.refuses(person)
        self.works(person)

    @pytest.mark.skipif(VENDOR != "sqlite", reason="only SQLite can be told how large it may become")
    def test_a_full_disk(self):
        """Room for the operation, and not for all of its events."""
        person = customer()
        Customer.objects.bulk_create(Customer(name="Ada", email=f"{number}@quill.example") for number in range(2000))
        with connections["gdpr_log"].cursor() as cursor:
            # The pages that rows of other tests have freed are room as well.
            cursor.execute("VACUUM")
            pages = cursor.execute("PRAGMA page_count").fetchone()[0]

        def limit(connection, **kwargs):
            connection.connection.execute(f"PRAGMA max_page_count = {pages + 2}")

        with (
            untouched(*ALIASES),
            listening(connection_created, limit),
            log_is(lambda log: None),
            pytest.raises(EventLogError),
        ):
            Customer.objects.anonymise()
        self.works(person)

    @pytest.mark.parametrize("table", [Operation, EventLog])
    def test_a_table_that_is_locked(self, table):
        person = customer()
        with locked(table), log_is(impatient):
            self.refuses(person)
        self.works(person)


@contextmanager
def locked(table):
    """Somebody else holds the table for the time of the block."""
    other = connections["gdpr_log"].copy()
    name = other.ops.quote_name(table._meta.db_table)
    statements = {
        "sqlite": ["BEGIN EXCLUSIVE"],
        "postgresql": ["BEGIN", f"LOCK TABLE {name} IN EXCLUSIVE MODE"],
        "mysql": [f"LOCK TABLES {name} WRITE"],
    }[other.vendor]
    with other.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
    try:
        yield
    finally:
        other.close()


@contextmanager
def role_that_may_insert_into(tables):
    """Create a role with this right and no other, give the fault of being it, and drop it."""
    owner = connections["gdpr_log"].copy()
    on_postgresql = owner.vendor == "postgresql"
    role, kind = f"web_{uuid.uuid4().hex[:12]}", "ROLE" if on_postgresql else "USER"
    with owner.cursor() as cursor:
        cursor.execute(f"CREATE {kind} {role}")
        for table in tables:
            cursor.execute(f"GRANT INSERT ON {table._meta.db_table} TO {role}")

    def become(log):
        if on_postgresql:
            given = log.settings_dict["OPTIONS"]
            options = f"{given.get('options', '')} -c role={role}"
            log.settings_dict = {**log.settings_dict, "OPTIONS": {**given, "options": options}}
        else:
            log.settings_dict = {**log.settings_dict, "USER": role, "PASSWORD": ""}

    try:
        yield become
    finally:
        with owner.cursor() as cursor:
            if on_postgresql:
                cursor.execute(f"DROP OWNED BY {role}")
            cursor.execute(f"DROP {kind} {role}")
        owner.close()


def fail(log):
    raise OperationalError("gone")


class TestTheOutcomeIsLost:
    """The log fails between COMMIT and outcome: the erasure stands, and reconciling settles it."""

    def test_the_caller_gets_no_error(self, caplog):
        person = customer()
        quoted = connections["gdpr_log"].ops.quote_name(Outcome._meta.db_table)
        with caplog.at_level(logging.ERROR), on_statement(f"INSERT INTO {quoted}", fail):
            person.anonymise()
        assert "Ottoline" not in caplog.text
        assert person.is_anonymised()
        assert logged() == [("default", {anonymised(person)}, None)]
        call_command("gdpr_reconcile", stdout=StringIO())
        assert logged() == [("default", {anonymised(person)}, True)]
