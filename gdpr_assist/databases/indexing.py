"""Builds the keys of a table after many rows came, which takes a third of entering them row by row. Writes no row.

Where a database can take that back with the transaction: PostgreSQL. Elsewhere rows are entered one by one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import DatabaseError, connections, transaction

VENDORS = {"postgresql"}

# With fewer rows, to alter the table takes as long as it saves.
FEWEST = 10_000

# Of a row of few columns. As many rows as are there may come: all of them are entered in the new indexes.
BYTES_OF_A_ROW = 64

# The primary key and the unique constraints of a table, each with what it is made by. None where that is not all of
# one, or where they could not be added again: by a role that may create nothing in the schema, or before a deferred
# trigger has come to its turn.
KEYS = """
SELECT conname, pg_get_constraintdef(pg_constraint.oid)
FROM pg_constraint JOIN pg_index ON indexrelid = conindid JOIN pg_class ON pg_class.oid = indexrelid
WHERE conrelid = %s::regclass AND contype IN ('p', 'u')
AND has_schema_privilege(relnamespace, 'CREATE')
AND NOT EXISTS (SELECT FROM pg_trigger WHERE tgrelid = conrelid AND tgdeferrable)
AND NOT EXISTS (
    SELECT FROM pg_constraint AS key JOIN pg_index ON indexrelid = conindid JOIN pg_class ON pg_class.oid = indexrelid
    WHERE key.conrelid = pg_constraint.conrelid AND contype IN ('p', 'u') AND (
        reloptions IS NOT NULL OR reltablespace <> 0 OR indisclustered OR indisreplident
        OR obj_description(key.oid, 'pg_constraint') IS NOT NULL OR obj_description(indexrelid, 'pg_class') IS NOT NULL
    )
)
AND current_setting('default_tablespace') = ''
ORDER BY 1
"""


@contextmanager
def keys_built_after(table: str, using: str, rows: int) -> Iterator[None]:
    """Let the block, which adds about ``rows`` rows, find ``table`` without its primary key and unique constraints.

    They are built after it, if that is faster; nobody else uses the table then until the transaction ends, which is
    open, and must be rolled back if the block raises. Where others use the table now, the role does not own it or may
    create nothing, something hangs on a key, or somebody has set more about one, all is as without. Raises
    ``IntegrityError`` after the block for rows that a key forbids.
    """
    keys = _dropped(table, using) if _are_many(table, using, rows) else {}
    yield
    if keys:
        _alter(table, using, (f"ADD CONSTRAINT {key} {made}" for key, made in keys.items()))


def _are_many(table: str, using: str, rows: int) -> bool:
    """Whether so many rows come that building the keys of all is less work than entering them."""
    connection = connections[using]
    if rows < FEWEST or connection.vendor not in VENDORS:
        return False
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_relation_size(%s)", [connection.ops.quote_name(table)])
        return int(cursor.fetchone()[0]) <= rows * BYTES_OF_A_ROW


def _dropped(table: str, using: str) -> dict[str, str]:
    """Drop the keys; return {quoted name: what it is made by}. None if they cannot be, or not be made as they are."""
    quote = connections[using].ops.quote_name
    try:
        with transaction.atomic(using=using), connections[using].cursor() as cursor:
            keys = _keys(cursor, table)
            if keys:
                cursor.execute(f"LOCK TABLE {quote(table)} IN ACCESS EXCLUSIVE MODE NOWAIT")
                _alter(table, using, (f"DROP CONSTRAINT {quote(name)}" for name in keys))
    except DatabaseError:
        return {}
    return {quote(name): made for name, made in keys.items()}


def _keys(cursor: Any, table: str) -> dict[str, str]:
    """Return {name: what it is made by}."""
    cursor.execute(KEYS, [cursor.db.ops.quote_name(table)])
    return dict(cursor.fetchall())


def _alter(table: str, using: str, changes: Iterable[str]) -> None:
    with connections[using].cursor() as cursor:
        cursor.execute(f"ALTER TABLE {connections[using].ops.quote_name(table)} {', '.join(changes)}")
