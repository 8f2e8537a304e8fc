"""Writes a whole table anew with other values in some columns, where a database can: PostgreSQL, by ALTER TABLE.

Its files then hold neither the old values nor dead rows, so that no VACUUM FULL is needed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from django.db import OperationalError, connections, transaction

from ..exceptions import AnonymiseError, TryAgain
from .compaction import CURE, PATIENCE, users_of
from .locks import is_busy
from .retyping import retypings

VENDORS = {"postgresql"}

# The first reason why a table cannot be written anew, for each. ALTER TABLE fires no trigger and no rule, tells no
# subscriber, and is refused where a view, a policy, a generated column or a trigger depends on a column of which it
# sets the type. tgtype & 16 is UPDATE; ev_type 2 is UPDATE. The parameters are columns: the number of its table, the
# table, its name.
REASONS = """
WITH columns AS MATERIALIZED (
    SELECT number, name::regclass AS oid, attnum
    FROM unnest(%s::int[], %s::text[], %s::text[]) AS asked (number, name, "column")
    LEFT JOIN pg_attribute ON attrelid = name::regclass AND attname = "column"
), others AS MATERIALIZED (
    SELECT number, min(pg_describe_object(classid, objid, objsubid)) AS name
    FROM pg_depend JOIN columns ON refobjid = oid AND refobjsubid = attnum
    WHERE refclassid = 'pg_class'::regclass
    AND NOT (classid = 'pg_class'::regclass AND EXISTS (
        SELECT FROM pg_class WHERE pg_class.oid = objid AND relkind IN ('i', 'S')
    ))
    AND NOT (classid = 'pg_constraint'::regclass AND EXISTS (
        SELECT FROM pg_constraint WHERE pg_constraint.oid = objid AND contype IN ('c', 'n', 'p', 'u', 'x', 'f')
    ))
    AND NOT (classid = 'pg_attrdef'::regclass AND EXISTS (
        SELECT FROM pg_attrdef WHERE pg_attrdef.oid = objid AND adnum = attnum
    ))
    GROUP BY 1
)
SELECT CASE
    -- Then the UPDATE is refused, with what to do about it.
    WHEN asked.lacks_any THEN 'a column is not there'
    WHEN relkind <> 'r' OR reloftype <> 0 THEN 'it is no plain table'
    WHEN EXISTS (SELECT FROM pg_inherits WHERE pg_class.oid IN (inhrelid, inhparent))
        THEN 'it is a partition, or inherits from a table, or another does from it'
    WHEN NOT pg_has_role(relowner, 'USAGE') THEN 'the role does not own it'
    WHEN relrowsecurity THEN 'it has row level security'
    WHEN EXISTS (
        SELECT FROM pg_trigger
        WHERE tgrelid = pg_class.oid AND NOT tgisinternal AND tgenabled <> 'D' AND tgtype & 16 <> 0
    ) THEN 'a trigger waits for an UPDATE of it'
    WHEN EXISTS (
        SELECT FROM pg_rewrite WHERE ev_class = pg_class.oid AND ev_type = '2' AND ev_enabled <> 'D'
    ) THEN 'a rule waits for an UPDATE of it'
    WHEN EXISTS (SELECT FROM pg_event_trigger WHERE evtenabled <> 'D') THEN 'the database has an event trigger'
    WHEN (relnamespace, relname) IN (
        SELECT pg_namespace.oid, tablename FROM pg_publication_tables JOIN pg_namespace ON nspname = schemaname
    ) THEN 'a publication has it'
    WHEN others.name IS NOT NULL THEN 'on a column depends: ' || others.name
    ELSE ''
END
FROM (SELECT number, oid, bool_or(attnum IS NULL) AS lacks_any FROM columns GROUP BY 1, 2) AS asked
JOIN pg_class ON pg_class.oid = asked.oid
LEFT JOIN others ON others.number = asked.number
ORDER BY asked.number
"""


class Expression(NamedTuple):
    """SQL with its parameters, which are values and are not printed."""

    sql: str
    parameters: Sequence[Any]


def can_rewrite(using: str) -> bool:
    """Whether the database has a way to write tables anew at all."""
    return connections[using].vendor in VENDORS


def why_not(tables: Sequence[tuple[str, Iterable[str]]], using: str) -> list[str]:
    """Return, for each of (table, columns), why it cannot be written anew with other values in these; empty if it can.

    One query of the catalogue for all. The database must be able to (``can_rewrite``), and have the tables.
    """
    connection = connections[using]
    asked = [
        (number, connection.ops.quote_name(table), column)
        for number, (table, columns) in enumerate(tables)
        for column in columns
    ]
    with connection.cursor() as cursor:
        cursor.execute(REASONS, list(map(list, zip(*asked, strict=True))))
        return [reason for (reason,) in cursor.fetchall()]


def lock(table: str, using: str) -> None:
    """Have the table for oneself until the transaction ends.

    Raises ``TryAgain`` if others use it for longer than ``compaction.PATIENCE``.
    """
    connection = connections[using]
    name = connection.ops.quote_name(table)
    with connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL lock_timeout = '{PATIENCE}s'")
        try:
            with transaction.atomic(using=using):
                cursor.execute(f"LOCK TABLE {name} IN ACCESS EXCLUSIVE MODE")
        except OperationalError as error:
            if not is_busy(error, using):
                raise
            raise TryAgain(
                f"{table} cannot be written anew: it is in use by {users_of(cursor, name)}. {CURE}."
            ) from None
        cursor.execute("SET LOCAL lock_timeout = DEFAULT")


def rewrite(table: str, columns: Mapping[str, Expression], using: str, where: Expression | None = None) -> None:
    """Write ``table``, which is locked, anew, with the value of an expression in each of ``columns``.

    A row of which ``where`` is not true keeps what it has. The expressions see the old values, and have no subquery.
    Types, collations, storage, compression and targets of statistics stay as they are; statistics are gone. As for an
    UPDATE, a value that the column cannot hold is refused. Raises ``AnonymiseError`` if a column is not there.
    """
    connection: Any = connections[using]
    quote = connection.ops.quote_name
    with connection.cursor() as cursor:
        # Events of deferred constraints that are pending would have it refused.
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        found = retypings(cursor, quote(table), list(columns))
        if len(found) < len(columns):
            raise AnonymiseError(f"{table} lacks a column that the code has; run migrate on it. Nothing was changed.")
        types, others = [], []
        for name, retyping in found.items():
            # A statement of this kind takes no parameters from a server.
            expression = connection.ops.compose_sql(*_where(where, columns[name], quote(name)))
            types.append(f"{retyping.type} USING ({expression})")
            others += retyping.resets
        for changes in filter(None, (types, others)):
            cursor.execute(f"ALTER TABLE {quote(table)} {', '.join(changes)}")


def _where(where: Expression | None, then: Expression, otherwise: str) -> Expression:
    if where is None:
        return then
    sql = f"CASE WHEN {where.sql} THEN {then.sql} ELSE {otherwise} END"
    return Expression(sql, [*where.parameters, *then.parameters])
