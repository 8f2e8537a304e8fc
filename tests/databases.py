"""Whole databases: how tests look at everything in one, break one, and make one for themselves."""

import uuid
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path
from unittest import mock

from django.apps import apps
from django.conf import settings
from django.contrib.contenttypes.models import ContentType
from django.core.management import call_command
from django.db import connections, transaction
from django.db.migrations.state import StateApps
from django.test import TransactionTestCase, override_settings
from django.utils.module_loading import import_string

ALIASES = ("default", "other", "gdpr_log")


def dump(*aliases):
    """Return every row of every table as text, sorted: {(alias, table): [row]}."""
    found = {}
    for using in aliases or ALIASES:
        connection = connections[using]
        with connection.cursor() as cursor:
            for table in connection.introspection.table_names(cursor):
                cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
                found[using, table] = sorted(map(repr, cursor.fetchall()))
    return found


@contextmanager
def untouched(*aliases):
    """Fail if the block changes anything in any of the databases."""
    before = dump(*aliases)
    yield
    after = dump(*aliases)
    assert {key: after[key] for key in after if after[key] != before.get(key)} == {}
    assert after.keys() == before.keys()


def number_rows_from(number, connection):
    """Let the database give keys of ``number`` and more, so that no row gets one that a test has written.

    Sequences outlive the transactions of tests: which keys are taken would depend on the tests that ran before.
    """
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("DELETE FROM sqlite_sequence")
            cursor.execute(
                f"INSERT INTO sqlite_sequence (name, seq) SELECT name, {number} FROM sqlite_master "
                "WHERE type = 'table' AND sql LIKE '%AUTOINCREMENT%'"
            )
        elif connection.vendor == "postgresql":
            cursor.execute(
                f"SELECT setval(format('%I.%I', schemaname, sequencename)::regclass, {number}) FROM pg_sequences"
            )
        else:
            cursor.execute(
                "SELECT table_name FROM information_schema.tables "
                "WHERE table_schema = DATABASE() AND auto_increment IS NOT NULL"
            )
            for (table,) in cursor.fetchall():
                cursor.execute(f"ALTER TABLE {connection.ops.quote_name(table)} AUTO_INCREMENT = {number}")


# -- the rows after each test that commits ---------------------------------------------------------


class Restoring(TransactionTestCase):
    """Puts back, after each test, the rows that were there before the first one: those of migrate.

    In place of Django's flush, which empties all tables and lets post_migrate write the content types and permissions
    anew: that took most of the time of such a test, on PostgreSQL a tenth of a second. A test changes a few tables.
    Sequences go on counting, as after Django's flush.
    """

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for using in cls._databases_names(include_mirrors=False):
            migrated(using)

    def _fixture_teardown(self):
        for using in self._databases_names(include_mirrors=False):
            restore(using)
        ContentType.objects.clear_cache()


@cache
def migrated(using):
    return contents(using)


def restore(using):
    connection = connections[using]
    before, after = migrated(using), contents(using)
    changed = [table for table in before | after if before.get(table) != after.get(table)]
    with connection.constraint_checks_disabled(), transaction.atomic(using), connection.cursor() as cursor:
        for table in changed:
            cursor.execute(f"DELETE FROM {table}")
        for table in changed:
            for row in before.get(table, []):
                cursor.execute(f"INSERT INTO {table} VALUES ({', '.join(['%s'] * len(row))})", row)


def contents(using):
    """Return {table: [row]} for the tables that have rows."""
    with connections[using].cursor() as cursor:
        # In one query, as most have none.
        exists = (f"SELECT '{table}' WHERE EXISTS (SELECT 1 FROM {table})" for table in tables(using))
        cursor.execute(" UNION ALL ".join(exists))
        filled = [table for (table,) in cursor.fetchall()]
        return {table: rows(cursor, table) for table in filled}


# What is asked of whom and kept for a while is no change of the data.
BOOKKEEPING = {"django_session", "gdpr_assist_errand"}


def all_contents():
    """Return the rows of all databases but those of the bookkeeping: {(alias, table): [row]}."""
    return {
        (using, table): of_table
        for using in ALIASES
        for table, of_table in contents(using).items()
        if table.strip('`"') not in BOOKKEEPING
    }


def rows(cursor, table):
    cursor.execute(f"SELECT * FROM {table}")
    return cursor.fetchall()


@cache
def tables(using):
    connection = connections[using]
    names = connection.introspection.django_table_names(only_existing=True, include_views=False)
    return [connection.ops.quote_name(name) for name in names]


# Django 6.1 has another name for it.
new_savepoint = getattr(transaction, "savepoint_create", transaction.savepoint)


# -- a log that cannot be written ------------------------------------------------------------------


def refused(log):
    """Nobody listens there."""
    nowhere = {"NAME": Path(settings.SCRATCH) / "no such directory" / "log.sqlite3"}
    address = nowhere if log.vendor == "sqlite" else {"HOST": "127.0.0.1", "PORT": "1"}
    log.settings_dict = {**log.settings_dict, **address}


def without_tables(log):
    """The database is there, and was never migrated."""
    # A file: Django does not close a database in memory.
    file = Path(settings.SCRATCH) / "empty.sqlite3"
    empty = {"sqlite": file, "postgresql": "postgres", "mysql": "mysql"}[log.vendor]
    log.settings_dict = {**log.settings_dict, "NAME": empty}


def read_only(log):
    """A server that takes no writes, as a standby; SQLite's file cannot be written."""
    given = log.settings_dict["OPTIONS"]
    database = {
        "sqlite": {"NAME": f"file:{log.settings_dict['NAME']}?mode=ro"},
        "postgresql": {
            "OPTIONS": {**given, "options": f"{given.get('options', '')} -c default_transaction_read_only=on"}
        },
        "mysql": {"OPTIONS": {**given, "init_command": "SET SESSION TRANSACTION READ ONLY"}},
    }[log.vendor]
    log.settings_dict = {**log.settings_dict, **database}


def impatient(database):
    """It waits for locks no longer than a second."""
    options = database.settings_dict["OPTIONS"]
    patience = {
        "sqlite": {"timeout": 0.1},
        "postgresql": {"options": f"{options.get('options', '')} -c lock_timeout=100"},
        "mysql": {"init_command": "SET SESSION lock_wait_timeout = 1, innodb_lock_wait_timeout = 1"},
    }[database.vendor]
    database.settings_dict = {**database.settings_dict, "OPTIONS": {**options, **patience}}


def hung_up(log):
    """The server has hung up, and Django does not know it yet."""
    log.ensure_connection()
    log.connection.close()


FAULTS = [refused, without_tables, read_only]


def log_is(fault):
    """Put a connection with ``fault`` in the place of the log's for the time of the block."""
    return database_is("gdpr_log", fault)


@contextmanager
def database_is(using, fault):
    """The same for any alias."""
    healthy = connections[using]
    broken = healthy.copy()
    fault(broken)
    connections[using] = broken
    try:
        yield
    finally:
        connections[using] = healthy
        broken.close()
        forget_types(healthy)


def forget_types(database):
    """Let new connections ask PostgreSQL for its types: those of another database may be known under the alias."""
    if database.vendor == "postgresql" and apps.is_installed("django.contrib.postgres"):
        for name in ("get_hstore_oids", "get_citext_oids"):
            import_string(f"django.contrib.postgres.signals.{name}").cache_clear()


@contextmanager
def on_statement(beginning, action, after=False):
    """Do ``action``, once, before or after the log runs a statement that begins so."""
    log, done = connections["gdpr_log"], []

    def wrapper(execute, sql, params, many, context):
        if done or not sql.startswith(beginning):
            return execute(sql, params, many, context)
        done.append(sql)
        if not after:
            action(log)
        result = execute(sql, params, many, context)
        if after:
            action(log)
        return result

    with log.execute_wrapper(wrapper):
        yield
    assert done, f"the log ran no {beginning}"


# -- databases of a test's own ---------------------------------------------------------------------


@contextmanager
def scratch(name):
    """Create an empty database, give its alias, and drop it."""
    alias = f"{name}_{uuid.uuid4().hex[:8]}"
    default = connections["default"]
    if default.vendor == "sqlite":
        path = Path(settings.SCRATCH) / f"{alias}.sqlite3"
        create, drop, database = None, partial(path.unlink, missing_ok=True), path
    else:
        create, drop = f"CREATE DATABASE {alias}", f"DROP DATABASE {alias}"
        if default.vendor == "mysql":
            # Not the collation of the connection: a site's tables may well have another one.
            create += " CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci"
        database = alias
    if create:
        _on_server(create)
    connections.databases[alias] = {**default.settings_dict, "NAME": database}
    try:
        yield alias
    finally:
        connections[alias].close()
        del connections[alias]
        del connections.databases[alias]
        ContentType.objects.clear_cache()
        if default.vendor == "sqlite":
            drop()
        else:
            _on_server(drop)


@contextmanager
def scratch_site():
    """Create the two databases of a site, data and log; give their aliases."""
    with scratch("site") as main, scratch("site_log") as log, override_settings(GDPR_LOG_DATABASE_NAME=log):
        yield main, log


@contextmanager
def unblocked_site(blocker):
    """The same for tests and fixtures that open no database of the test run."""
    with blocker.unblock(), scratch_site() as aliases:
        yield aliases


@contextmanager
def without_unmigrated_models():
    """Leave the hundreds of models of apps without migrations out of the states that migrations go through.

    No migration leads to them, and rendering them anew at each step takes nearly all of the time.
    """
    render = StateApps.__init__

    def render_others(self, real_apps, models, ignore_swappable=False):
        render(self, (), models, ignore_swappable)

    with mock.patch.object(StateApps, "__init__", render_others):
        yield


def migrate(*aliases, target=()):
    with without_unmigrated_models():
        for using in aliases:
            call_command("migrate", "gdpr_assist", *target, database=using, verbosity=0)


def _on_server(sql):
    default = connections["default"]
    with default._nodb_cursor() as cursor:
        cursor.execute(sql)
