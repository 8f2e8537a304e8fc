"""What a server says of itself: which database it is, tables without transactions, commits that may be lost."""

from io import StringIO
from pathlib import Path

import pytest
from django.conf import settings
from django.core.checks import run_checks
from django.core.management import call_command
from django.db import connections

from gdpr_assist.checks import check_E020_of_servers, check_W019
from gdpr_assist.databases import servers
from tests.apps.shop.models import Customer
from tests.databases import ALIASES, database_is, log_is, refused, scratch_site

VENDOR = connections["default"].vendor


def found(check, databases):
    messages = run_checks(tags=["database"], databases=databases)
    return [each.msg for each in messages if each.id == f"gdpr_assist.{check}"]


def spelled_otherwise(using):
    """Return what gives a connection the database of ``using`` under another spelling."""

    def change(connection):
        theirs = connections[using].settings_dict
        if connection.vendor == "sqlite":
            link = Path(settings.SCRATCH) / "another spelling.sqlite3"
            link.unlink(missing_ok=True)
            link.symlink_to(theirs["NAME"])
            connection.settings_dict = {**theirs, "NAME": link}
        else:
            with connections[using].cursor() as cursor:
                cursor.execute({"postgresql": "SHOW port", "mysql": "SELECT @@port"}[connection.vendor])
                port = str(cursor.fetchone()[0])
            host = "LOCALHOST" if theirs["HOST"] in ("127.0.0.1", "") else "127.0.0.1"
            connection.settings_dict = {**theirs, "HOST": host, "PORT": port}

    return change


class TestE020:
    """The log and the data in one database, which DATABASES does not show."""

    def test_gdpr_assist_E020_another_spelling(self, django_db_blocker):
        with django_db_blocker.unblock(), scratch_site() as (main, log), database_is(log, spelled_otherwise(main)):
            assert found("E020", [main, log]) == [
                f"The event log's database {log!r} is the one of {main!r}, which is spelled in another way."
            ]
            assert found("E020", [main]) == found("E020", [log]) == []

    def test_two_databases_of_one_server(self, django_db_blocker):
        with django_db_blocker.unblock(), scratch_site() as (main, log):
            assert servers.identity(main) == servers.identity(main) is not None
            assert found("E020", [main, log]) == []

    def test_the_same_spelling_is_reported_once(self, django_db_blocker):
        def same(log):
            log.settings_dict = connections[main].settings_dict

        with django_db_blocker.unblock(), scratch_site() as (main, log), database_is(log, same):
            messages = run_checks(databases=[main, log])
            assert [each.id for each in messages].count("gdpr_assist.E020") == 1

    @pytest.mark.django_db
    def test_a_log_that_cannot_be_reached_is_not_compared(self):
        with log_is(refused):
            assert check_E020_of_servers(databases=ALIASES) == []
            assert check_W019(databases=ALIASES) == []


def test_a_vendor_that_is_not_known(monkeypatch):
    monkeypatch.setattr(connections["default"], "vendor", "oracle")
    assert servers.identity("default") is None
    assert servers.not_transactional("default") == {}
    assert servers.lossy_settings("default") == {}


class TestW019:
    @pytest.mark.django_db
    def test_tables_with_transactions(self):
        assert found("W019", ALIASES) == []

    if VENDOR == "mysql":

        @pytest.mark.django_db(transaction=True)
        @pytest.mark.parametrize("engine", ["MyISAM", "Aria", "MEMORY"])
        @pytest.mark.parametrize(
            ("using", "table", "label"),
            [
                ("other", Customer._meta.db_table, "shop.Customer"),
                ("other", "gdpr_assist_receipt", "gdpr_assist.Receipt"),
                ("gdpr_log", "gdpr_assist_outcome", "gdpr_assist.Outcome"),
            ],
        )
        def test_gdpr_assist_W019(self, using, table, label, engine):
            name = connections[using].ops.quote_name(table)
            with connections[using].cursor() as cursor:
                cursor.execute(f"ALTER TABLE {name} RENAME TO gdpr_kept")
                try:
                    cursor.execute(f"CREATE TABLE {name} (id integer) ENGINE = {engine}")
                    [message] = found("W019", ALIASES)
                finally:
                    cursor.execute(f"DROP TABLE {name}")
                    cursor.execute(f"ALTER TABLE gdpr_kept RENAME TO {name}")
            assert message == (
                f"The database {using!r} has tables without transactions: {label} ({table}, {engine}). An erasure "
                "that fails is not rolled back there."
            )

        @pytest.mark.django_db(transaction=True)
        def test_a_table_of_nobody(self):
            with connections["other"].cursor() as cursor:
                cursor.execute("CREATE TABLE gdpr_nobodys (id integer) ENGINE = MyISAM")
                try:
                    assert found("W019", ALIASES) == []
                finally:
                    cursor.execute("DROP TABLE gdpr_nobodys")


# {vendor: (what the log is set to, what status is to say of it)}
LOSSY = {
    "postgresql": [("SET synchronous_commit = off", "set synchronous_commit to on")],
    "sqlite": [
        ("PRAGMA synchronous = OFF", "set PRAGMA synchronous to FULL"),
        ("PRAGMA journal_mode = wal; PRAGMA synchronous = NORMAL", "set PRAGMA synchronous to FULL"),
    ],
    "mysql": [],  # for the whole server
}
LASTING = {
    "postgresql": ["SET synchronous_commit = on", "SET synchronous_commit = local"],
    "sqlite": ["PRAGMA synchronous = NORMAL", "PRAGMA journal_mode = wal; PRAGMA synchronous = FULL"],
    "mysql": [],
}


class TestCommitsThatMayBeLost:
    """gdpr_status says it of the log."""

    @pytest.fixture(autouse=True)
    def one_setting(self, monkeypatch):
        """A server for tests may have other settings that are fast."""
        first = dict([next(iter(servers.DURABLE[VENDOR].items()))])
        monkeypatch.setattr(servers, "DURABLE", {VENDOR: first})

    def status(self, log, *statements):
        with connections[log].cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
        out = StringIO()
        call_command("gdpr_status", stdout=out)
        return out.getvalue()

    @pytest.fixture
    def log(self, django_db_blocker):
        with django_db_blocker.unblock(), scratch_site() as (main, log):
            for using in (main, log):
                call_command("migrate", "gdpr_assist", database=using, verbosity=0)
            yield log

    if VENDOR != "mysql":  # where a session cannot set it

        @pytest.mark.parametrize(("statements", "line"), LOSSY[VENDOR])
        def test_a_log_that_may_lose_events(self, log, statements, line):
            shown = self.status(log, *statements.split("; "))
            assert f"  may lose its last events in a power cut: {line} (" in shown
            assert "howto/protect_the_log" in shown

        @pytest.mark.parametrize("statements", LASTING[VENDOR])
        def test_a_log_that_does_not(self, log, statements):
            assert "power cut" not in self.status(log, *statements.split("; "))

    else:

        def test_mariadb_is_asked_for_its_setting(self, log):
            with connections[log].cursor() as cursor:
                cursor.execute("SELECT @@GLOBAL.innodb_flush_log_at_trx_commit")
                is_lossy = cursor.fetchone()[0] != 1
            line = "set innodb_flush_log_at_trx_commit to 1"
            assert (line in self.status(log)) == is_lossy

        def test_gdpr_status_says_what_mariadb_answers(self, log, monkeypatch):
            monkeypatch.setitem(servers.DURABLE[VENDOR], "innodb_flush_log_at_trx_commit", ("SELECT 2 <> 1", "1"))
            assert "power cut: set innodb_flush_log_at_trx_commit to 1" in self.status(log)
