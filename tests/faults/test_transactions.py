"""Whatever becomes of the transaction around an erasure: after a reconciliation the log says what is true."""

import re
import socket
import threading
import time
from contextlib import contextmanager, suppress
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import Error, OperationalError, connection, connections, transaction

from gdpr_assist.databases import locks
from gdpr_assist.log import identity
from gdpr_assist.log.reconciliation import Settled
from gdpr_assist.models import Receipt
from gdpr_assist.replay import restore
from tests.apps.shop.models import Customer
from tests.databases import database_is, impatient, new_savepoint, read_only
from tests.logbook import SEEDED, customer, logged, operations, receipts
from tests.test_replay import ANONYMISE, DELETE, event, log

pytestmark = pytest.mark.django_db(transaction=True)

VENDOR = connections["default"].vendor


PATIENCE = 30  # seconds, for what takes a moment


@pytest.fixture(autouse=True)
def database_has_its_id():
    """As after migrate: the tests before this one have flushed it."""
    identity.database_id("default")


class Unwanted(Exception):
    pass


def anonymise(person):
    person.anonymise()


def anonymise_queryset(person):
    Customer.objects.filter(pk=person.pk).anonymise()


def delete(person):
    Customer.objects.get(pk=person.pk).delete()


DOORS = [anonymise, anonymise_queryset, delete]


def settle():
    call_command("gdpr_reconcile", stdout=StringIO())
    return [outcome for *_, outcome in logged()]


def is_erased(person):
    row = Customer.all_objects.filter(pk=person.pk).values("name", "email").first()
    if row is None:
        return True
    assert (row["name"] == SEEDED["name"]) is (row["email"] == SEEDED["email"])
    return row["name"] != SEEDED["name"]


# -- shapes: how a block may end. Each runs the door, and says whether the erasure takes effect -----------------


def outer_block_raises(door, person):
    with suppress(Unwanted), transaction.atomic():
        door(person)
        raise Unwanted
    return False


def inner_block_raises(door, person):
    with transaction.atomic():
        with suppress(Unwanted), transaction.atomic():
            door(person)
            raise Unwanted
        customer(email="another@quill.example")
    return False


def set_rollback(door, person):
    with transaction.atomic():
        door(person)
        transaction.set_rollback(True)
    return False


def savepoint_rolled_back_by_hand(door, person):
    with transaction.atomic():
        savepoint = new_savepoint()
        door(person)
        transaction.savepoint_rollback(savepoint)
    return False


def savepoint_kept(door, person):
    with transaction.atomic():
        savepoint = new_savepoint()
        door(person)
        transaction.savepoint_commit(savepoint)
    return True


def foreign_callback_raises_first(door, person):
    def fail():
        raise Unwanted

    with suppress(Unwanted), transaction.atomic():
        transaction.on_commit(fail)
        door(person)
    return True


@contextmanager
def autocommit_off():
    transaction.set_autocommit(False)
    try:
        yield
    finally:
        transaction.set_autocommit(True)


def autocommit_off_and_commit(door, person):
    with autocommit_off():
        door(person)
        transaction.commit()
    return True


def autocommit_off_and_rollback(door, person):
    with autocommit_off():
        door(person)
        transaction.rollback()
    # On SQLite, Django's outermost savepoint is a transaction then, and its end a COMMIT: what the data says holds.
    return is_erased(person) if VENDOR == "sqlite" else False


SHAPES = [
    outer_block_raises,
    inner_block_raises,
    set_rollback,
    savepoint_rolled_back_by_hand,
    savepoint_kept,
    foreign_callback_raises_first,
    autocommit_off_and_commit,
    autocommit_off_and_rollback,
]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("door", DOORS)
def test_the_outcome_is_what_happened(door, shape):
    person = customer()
    takes_effect = shape(door, person)
    assert is_erased(person) is takes_effect
    assert settle() == [takes_effect]
    assert bool(receipts()) is takes_effect


# -- COMMIT without an answer ------------------------------------------------------------------------------------


class Proxy:
    """Stands between Django and the server; once armed, it drops the server's next answer and hangs up."""

    def __init__(self, host, port):
        self.server = (host, port)
        self.is_armed = threading.Event()
        self.has_dropped = threading.Event()
        self.listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self.accept, daemon=True).start()

    @property
    def port(self):
        return self.listener.getsockname()[1]

    def accept(self):
        with suppress(OSError):
            while True:
                client = self.listener.accept()[0]
                server = socket.create_connection(self.server)
                for pump in (self.questions, self.answers):
                    threading.Thread(target=pump, args=(client, server), daemon=True).start()

    def questions(self, client, server):
        with suppress(OSError):
            while data := client.recv(65536):
                server.sendall(data)
            server.shutdown(socket.SHUT_RDWR)
        server.close()

    def answers(self, client, server):
        with suppress(OSError):
            while data := server.recv(65536):
                if self.is_armed.is_set():
                    self.has_dropped.set()
                    break
                client.sendall(data)
            client.shutdown(socket.SHUT_RDWR)
        client.close()


@contextmanager
def through(proxy):
    """Let the main database be reached through ``proxy`` for the time of the block."""
    direct = connections["default"]
    connections["default"] = direct.copy()
    connections["default"].settings_dict = {**direct.settings_dict, "HOST": "127.0.0.1", "PORT": str(proxy.port)}
    try:
        yield connections["default"]
    finally:
        with suppress(Error):
            connections["default"].close()
        connections["default"] = direct
        proxy.listener.close()


@pytest.mark.skipif(VENDOR == "sqlite", reason="no network between Django and the database")
@pytest.mark.parametrize("door", DOORS)
def test_an_acknowledgement_of_commit_that_never_comes(door):
    person = customer()
    server = connection.settings_dict
    proxy = Proxy(server["HOST"], int(server["PORT"]))
    with through(proxy) as main:
        commit = main._commit

        def commit_without_answer():
            proxy.is_armed.set()
            commit()

        main._commit = commit_without_answer
        with pytest.raises(OperationalError):
            door(person)
        assert proxy.has_dropped.is_set()
    assert is_erased(person)
    assert [outcome for *_, outcome in logged()] == [None]
    assert settle() == [True]


@pytest.mark.skipif(VENDOR != "postgresql", reason="only PostgreSQL has triggers that run at COMMIT")
@pytest.mark.parametrize("door", DOORS)
def test_a_server_process_that_is_killed_while_it_commits(door):
    person = customer()
    errors = []
    with slow_commit(), connection.cursor() as cursor:

        def erase():
            try:
                door(person)
            except OperationalError as error:
                errors.append(error)
            finally:
                connections.close_all()

        thread = threading.Thread(target=erase)
        thread.start()
        wait_for(
            cursor,
            "SELECT COUNT(pg_terminate_backend(pid)) FROM pg_stat_activity"
            " WHERE datname = current_database() AND wait_event = 'PgSleep'",
        )
        thread.join()
    assert len(errors) == 1
    assert not is_erased(person)
    assert settle() == [False]


@contextmanager
def slow_commit():
    """Let each transaction with a receipt sleep at its COMMIT."""
    table = connection.ops.quote_name(Receipt._meta.db_table)
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE FUNCTION gdpr_test_sleep() RETURNS trigger LANGUAGE plpgsql AS "
            "'BEGIN PERFORM pg_sleep(60); RETURN NULL; END'"
        )
        cursor.execute(
            f"CREATE CONSTRAINT TRIGGER gdpr_test_sleep AFTER INSERT ON {table} "
            "DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION gdpr_test_sleep()"
        )
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"DROP TRIGGER gdpr_test_sleep ON {table}")
            cursor.execute("DROP FUNCTION gdpr_test_sleep")


# -- at the same time ----------------------------------------------------------------------------------------------

BLOCKED = {
    "postgresql": "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() "
    "AND wait_event_type = 'Lock'",
    "mysql": "SELECT COUNT(*) FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'",
}


def at_once(*functions):
    """Run each function in a thread of its own; return their results. Fails if one fails."""
    results = [None] * len(functions)
    barrier = threading.Barrier(len(functions))

    def run(number, function):
        try:
            barrier.wait()
            results[number] = function()
        except Exception as error:  # noqa: BLE001  (is asserted on)
            results[number] = error
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=each) for each in enumerate(functions)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not [each for each in results if isinstance(each, Exception)]
    return results


def wait_until_somebody_is_blocked():
    if VENDOR == "sqlite":
        time.sleep(0.3)  # no server to ask; shorter than SQLite's own patience
        return
    other = connections["default"].copy()
    with other.cursor() as cursor:
        wait_for(cursor, BLOCKED[VENDOR])
    other.close()


def wait_for(cursor, count):
    """Ask until the answer is not 0."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        cursor.execute(count)
        if cursor.fetchone()[0]:
            return
        time.sleep(0.2)  # MariaDB renews its answer only if it is left alone for a tenth of a second
    raise TimeoutError(count)


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("commits", [True, False], ids=["commits", "rolls back"])
def test_reconcile_waits_for_a_writer_in_its_transaction(door, commits):
    person = customer()
    is_logged = threading.Event()

    def write():
        with suppress(Unwanted), transaction.atomic():
            door(person)
            is_logged.set()
            wait_until_somebody_is_blocked()
            if not commits:
                raise Unwanted

    def reconcile():
        is_logged.wait()
        return settle()

    assert at_once(write, reconcile)[1] == [commits]
    assert is_erased(person) is commits


def test_a_writer_between_its_events_and_its_commit_is_waited_for():
    """The receipt is there by then: nobody is found in the log whose receipt is still to come."""
    person = customer()
    is_logged = threading.Event()

    def write():
        log = connections["gdpr_log"]
        commit = log._commit

        def commit_and_wait():
            commit()
            if not is_logged.is_set():  # by the events; the outcome comes later
                is_logged.set()
                wait_until_somebody_is_blocked()

        log._commit = commit_and_wait
        person.anonymise()

    def reconcile():
        is_logged.wait()
        return settle()

    assert at_once(write, reconcile)[1] == [True]


class TestWaitedForInVain:
    """A transaction that does not end in time: nothing is known of it, and nothing decided."""

    @pytest.fixture(autouse=True)
    def soon(self, monkeypatch):
        monkeypatch.setitem(locks.LIMITS, "postgresql", "SET LOCAL lock_timeout = '100ms'")

    def reconcile(self, *args):
        out = StringIO()
        with database_is("default", impatient):
            call_command("gdpr_reconcile", *args, stdout=out)
        return out.getvalue()

    def test_it_is_listed_and_left_to_the_next_run(self):
        with transaction.atomic():
            customer().anonymise()
            [operation] = operations()
            printed = self.reconcile()
            assert [outcome for *_, outcome in logged()] == [None]
        assert printed.startswith(f"{operation} of ")
        assert ", anonymise shop.Customer: still in a transaction; the next run settles it\n" in printed
        assert printed.endswith("Still in a transaction: 1\nAll is well.\n")
        assert "Rolled back: 0\n" in printed
        assert settle() == [True]

    def test_a_dry_run_does_not_ask_and_says_so(self):
        with transaction.atomic():
            customer().anonymise()
            assert "\nRolled back, or still in a transaction: 1\n" in self.reconcile("--dry-run")

    @pytest.mark.skipif(VENDOR != "postgresql", reason="the other databases have a limit of their own")
    def test_the_wait_is_limited_where_the_database_would_wait_for_ever(self):
        def patient(database):
            options = database.settings_dict["OPTIONS"]
            given = f"{options.get('options', '')} -c statement_timeout={PATIENCE * 1000}"
            database.settings_dict = {**database.settings_dict, "OPTIONS": {**options, "options": given}}

        with transaction.atomic():
            customer().anonymise()
            started = time.monotonic()
            with database_is("default", patient):
                call_command("gdpr_reconcile", stdout=StringIO())
            assert time.monotonic() - started < PATIENCE / 2

    def test_it_cannot_be_dismissed(self):
        with transaction.atomic():
            customer().anonymise()
            [operation] = operations()
            with pytest.raises(CommandError, match=f"{operation} is still in its transaction; nothing was dismissed"):
                self.reconcile("--dismiss", str(operation))

    def test_a_database_that_takes_no_writes_is_an_error(self):
        """Not a transaction that does not end: that would never be noticed."""
        with suppress(Unwanted), transaction.atomic():
            customer().anonymise()
            raise Unwanted
        with database_is("default", read_only), pytest.raises(CommandError) as caught:
            call_command("gdpr_reconcile", stdout=StringIO())
        assert re.match(
            r"The database default \(.+\) does not let the command write \(\w+Error\): it is read-only",
            str(caught.value),
        )
        assert settle() == [False]


def test_two_reconciliations_at_once():
    people = [customer(email=f"{number}@quill.example") for number in range(10)]
    for number, person in enumerate(people):
        with suppress(Unwanted), transaction.atomic():
            transaction.on_commit(_fail)
            person.anonymise()
            if number % 2:
                raise Unwanted
    assert {outcome for *_, outcome in logged()} == {None}
    at_once(settle, settle)
    assert [outcome for *_, outcome in logged()] == [True, False] * 5


def _fail():
    raise Unwanted


def test_two_reruns_at_once():
    people = [customer(email=f"{number}@quill.example") for number in range(10)]
    backup = list(Customer.all_objects.values())
    for person in people[::2]:
        person.delete()
    Customer.all_objects.all()._raw_delete("default")
    Receipt.objects.all()._raw_delete("default")
    Customer.all_objects.bulk_create(Customer(**row) for row in backup)

    def rerun():
        out = StringIO()
        call_command("gdpr_rerun", stdout=out)
        return dict(line.split(": ") for line in out.getvalue().splitlines() if ": " in line)

    done = at_once(rerun, rerun)
    assert [each["Failed"] for each in done] == ["0", "0"]
    assert sum(int(each["Applied"]) for each in done) == 5
    assert sum(int(each["Already applied"]) for each in done) == 5
    assert list(Customer.all_objects.order_by("pk").values_list("pk", flat=True)) == [each.pk for each in people[1::2]]


class TestReplayBesideOthers:
    """The site was not closed: somebody else is in a transaction."""

    @pytest.fixture(autouse=True)
    def soon(self, monkeypatch):
        monkeypatch.setitem(locks.LIMITS, "postgresql", "SET LOCAL lock_timeout = '100ms'")

    def rerun(self, *args):
        """Return what is printed, and the error at the end."""
        out = StringIO()
        with database_is("default", impatient), pytest.raises(CommandError) as caught:
            call_command("gdpr_rerun", *args, stdout=out)
        return out.getvalue(), str(caught.value)

    @pytest.mark.parametrize("args", [(), ("--include-undecided",)], ids=["", "with undecided ones"])
    def test_an_erasure_that_is_under_way_is_left_out_and_the_rest_goes_on(self, args):
        gone, person = customer(email="gone@quill.example"), customer()
        rest = log(event(DELETE, gone), age=1)
        with transaction.atomic():
            person.anonymise()
            [operation] = operations() - {rest}
            printed, error = self.rerun(*args)
            done = receipts()
        assert f"Busy: {operation} of " in printed
        assert ", anonymise shop.Customer: still in its transaction; run again later\n" in printed
        assert "dismiss" not in printed
        if VENDOR == "sqlite":  # nobody else can write to the database
            assert error == "Not well: 0 failed, 0 undecided and 2 busy, listed above."
            assert f"Busy: {rest} of " in printed
        else:
            assert error == "Not well: 0 failed, 0 undecided and 1 busy, listed above."
            assert rest in done
        call_command("gdpr_rerun", *args, stdout=StringIO())
        assert receipts() == {rest, operation}
        assert is_erased(gone)
        assert is_erased(person)

    def test_one_that_began_after_the_others_were_settled(self, monkeypatch):
        monkeypatch.setattr(restore, "reconcile", lambda *args, **options: Settled())
        with transaction.atomic():
            customer().anonymise()
            [operation] = operations()
            printed, _ = self.rerun("--include-undecided")
        assert f"Busy: {operation} of " in printed
        assert [outcome for *_, outcome in logged()] == [True]

    def test_one_that_is_rolled_back_in_the_end_is_not_applied(self):
        person = customer()
        with suppress(Unwanted), transaction.atomic():
            person.anonymise()
            self.rerun("--include-undecided")
            raise Unwanted
        assert settle() == [False]
        call_command("gdpr_rerun", "--include-undecided", stdout=StringIO())
        assert not is_erased(person)

    @pytest.mark.parametrize("kind", [DELETE, ANONYMISE])
    def test_rows_that_somebody_else_has_locked(self, kind):
        person = customer()
        operation = log(event(kind, person))
        with transaction.atomic():
            Customer.all_objects.filter(pk=person.pk).update(country="CZ")
            printed, error = self.rerun()
        assert error == "Not well: 0 failed, 0 undecided and 1 busy, listed above."
        assert f"Busy: {operation} of " in printed
        assert ": another transaction has its rows locked; run again later\n" in printed
        assert receipts() == set()
        call_command("gdpr_rerun", stdout=StringIO())
        assert receipts() == {operation}
        assert is_erased(person)
