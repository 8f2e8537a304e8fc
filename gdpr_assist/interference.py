"""What in a database may make an UPDATE fail, or do another thing than it says, and why it failed. Reads no row."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from traceback import walk_tb
from types import MappingProxyType
from typing import Any, NamedTuple

from django.db import Error, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper
from django.db.models import Model


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
    tables = sorted({each._meta.db_table for model in models for each in (model, *model._meta.get_parent_list())})
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


NO_RIGHT = "the role of the site has not the right to, or a policy refuses the new row"
READ_ONLY = "it is read-only, as a replica is"
NOT_UPDATABLE = "it is a view that takes no UPDATE, or refuses the new row; give it an INSTEAD OF trigger"
OTHER_TYPE = (
    "the type of a column is not that of its field, and what its rule or its anonymiser computes is of the field's; "
    "write an anonymiser that returns a value of the column's type"
)
LOCKED = "what it needs is locked by another transaction, and was waited for in vain; let that one end, and try again"
DEADLOCK = "it and another transaction locked what the other one needs, and one had to give way; try again"
CANCELLED = "a statement took longer than statement_timeout allows, or was cancelled; give the role more time"
DISK_FULL = "its disk, or the room that it may use, is full; make room, and try again"
NO_COLUMN = (
    "a table lacks a column that the code has; run migrate on it, or go back to the code that it was migrated with"
)
NO_TABLE = "a table that the code has is not there; run migrate on it, or correct its entry in DATABASES"
NO_ACCESS = "its server does not let the role in, or not into this database; correct USER and PASSWORD, or grant it"
TOO_MANY = "its server has too many connections, or too little memory; try again later"

# Those that say of themselves that no row can be changed
FOR_GOOD = {NO_RIGHT, READ_ONLY, NOT_UPDATABLE, OTHER_TYPE}

# Those that say that it may work the next time
FOR_NOW = {LOCKED, DEADLOCK, CANCELLED}

# {vendor: {code of an error, or a part of its text: cause and cure}}; of others a database says enough itself
CAUSES: dict[str, dict[Any, str]] = {
    "postgresql": {
        "42501": NO_RIGHT,
        "25006": READ_ONLY,
        "55000": NOT_UPDATABLE,
        "44000": NOT_UPDATABLE,
        "42804": OTHER_TYPE,
        "42883": OTHER_TYPE,
        "55P03": LOCKED,
        "40P01": DEADLOCK,
        "40001": DEADLOCK,
        "57014": CANCELLED,
        "53100": DISK_FULL,
        "42703": NO_COLUMN,
        "42P01": NO_TABLE,
        "3F000": NO_TABLE,
        "28000": NO_ACCESS,
        "28P01": NO_ACCESS,
        "53200": TOO_MANY,
        "53300": TOO_MANY,
    },
    "mysql": {
        1142: NO_RIGHT,
        1143: NO_RIGHT,
        1290: READ_ONLY,
        1792: READ_ONLY,
        1836: READ_ONLY,
        1288: NOT_UPDATABLE,
        1348: NOT_UPDATABLE,
        1369: NOT_UPDATABLE,
        1205: LOCKED,
        1213: DEADLOCK,
        1969: CANCELLED,
        3024: CANCELLED,
        1021: DISK_FULL,
        1114: DISK_FULL,
        1054: NO_COLUMN,
        1146: NO_TABLE,
        1044: NO_ACCESS,
        1045: NO_ACCESS,
        1040: TOO_MANY,
        1041: TOO_MANY,
    },
    # Most of its errors have the same code.
    "sqlite": {
        "readonly database": READ_ONLY,
        "because it is a view": NOT_UPDATABLE,
        "is locked": LOCKED,
        "database or disk is full": DISK_FULL,
        "no such column": NO_COLUMN,
        "has no column named": NO_COLUMN,
        "no such table": NO_TABLE,
    },
}

# How to tell of a database that is not known here, and of an error that is in no table
UNKNOWN_CAUSE = "See the log of its server. Has its role the rights that the command needs, is there room on its disk?"


def cause(error: Error, using: str) -> str:
    """Return why the database of this alias failed, with the cure; empty if ``error`` is of another kind."""
    known = CAUSES.get(connections[using].vendor, {})
    codes = [getattr(error.__cause__, "sqlstate", None), getattr(error.__cause__, "pgcode", None), *error.args[:1]]
    if (why := next((known[code] for code in codes if code in known), "")) or any(codes[:2]):
        return why
    return next(
        (why for text, why in known.items() if isinstance(text, str) and " " in text and text in str(error)), ""
    )


def refusal(error: Error, using: str) -> str:
    """Return why the database does not let rows be changed at all; empty if ``error`` is of another kind."""
    why = cause(error, using)
    return why if why in FOR_GOOD else ""


# The attribute of an error that holds the alias of its database
KEPT = "gdpr_assist_alias"


def raised_by(error: Error) -> str | None:
    """Return the alias of the database: Django does not say it, but the frames that the error went through do.

    The variables of these are cleared on the way out of an erasure, so what was found is kept with the error.
    """
    known: str | None = getattr(error, KEPT, None)
    if known is None and (known := _alias_in_frames(error)) is not None:
        setattr(error, KEPT, known)
    return known


def _alias_in_frames(error: Error) -> str | None:
    for frame, _ in reversed(list(walk_tb(error.__traceback__))):
        owner = frame.f_locals.get("self")
        connection = owner.db if isinstance(owner, CursorWrapper) else owner
        if isinstance(connection, BaseDatabaseWrapper):
            return connection.alias
    return None
