"""What a database shows of open transactions and of other schemas, and whether it ends its own; changes no row."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db import connections

from ..exceptions import AnonymiseError

# {vendor: statement after which the next transaction shows only what is committed}; the others show no more anyway
NEXT_READ = {"mysql": "SET TRANSACTION ISOLATION LEVEL READ COMMITTED"}

# {vendor: statement that names the schemas in which a table can be read}
SCHEMAS = {
    "postgresql": "SELECT quote_ident(n.nspname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
    "WHERE c.relname = %s AND c.relkind IN ('r', 'p') AND has_schema_privilege(n.oid, 'USAGE') "
    "AND has_table_privilege(c.oid, 'SELECT')"
}


def read_committed(using: str) -> None:
    """Let the next read show only what is committed, whatever the level. Within a transaction nothing can be changed.

    Costs a statement only on MariaDB, and there only where Django does not set a level that shows no more anyway.
    """
    connection = connections[using]
    statement = NEXT_READ.get(connection.vendor)
    if statement is None or connection.in_atomic_block:
        return
    connection.ensure_connection()
    if getattr(connection, "isolation_level", None) in {None, "read uncommitted"}:
        with connection.cursor() as cursor:
            cursor.execute(statement)


def in_all_schemas(column: str, table: str, using: str) -> set[Any]:
    """Return what ``column`` holds in each table of this name, of whatever schema; nothing where there are none."""
    connection = connections[using]
    tables = SCHEMAS.get(connection.vendor)
    if tables is None:
        return set()
    with connection.cursor() as cursor:
        cursor.execute(tables, [table])
        values = set()
        for (schema,) in cursor.fetchall():
            cursor.execute(f"SELECT {column} FROM {schema}.{connection.ops.quote_name(table)}")
            values |= {value for (value,) in cursor.fetchall()}
    return values


def check_commits(aliases: Iterable[str]) -> None:
    """Raise ``AnonymiseError`` if a transaction on one of ``aliases`` would not be committed at its end."""
    for using in aliases:
        connection = connections[using]
        # Without opening a connection: a database that nothing is needed of may be out of reach.
        autocommit = connection.settings_dict["AUTOCOMMIT"] if connection.connection is None else connection.autocommit
        is_manual = not connection.in_atomic_block and not autocommit
        if is_manual or not connection.settings_dict["AUTOCOMMIT"]:
            raise AnonymiseError(
                f"AUTOCOMMIT is off on the database alias {using!r}: what is written there would be rolled back when "
                f"the command ends. Nothing was changed. Take AUTOCOMMIT out of DATABASES[{using!r}]."
            )
