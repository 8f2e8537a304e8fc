"""Gives columns of PostgreSQL the type that they have, which leaves all else of them as it is, but for statistics.

ALTER TYPE drops the statistics of a column, of indexes with it, and of columns together. Builds statements.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

# Of columns, by default all: what ALTER TYPE needs to leave them as they are, and what it resets
DEFINITIONS = """
SELECT attname, format_type(atttypid, atttypmod), nspname, collname, attstorage, typstorage, attstattarget,
    nullif(to_jsonb(pg_attribute)->>'attcompression', '')
FROM pg_attribute
JOIN pg_type ON pg_type.oid = atttypid
LEFT JOIN pg_collation ON pg_collation.oid = attcollation
LEFT JOIN pg_namespace ON pg_namespace.oid = collnamespace
WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped
AND attname = ANY(coalesce(%s::text[], ARRAY[attname::text]))
"""
STORAGE = {"p": "PLAIN", "e": "EXTERNAL", "m": "MAIN", "x": "EXTENDED"}
COMPRESSION = {"p": "pglz", "l": "lz4"}

# What has statistics in which values of rows stand: of a column or an expression, or of columns together
TOLD = """
SELECT schemaname, tablename FROM pg_stats
UNION SELECT schemaname, tablename FROM pg_stats_ext WHERE most_common_vals IS NOT NULL
"""

# Of %(table)s and its partitions: each with its relations that have statistics, itself or indexes on expressions
WITH_STATISTICS = f"""
WITH members AS (SELECT %(table)s::regclass AS oid UNION SELECT relid FROM pg_partition_tree(%(table)s::regclass))
SELECT DISTINCT members.oid::text, pg_class.oid::regclass::text
FROM members JOIN pg_class
    ON pg_class.oid = members.oid OR pg_class.oid IN (SELECT indexrelid FROM pg_index WHERE indrelid = members.oid)
JOIN pg_namespace ON pg_namespace.oid = relnamespace
JOIN ({TOLD}) AS told ON (schemaname, tablename) = (nspname, relname)
ORDER BY 2
"""


class Retyping(NamedTuple):
    """Clauses of ALTER TABLE for one column."""

    type: str
    """Gives it the type that it has; USING may follow."""

    resets: list[str]
    """Give it back what that has reset, in a statement that comes after it."""


def retypings(cursor: Any, name: str, columns: Sequence[str] | None = None) -> dict[str, Retyping]:
    """Return {column: how to give it the type that it has}, by default of all; ``name`` of the table is quoted."""
    # By place: django-pgtrigger adds a value of its own to whatever is run while it lets triggers be.
    cursor.execute(DEFINITIONS, [name, columns and list(columns)])
    return {column: _retyping(cursor.db.ops.quote_name, column, *rest) for column, *rest in cursor.fetchall()}


def _retyping(
    quote: Any,
    column: str,
    kind: str,
    schema: str | None,
    collation: str | None,
    storage: str,
    usual_storage: str,
    target: int | None,
    compression: str | None,
) -> Retyping:
    alter = f"ALTER COLUMN {quote(column)}"
    collate = f" COLLATE {quote(schema)}.{quote(collation)}" if collation else ""
    resets = [
        *([f"SET STORAGE {STORAGE[storage]}"] if storage != usual_storage else []),
        *([f"SET COMPRESSION {COMPRESSION[compression]}"] if compression else []),
        *([f"SET STATISTICS {target}"] if target is not None and target >= 0 else []),
    ]
    return Retyping(f"{alter} TYPE {kind}{collate}", [f"{alter} {reset}" for reset in resets])


def with_old_statistics(cursor: Any, name: str) -> list[str]:
    """Return the relations that have statistics of rows that are gone, which ANALYZE leaves as they are.

    They are tables without rows, or their indexes, of ``name`` and its partitions. All names are quoted.
    """
    cursor.execute(WITH_STATISTICS, {"table": name})
    return [relation for member, relation in cursor.fetchall() if not _has_rows(cursor, member)]


def _has_rows(cursor: Any, name: str) -> bool:
    cursor.execute(f"SELECT EXISTS (SELECT FROM {name})")
    return bool(cursor.fetchone()[0])
