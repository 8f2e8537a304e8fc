"""What in a database may make an UPDATE do less, or another thing, than it says. Reads the catalogue, no row."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from django.db import connections
from django.db.models import Model


@dataclass(frozen=True, kw_only=True)
class Interference:
    """What stands between a statement and the rows of a table."""

    changes: bool = False
    """Whether a trigger, a rule or a view has a say in what an UPDATE writes."""

    hides: bool = False
    """Whether row level security may hide rows from an UPDATE, and from nothing else."""


# Vendors that have no row level security
HIDING_NOTHING = {"sqlite", "mysql"}


def may_hide(using: str) -> bool:
    """Return whether this database may hide rows from an UPDATE. Asks nothing."""
    return connections[using].vendor not in HIDING_NOTHING


def interference(models: Iterable[type[Model]], using: str) -> Interference:
    """Return what may interfere with an UPDATE of the tables of ``models``, their multi-table parents included.

    One query. Of a vendor that is not known here, and a table in another schema, the worst is assumed.
    """
    connection = connections[using]
    tables = sorted({each._meta.db_table for model in models for each in (model, *model._meta.get_parent_list())})
    ask = ASK.get(connection.vendor)
    if ask is None or any('"' in table or "`" in table or "." in table for table in tables):
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
    bool_or(row_security_active(pg_class.oid))
FROM pg_class WHERE pg_class.oid IN (
    WITH RECURSIVE found AS (
        SELECT to_regclass(name)::oid AS id FROM unnest(%s::text[]) AS name
        UNION SELECT inhrelid FROM pg_inherits JOIN found ON inhparent = found.id
    )
    SELECT id FROM found
)
"""


def _on_postgresql(cursor: Any, tables: list[str]) -> Interference:
    cursor.execute(POSTGRESQL, [[cursor.db.ops.quote_name(table) for table in tables]])
    changes, hides = cursor.fetchone()
    return Interference(changes=bool(changes), hides=bool(hides))


def _on_mysql(cursor: Any, tables: list[str]) -> Interference:
    cursor.execute(
        "SELECT 1 FROM information_schema.triggers WHERE event_object_schema = DATABASE()"
        f" AND event_manipulation = 'UPDATE' AND event_object_table IN ({_places(tables)})"
        " UNION ALL SELECT 1 FROM information_schema.views WHERE table_schema = DATABASE()"
        f" AND table_name IN ({_places(tables)}) LIMIT 1",
        tables * 2,
    )
    return Interference(changes=cursor.fetchone() is not None)


# {vendor: function that asks the catalogue about tables}
ASK: dict[str, Callable[[Any, list[str]], Interference]] = {
    "sqlite": _on_sqlite,
    "postgresql": _on_postgresql,
    "mysql": _on_mysql,
}
