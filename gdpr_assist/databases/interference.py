"""What in a database may make an UPDATE fail, or do another thing than it says. Reads no row."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from django.db import connections
from django.db.models import Model

from ..undocumented import multi_table_parents


class Interference(NamedTuple):
    """What stands between a statement and the rows of a table."""

    changes: bool = False
    """Whether a trigger, a rule or a view has a say in what an UPDATE writes."""

    hides: bool = False
    """Whether row level security may hide rows from an UPDATE, and from nothing else."""

    types: Mapping[str, Mapping[str, str]] = MappingProxyType({})
    """{table: {column: its type}} on PostgreSQL, where a list of values is cast: that of the field may be another."""


# Vendors that have no row level security
HIDING_NOTHING = {"sqlite", "mysql"}


# What divides a schema from a table in a db_table
QUOTES = {'"', "`", "."}


def may_hide(using: str) -> bool:
    """Return whether this database may hide rows from an UPDATE. Asks nothing."""
    return connections[using].vendor not in HIDING_NOTHING


def interference(models: Iterable[type[Model]], using: str) -> Interference:
    """Return what may interfere with an UPDATE of the tables of ``models``, their multi-table parents included.

    One query. Of a vendor that is not known here, and a table in another schema, the worst is assumed; PostgreSQL can
    be asked of that too.
    """
    connection = connections[using]
    tables = sorted({each._meta.db_table for model in models for each in (model, *multi_table_parents(model))})
    ask = ASK.get(connection.vendor)
    has_schema = connection.vendor != "postgresql" and any(not QUOTES.isdisjoint(table) for table in tables)
    if ask is None or has_schema:
        return Interference(changes=True, hides=may_hide(using))
    with connection.cursor() as cursor:
        return ask(cursor, tables)


def _places(tables: list[str]) -> str:
    return ", ".join(["%s"] * len(tables))


def _on_sqlite(cursor: Any, tables: list[str]) -> Interference:
    lower = [table.lower() for table in tables]
    # A temporary trigger has its own list.
    cursor.execute(
        " UNION ALL ".join(
            f"SELECT 1 FROM {catalogue} WHERE type IN ('trigger', 'view') AND LOWER(tbl_name) IN ({_places(tables)})"
            for catalogue in ("sqlite_master", "sqlite_temp_master")
        ),
        lower * 2,
    )
    return Interference(changes=cursor.fetchone() is not None)


# tgtype: 16 is UPDATE; ev_type: 2 is UPDATE. A partition, or a child table, may have triggers of its own.
POSTGRESQL = """
SELECT
    bool_or(
        relkind IN ('v', 'f')
        OR EXISTS (SELECT FROM pg_trigger WHERE tgrelid = pg_class.oid AND NOT tgisinternal AND tgtype & 16 <> 0)
        OR EXISTS (SELECT FROM pg_rewrite WHERE ev_class = pg_class.oid AND ev_type = '2')
    ),
    bool_or(row_security_active(pg_class.oid)),
    (
        -- Without a length, which would cut in silence what the column itself refuses; of a domain, what it is made of
        SELECT array_agg(ARRAY[
            asked.name, attname::text, format_type(CASE typtype WHEN 'd' THEN typbasetype ELSE atttypid END, -1)
        ])
        FROM unnest(%s::text[]) AS asked (name)
        JOIN pg_attribute ON attrelid = to_regclass(asked.name) AND attnum > 0 AND NOT attisdropped
        JOIN pg_type ON pg_type.oid = atttypid
    )
FROM pg_class WHERE pg_class.oid IN (
    WITH RECURSIVE found AS (
        SELECT to_regclass(name)::oid AS id FROM unnest(%s::text[]) AS name
        UNION SELECT inhrelid FROM pg_inherits JOIN found ON inhparent = found.id
    )
    SELECT id FROM found
)
"""


def _on_postgresql(cursor: Any, tables: list[str]) -> Interference:
    quoted = {cursor.db.ops.quote_name(table): table for table in tables}
    cursor.execute(POSTGRESQL, [list(quoted)] * 2)
    changes, hides, columns = cursor.fetchone()
    types: dict[str, dict[str, str]] = {}
    for name, column, kind in columns or ():
        types.setdefault(quoted[name], {})[column] = kind
    return Interference(changes=bool(changes), hides=bool(hides), types=types)


MAY_SEE_NO_TRIGGER = """
SELECT 1 WHERE NOT EXISTS (
    SELECT 1 FROM information_schema.user_privileges
    WHERE privilege_type = 'TRIGGER' AND grantee = CONCAT('''', REPLACE(CURRENT_USER(), '@', '''@'''), '''')
) AND NOT EXISTS (
    SELECT 1 FROM information_schema.schema_privileges
    WHERE privilege_type = 'TRIGGER' AND DATABASE() LIKE table_schema
    AND grantee = CONCAT('''', REPLACE(CURRENT_USER(), '@', '''@'''), '''')
)
"""


def _on_mysql(cursor: Any, tables: list[str]) -> Interference:
    # One table at a time: of a list of names, the catalogue would open the files of all tables.
    each = (
        "SELECT 1 FROM information_schema.triggers WHERE event_object_schema = DATABASE()"
        " AND event_manipulation = 'UPDATE' AND event_object_table = %s"
        " UNION ALL SELECT 1 FROM information_schema.views WHERE table_schema = DATABASE() AND table_name = %s"
    )
    # Who has no right to make triggers is shown none.
    cursor.execute(
        " UNION ALL ".join([each] * len(tables) + [MAY_SEE_NO_TRIGGER]),
        [table for table in tables for _ in range(2)],
    )
    return Interference(changes=cursor.fetchone() is not None)


# {vendor: function that asks the catalogue about tables}
ASK: dict[str, Callable[[Any, list[str]], Interference]] = {
    "sqlite": _on_sqlite,
    "postgresql": _on_postgresql,
    "mysql": _on_mysql,
}
