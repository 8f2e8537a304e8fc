"""At READ UNCOMMITTED a read shows receipts that may be rolled back: nobody believes them."""

import threading
import uuid
from contextlib import contextmanager
from datetime import timedelta
from io import BytesIO, StringIO, TextIOWrapper
from unittest import mock

import pytest
from django.core.checks import run_checks
from django.core.management import CommandError, call_command, get_commands
from django.db import connections, transaction

from gdpr_assist.checks import check_W018
from gdpr_assist.databases.isolation import check_commits
from gdpr_assist.databases.servers import reads_uncommitted
from gdpr_assist.exceptions import AnonymiseError
from gdpr_assist.log import receipts, writing
from gdpr_assist.log.reconciliation import missing, with_receipts
from gdpr_assist.log.status import status
from gdpr_assist.models import Operation, Receipt
from gdpr_assist.routing import here
from tests.apps.shop.models import Customer
from tests.databases import database_is, log_is, refused, untouched, without_tables
from tests.logbook import customer, logged, operations
from tests.test_replay import ANONYMISE, DELETE, event, log

pytestmark = pytest.mark.django_db(transaction=True)

ALIASES = ("default", "other", "gdpr_log")


def dirty(database):
    """As a site has it that sets this level for speed; the others have none."""
    options = database.settings_dict["OPTIONS"]
    level = {
        "mysql": {"isolation_level": "read uncommitted"},
        "sqlite": {},
        "postgresql": {},
    }[database.vendor]
    database.settings_dict = {**database.settings_dict, "OPTIONS": {**options, **level}}


@pytest.fixture(params=["given", "of the server"])
def dirty_reads(request):
    """The data alias shows what is not committed; by its settings, or because the server's default says so."""

    def of_the_server(database):
        if database.vendor == "mysql":
            options = {**database.settings_dict["OPTIONS"], "isolation_level": None}
            options["init_command"] = "SET SESSION TRANSACTION ISOLATION LEVEL READ UNCOMMITTED"
            database.settings_dict = {**database.settings_dict, "OPTIONS": options}

    with database_is("default", dirty if request.param == "given" else of_the_server):
        yield


class Writer:
    """Another process that has written the receipt of ``operation`` and is still in its transaction."""

    def __init__(self, operation):
        self.connection = connections["default"].copy()
        self.connection.inc_thread_sharing()  # it is ended by a timer
        self.connection.set_autocommit(False)
        field = Receipt._meta.pk
        by = self.connection.ops.quote_name("by")
        with self.connection.cursor() as cursor:
            cursor.execute(
                f"INSERT INTO {Receipt._meta.db_table} (operation, written, {by}) VALUES (%s, %s, '')",
                [field.get_db_prep_value(operation, self.connection), "2026-01-01 00:00:00"],
            )

    def rollback(self):
        if self.connection.connection:
            self.connection.rollback()
            self.connection.close()

    def commit(self):
        self.connection.commit()
        self.connection.close()


@pytest.fixture
def writer():
    """Start a ``Writer``; in the end it is rolled back, so that nothing waits for it."""
    started = []

    def start(operation):
        started.append(Writer(operation))
        return started[-1]

    yield start
    for each in started:
        each.rollback()


@contextmanager
def ending(action):
    """Run ``action`` of the writer while the block waits for it."""
    timer = threading.Timer(0.7, action)
    timer.start()
    try:
        yield
    finally:
        timer.join()


def settle():
    call_command("gdpr_reconcile", stdout=StringIO())
    return [outcome for *_, outcome in logged()]


@pytest.mark.parametrize(("end", "outcome"), [("rollback", False), ("commit", True)])
def test_reconcile_waits_for_the_writer(end, outcome, dirty_reads, writer):
    other = writer(log(event(DELETE, customer()), outcome=None))
    with ending(getattr(other, end)):
        assert settle() == [outcome]


def test_the_rerun_that_would_follow_deletes_nobody(dirty_reads, writer):
    """It never was: neither reconcile nor rerun may take the receipt that was rolled back for an erasure."""
    person = customer()
    other = writer(log(event(DELETE, person), outcome=None))
    with ending(other.rollback):
        settle()
    call_command("gdpr_rerun", stdout=StringIO())
    assert Customer.all_objects.filter(pk=person.pk).exists()


def test_what_another_replay_has_not_committed_is_missing(dirty_reads, writer):
    """So it is not pruned from the log, nor counted as applied."""
    operation = log(event(DELETE, "shop.Customer", 1), age=50)
    other = writer(operation)
    assert list(missing("default", here())) == [operation]
    assert with_receipts(Operation.objects.using("gdpr_log").all()) == set()
    assert status(here()).databases[0].missing == 1
    other.rollback()


def test_prune_keeps_it(dirty_reads, writer, settings):
    settings.GDPR_LOG_RETENTION = timedelta(days=30)
    operation = log(event(DELETE, "shop.Customer", 1), age=50)
    other = writer(operation)
    call_command("gdpr_prune", stdout=StringIO())
    other.rollback()
    assert operations() == {operation}


def test_a_rerun_beside_another_applies_what_that_one_rolls_back(dirty_reads, writer):
    person = customer()
    other = writer(log(event(DELETE, person)))
    with ending(other.rollback):
        call_command("gdpr_rerun", stdout=StringIO())
    assert not Customer.all_objects.filter(pk=person.pk).exists()


def test_what_a_probe_writes_is_no_receipt(dirty_reads, writer):
    """A savepoint rolled back by hand leaves the callback behind; a reconciliation may try the receipt then."""
    other = writer(log(event(DELETE, customer()), outcome=None))
    writing._confirm(*operations(), "default")
    other.rollback()
    assert [outcome for *_, outcome in logged()] == [None]


def test_the_level_is_asked_of_the_database(dirty_reads):
    assert reads_uncommitted("default") is (connections["default"].vendor == "mysql")
    assert reads_uncommitted("other") is False


def test_at_other_levels_no_statement_is_added(django_assert_num_queries):
    with django_assert_num_queries(1, using="default"):
        receipts.committed_receipts([uuid.uuid4()], "default")


# {command: the aliases that it writes to, of one with data and the log}
WRITES = {
    "anonymise_db": ["default"],
    "gdpr_fakes": [],
    "gdpr_inventory": [],
    "gdpr_new_id": ["default"],
    "gdpr_paths": [],
    "gdpr_prune": ["default", "gdpr_log"],
    "gdpr_reconcile": ["default", "gdpr_log"],
    "gdpr_rerun": ["default", "gdpr_log"],
    "gdpr_residue": [],
    "gdpr_status": [],
    "gdpr_subject": ["default", "gdpr_log"],
    "gdpr_upgrade": ["default", "gdpr_log"],
    "gdpr_verify": [],
}


class TestAutocommit:
    def off(self, database):
        database.settings_dict = {**database.settings_dict, "AUTOCOMMIT": False}

    def test_a_connection_that_commits_by_itself(self):
        check_commits(ALIASES)

    def test_each_command_has_an_answer(self):
        assert {name for name, app in get_commands().items() if app == "gdpr_assist"} == WRITES.keys()

    def call(self, command):
        asks = {"anonymise_db": {"interactive": False, "compact": False}, "gdpr_new_id": {"noinput": True}}
        words = ["erase", "--email=ada@quill.example"] if command == "gdpr_subject" else []
        with mock.patch("sys.stdin", TextIOWrapper(BytesIO(b"ada@quill.example"))):
            call_command(command, *words, stdout=StringIO(), **asks.get(command, {}))

    @pytest.mark.parametrize(("command", "using"), [(name, using) for name in WRITES for using in WRITES[name]])
    def test_commands_that_write_refuse(self, command, using, settings):
        settings.GDPR_CAN_ANONYMISE_DATABASE = True
        settings.GDPR_LOG_RETENTION = timedelta(days=30)
        log(event(ANONYMISE, customer()))
        with untouched(), database_is(using, self.off), pytest.raises(CommandError) as caught:
            self.call(command)
        said, nothing = str(caught.value), "Nothing was changed. "
        assert said.count(nothing) == 1
        assert said.replace(nothing, "") == (
            f"AUTOCOMMIT is off on the database alias '{using}': what is written there would be rolled back when the "
            f"command ends. Take AUTOCOMMIT out of DATABASES['{using}']."
        )

    @pytest.mark.parametrize(
        ("command", "using"),
        [(name, using) for name in WRITES for using in ("default", "gdpr_log") if using not in WRITES[name]],
    )
    def test_what_a_command_only_reads_may_be_so(self, command, using, settings):
        settings.GDPR_CAN_ANONYMISE_DATABASE = True
        with untouched(using), database_is(using, self.off):
            self.call(command)

    def test_switched_off_at_run_time(self):
        with transaction.atomic():
            pass
        connections["default"].set_autocommit(False)
        try:
            with pytest.raises(AnonymiseError, match="AUTOCOMMIT is off on the database alias 'default'"):
                check_commits(["default"])
        finally:
            connections["default"].rollback()
            connections["default"].set_autocommit(True)


class TestChecks:
    def ids(self, **kwargs):
        return [each.id for each in run_checks(**kwargs)]

    def test_gdpr_assist_E037(self):
        def off(database):
            database.settings_dict = {**database.settings_dict, "AUTOCOMMIT": False}

        assert "gdpr_assist.E037" not in self.ids()
        with database_is("other", off):
            assert "gdpr_assist.E037" in self.ids()

    def test_gdpr_assist_W016(self, dirty_reads):
        found = self.ids(databases=["default", "other", "gdpr_log"])
        assert found.count("gdpr_assist.W016") == (connections["default"].vendor == "mysql")
        assert "gdpr_assist.W016" not in self.ids()

    def test_gdpr_assist_W018(self):
        asked = {"databases": ["gdpr_log"], "tags": ["database"]}
        assert "gdpr_assist.W018" not in self.ids(**asked)
        with log_is(without_tables):
            assert "gdpr_assist.W018" in self.ids(**asked)
            assert "gdpr_assist.W018" not in self.ids(databases=["default"])
        with log_is(refused):
            assert check_W018(databases=["gdpr_log"]) == []
