"""Rewrites the tables of a scrubbed copy, so that its files hold the old values no more. Changes no row."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from django.db import Error, OperationalError, connections, transaction
from django.db.models import Model

from ..exceptions import AnonymiseError
from ..undocumented import multi_table_parents
from .locks import is_busy
from .retyping import TOLD, retypings, with_old_statistics

# In seconds: how long to wait for others who use the database. Nobody should, as it is a copy.
PATIENCE = 60


def compact(models: Iterable[type[Model]], using: str, anew: Collection[type[Model]] = ()) -> list[str]:
    """Rewrite the tables of ``models``; return what still holds old values, a sentence with its cure for each.

    On SQLite the whole file, on PostgreSQL the statistics too. The tables of ``anew`` were written anew already: of
    these only the statistics. It does nothing in a transaction: what that replaced is still needed for a rollback.

    Raises ``AnonymiseError`` if a table cannot be rewritten, or is in use for longer than ``PATIENCE``.
    """
    connection = connections[using]
    compact_ = COMPACT.get(connection.vendor)
    if compact_ is None:
        return [f"{using}: its files may hold old values; how to compact {connection.vendor} is not known here."]
    if connection.in_atomic_block or not connection.get_autocommit():
        return [
            f"{using}: its files hold old values, because a transaction is open. Run the command again outside of it."
        ]
    return compact_(connection, _tables(models), {each._meta.db_table for each in anew})


def _apart(connection: Any, tables: list[str]) -> tuple[list[str], list[str]]:
    """Return the tables, and of the views among them that their own tables may hold old values."""
    with connection.cursor() as cursor:
        views = {each.name for each in connection.introspection.get_table_list(cursor) if each.type == "v"}
    return [table for table in tables if table not in views], [
        f"{connection.alias}: {table} is a view; the files of the tables that it shows may hold old values. Compact "
        "these by hand."
        for table in tables
        if table in views
    ]


def left_out(using: str) -> str:
    """Return what is true of a scrubbed database that was not compacted, with the cure."""
    by_hand = BY_HAND.get(connections[using].vendor)
    or_by_hand = f", or run {by_hand} by hand" if by_hand else ""
    return (
        f"{using}: its files may still hold old values. To remove them, run the command again without --no-compact"
        f"{or_by_hand}."
    )


def _tables(models: Iterable[type[Model]]) -> list[str]:
    """Return the tables in which the models have fields: a multi-table child has some in its parents'."""
    return sorted({each._meta.db_table for model in models for each in (model, *multi_table_parents(model))})


CURE = "End what else uses the database, have as much disk free as it takes up, and run the command again"


# -- SQLite ----------------------------------------------------------------------------------------


def _as_sqlite(connection: Any, tables: list[str], anew: set[str]) -> list[str]:
    with connection.cursor() as cursor, _without_journal(cursor):
        # sqlite_stat4 has samples of what is indexed.
        cursor.execute("SELECT 1 FROM sqlite_master WHERE name = 'sqlite_stat1'")
        if cursor.fetchone():
            _run(cursor, "ANALYZE")
        _run(cursor, "VACUUM")
        # Until then the old pages are in the -wal file, the new ones too, and the file itself is as it was.
        checkpoint = "PRAGMA wal_checkpoint(TRUNCATE)"
        _run(cursor, checkpoint)
        busy, _, _ = cursor.fetchone()
        if busy:
            raise _failed(cursor, checkpoint, "the database is in use")
    return []


@contextmanager
def _without_journal(cursor: Any) -> Iterator[None]:
    """Have a journal removed at the end of a transaction: PERSIST leaves one with old pages, MEMORY and OFF see none.

    With a write-ahead log there is no journal, and to leave that mode would be a change for everybody.
    """
    cursor.execute("PRAGMA journal_mode")
    (mode,) = cursor.fetchone()
    if mode == "wal":
        yield
        return
    cursor.execute("PRAGMA journal_mode = DELETE")
    try:
        yield
    finally:
        cursor.execute(f"PRAGMA journal_mode = {mode}")


# -- PostgreSQL ------------------------------------------------------------------------------------

# Most common values and bounds of histograms are values of rows.
STATISTICS = ("pg_catalog.pg_statistic", "pg_catalog.pg_statistic_ext_data")

# Who keeps a VACUUM from dropping row versions that died before the transaction %(now)s: whoever uses this database
# and has a snapshot, or writes, since before that; a prepared transaction, a standby or a slot alike.
HOLDERS = """
SELECT format('process %%s', pid) FROM pg_stat_activity
WHERE pid <> pg_backend_pid() AND pid NOT IN (SELECT pid FROM pg_stat_progress_vacuum)
AND (datname IS NULL OR datname = current_database())
AND (age(backend_xid) > age(%(now)s::xid) OR age(backend_xmin) > age(%(now)s::xid))
UNION ALL
SELECT format('prepared transaction %%s', gid) FROM pg_prepared_xacts
WHERE database = current_database() AND age(transaction) > age(%(now)s::xid)
UNION ALL
SELECT format('replication slot %%s', slot_name) FROM pg_replication_slots
WHERE age(xmin) > age(%(now)s::xid) OR age(catalog_xmin) > age(%(now)s::xid)
"""

# Whether a transaction of another database of the server has been writing since before the transaction %(now)s.
ELSEWHERE = """
SELECT EXISTS (
    SELECT FROM pg_stat_activity WHERE datname <> current_database() AND age(backend_xid) > age(%(now)s::xid)
) OR EXISTS (
    SELECT FROM pg_prepared_xacts WHERE database <> current_database() AND age(transaction) > age(%(now)s::xid)
)
"""

# Who has a lock on a table
USERS = """
SELECT DISTINCT pid FROM pg_locks
WHERE relation = %s::regclass AND granted AND pid <> pg_backend_pid() AND pid IS NOT NULL ORDER BY pid
"""

# The files of a table; of a partitioned one, those of its partitions.
FILES = """
SELECT pg_relation_filenode(%(table)s::regclass)
UNION SELECT pg_relation_filenode(relid) FROM pg_partition_tree(%(table)s::regclass)
"""

# Those of the tables of which nothing at all is there: no page of rows, none of an index but the first of a kind that
# has no keys in it, and no statistics. What somebody has deleted leaves some.
BLANK = f"""
WITH told AS MATERIALIZED ({TOLD})
SELECT name FROM unnest(%(tables)s::text[]) AS name WHERE NOT EXISTS (
    SELECT FROM (SELECT name::regclass AS id UNION SELECT relid FROM pg_partition_tree(name::regclass)) AS parts
    WHERE pg_relation_size(id) > 0
    OR (SELECT pg_relation_size(reltoastrelid) FROM pg_class WHERE oid = id AND reltoastrelid <> 0) > 0
    OR EXISTS (
        SELECT FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid JOIN pg_am ON pg_am.oid = relam
        WHERE indrelid = id AND pg_relation_size(indexrelid) >
        CASE WHEN amname IN ('btree', 'brin') THEN current_setting('block_size')::int ELSE 0 END
    )
    OR (
        SELECT (nspname, relname) IN (SELECT schemaname, tablename FROM told)
        FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace WHERE pg_class.oid = id
    )
)
"""

# Tables that inherit from others, which have the same rows in files of their own: ANALYZE and VACUUM FULL pass them
# over, but for partitions.
HEIRS = """
WITH RECURSIVE heirs AS (
    SELECT inhrelid FROM pg_inherits WHERE inhparent = ANY(%(tables)s::text[]::regclass[])
    UNION SELECT pg_inherits.inhrelid FROM pg_inherits JOIN heirs ON inhparent = heirs.inhrelid
)
SELECT oid::regclass::text FROM pg_class JOIN heirs ON oid = inhrelid WHERE relkind = 'r' AND NOT relispartition
ORDER BY 1
"""


def _as_postgresql(connection: Any, tables: list[str], anew: set[str]) -> list[str]:
    tables, of_views = _apart(connection, tables)
    names = [connection.ops.quote_name(table) for table in tables]
    done = {connection.ops.quote_name(table) for table in anew}
    settings = f"SET lock_timeout = '{PATIENCE}s'", "RESET lock_timeout"
    with connection.cursor() as cursor, _setting(cursor, *settings):
        names += _names(cursor, HEIRS, names)
        blank = _names(cursor, BLANK, names)
        names = [name for name in names if name not in blank]
        old = [name for name in names if name not in done]
        # First, as these leave the old statistics behind as dead rows.
        left = [line for name in names for line in _analyse(cursor, name)]
        if _wait_for_holders(cursor):
            # VACUUM FULL has a snapshot, which is no newer than the oldest transaction that writes anywhere on the
            # server, and copies what died since. A plain VACUUM has none: it drops that, whatever others do elsewhere.
            for name in (*old, *STATISTICS):
                _run_on(cursor, "VACUUM", name)
        for name in old:
            if not _vacuum_full(cursor, name):
                cause = "the role does not own the table"
                raise _failed(cursor, f"VACUUM FULL {name}", cause, "Run the command again as the owner of the table")
        left += [
            f"{connection.alias}: dead rows of {name} hold old values. As a superuser or the owner of the database "
            f"run VACUUM FULL {name}, or hand on a dump."
            for name in STATISTICS
            if not _vacuum_full(cursor, name)
        ]
    return of_views + left


def _analyse(cursor: Any, name: str) -> list[str]:
    """Have no old value in the statistics of a table; return a sentence with its cure for each that still has some.

    Where there are no rows, ANALYZE leaves the statistics as they are; ALTER TYPE drops them.
    """
    _run_on(cursor, "ANALYZE", name)
    if not with_old_statistics(cursor, name):
        return []
    statement = f"ALTER TABLE {name}"
    for retyping in retypings(cursor, name).values():
        try:
            with transaction.atomic(using=cursor.db.alias):
                for change in (retyping.type, *retyping.resets):
                    cursor.execute(f"{statement} {change}")
        except Error as error:
            if _is_busy(cursor, error):
                raise _in_use(cursor, statement, name) from None
            # A view, a policy or a trigger depends on the column, or it divides rows into partitions.
    _run_on(cursor, "ANALYZE", name)  # of partitions that have rows
    return [
        f"{cursor.db.alias}: the statistics of {relation} hold old values, as no rows are left to make new ones of. "
        f"As a superuser run DELETE FROM pg_catalog.pg_statistic WHERE starelid = '{relation}'::regclass, drop what "
        "CREATE STATISTICS made on it, and run the command again; or hand on a dump."
        for relation in with_old_statistics(cursor, name)
    ]


def _names(cursor: Any, sql: str, tables: list[str]) -> list[str]:
    cursor.execute(sql, {"tables": tables})
    return [name for (name,) in cursor.fetchall()]


def _wait_for_holders(cursor: Any) -> bool:
    """Wait until nobody in this database needs old row versions; return whether another database has a transaction."""
    cursor.execute("SELECT (txid_current() %% 4294967296)::text", [])
    (now,) = cursor.fetchone()
    end = time.monotonic() + PATIENCE
    while holders := _holders(cursor, now):
        if time.monotonic() > end:
            raise _failed(cursor, "VACUUM FULL", f"old row versions are kept for {', '.join(holders)}")
        time.sleep(0.2)
    cursor.execute(ELSEWHERE, {"now": now})
    (elsewhere,) = cursor.fetchone()
    return bool(elsewhere)


def _holders(cursor: Any, now: str) -> list[str]:
    cursor.execute(HOLDERS, {"now": now})
    return [holder for (holder,) in cursor.fetchall()]


def _vacuum_full(cursor: Any, name: str) -> bool:
    """Return whether it was done: a role that may not gets a warning, which nobody sees, and no error."""
    before = _files(cursor, name)
    _run_on(cursor, "VACUUM FULL", name)
    after = _files(cursor, name)
    return bool(after) and before.isdisjoint(after)


def _run_on(cursor: Any, verb: str, name: str) -> None:
    statement = f"{verb} {name}"
    try:
        cursor.execute(statement)
    except Error as error:
        if _is_busy(cursor, error):
            raise _in_use(cursor, statement, name) from None
        raise _refused(cursor, statement, error) from None


def _is_busy(cursor: Any, error: Error) -> bool:
    return isinstance(error, OperationalError) and is_busy(error, cursor.db.alias)


def _in_use(cursor: Any, statement: str, name: str) -> AnonymiseError:
    return _failed(cursor, statement, f"the table is in use by {users_of(cursor, name)}")


def users_of(cursor: Any, name: str) -> str:
    """Return who has a lock on a table of PostgreSQL, in words; ``name`` is quoted."""
    # By place, as it may be asked within a scrub: see retyping.
    cursor.execute(USERS, [name])
    return ", ".join(f"process {pid}" for (pid,) in cursor.fetchall()) or "others"


def _files(cursor: Any, name: str) -> set[int]:
    cursor.execute(FILES, {"table": name})
    return {number for (number,) in cursor.fetchall() if number}


# -- MySQL and MariaDB -----------------------------------------------------------------------------


def _as_mysql(connection: Any, tables: list[str], anew: set[str]) -> list[str]:
    tables, of_views = _apart(connection, tables)
    settings = f"SET SESSION lock_wait_timeout = {PATIENCE}", "SET SESSION lock_wait_timeout = DEFAULT"
    with connection.cursor() as cursor, _setting(cursor, *settings):
        for table in tables:
            statement = f"OPTIMIZE TABLE {connection.ops.quote_name(table)}"
            _run(cursor, statement)
            # It raises nothing: it answers with (table, operation, type, text).
            if any(kind.lower() == "error" for _, _, kind, _ in cursor.fetchall()):
                raise _failed(cursor, statement, "the table is in use, or the disk is full")
    return of_views


# {vendor: function that rewrites the tables, and returns what still holds old values}
COMPACT: dict[str, Callable[[Any, list[str], set[str]], list[str]]] = {
    "sqlite": _as_sqlite,
    "postgresql": _as_postgresql,
    "mysql": _as_mysql,
}

# {vendor: what somebody may run instead}
BY_HAND = {
    "sqlite": "VACUUM",
    "postgresql": f"VACUUM FULL of the scrubbed tables and of {' and '.join(STATISTICS)}",
    "mysql": "OPTIMIZE TABLE of the scrubbed tables",
}


def _run(cursor: Any, statement: str) -> None:
    """Run it, or raise without the database's text: a table that cannot be indexed again has a value in there."""
    try:
        cursor.execute(statement)
    except Error as error:
        raise _refused(cursor, statement, error) from None


def _refused(cursor: Any, statement: str, error: Error) -> AnonymiseError:
    cause = error.__cause__ or error
    return _failed(cursor, statement, getattr(cause, "sqlite_errorname", type(cause).__name__))


def _failed(cursor: Any, statement: str, cause: str, cure: str = CURE) -> AnonymiseError:
    return AnonymiseError(
        f"{cursor.db.alias}: the rows are anonymised, but the files still hold old values, as {statement} did not "
        f"succeed: {cause}. {cure}, or that statement by hand."
    )


@contextmanager
def _setting(cursor: Any, set_: str, reset: str) -> Iterator[None]:
    cursor.execute(set_)
    try:
        yield
    finally:
        with suppress(Error):  # A connection that is gone has no settings either.
            cursor.execute(reset)
