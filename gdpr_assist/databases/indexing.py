"""Builds the keys of a table after many rows came, which takes a third of entering them row by row. Writes no row.

Where a database can take that back with the transaction: PostgreSQL. Elsewhere rows are entered one by one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from django.db import DatabaseError, connections, transaction

VENDORS = {"postgresql"}

# With fewer rows, to alter the table takes as long as it saves.
FEWEST = 10_000

# Of a row of few columns. As many rows as are there may come: all of them are entered in the new indexes.
BYTES_OF_A_ROW = 64

# The primary key and the unique constraints of a table, each with what it is made by, and whether that is all of it
KEYS = """
SELECT conname, pg_get_constraintdef(pg_constraint.oid),
    reloptions IS NULL AND reltablespace = 0 AND NOT indisclustered AND NOT indisreplident
    AND obj_description(pg_constraint.oid, 'pg_constraint') IS NULL AND obj_description(indexrelid, 'pg_class') IS NULL
FROM pg_constraint JOIN pg_index ON indexrelid = conindid JOIN pg_class ON pg_class.oid = indexrelid
WHERE conrelid = %s::regclass AND contype IN ('p', 'u') ORDER BY 1
"""


@contextmanager
def keys_built_after(table: str, using: str, rows: int) -> Iterator[None]:
    """Let the block, which adds about ``rows`` rows, find ``table`` without its primary key and unique constraints.

    They are built after it, if that is faster; nobody else uses the table then until the transaction ends, which is
    open, and must be rolled back if the block raises. Where others use the table now, the role does not own it,
    something hangs on a key, or somebody has set more about one, all is as without. Raises ``IntegrityError`` after
    the block for rows that a key forbids.
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
            cursor.execute(f"LOCK TABLE {quote(table)} IN ACCESS EXCLUSIVE MODE NOWAIT")
            cursor.execute(KEYS, [quote(table)])
            keys = cursor.fetchall()
            if not all(is_plain for _, _, is_plain in keys):
                return {}
            _alter(table, using, (f"DROP CONSTRAINT {quote(name)}" for name, _, _ in keys))
    except DatabaseError:
        return {}
    return {quote(name): made for name, made, _ in keys}


def _alter(table: str, using: str, changes: Iterable[str]) -> None:
    with connections[using].cursor() as cursor:
        cursor.execute(f"ALTER TABLE {connections[using].ops.quote_name(table)} {', '.join(changes)}")
