"""Whether a database has the table of a model, and how each says that it has not. Reads no row."""

from __future__ import annotations

from collections.abc import Callable

from django.db import Error, connections, transaction
from django.db.models import Model


def has_table(model: type[Model], using: str) -> bool:
    """Return whether the table of ``model``, or a view of that name, is on this alias.

    The database itself decides: its list of tables has none of another schema, and MariaDB may list a name in other
    letters than the model has. Raises the error of a database that cannot tell.
    """
    connection = connections[using]
    try:
        # The transaction, as PostgreSQL takes no statement after an error in the one that is open.
        with transaction.atomic(using=using), connection.cursor() as cursor:
            cursor.execute(f"SELECT 1 FROM {connection.ops.quote_name(model._meta.db_table)} WHERE 1 = 0")
    except Error as error:
        if says_absent(error, using):
            return False
        raise
    return True


def says_absent(error: Error, using: str) -> bool:
    """Return whether ``error``, raised by the database of this alias, is that of a table which is not there."""
    is_absent = ABSENT.get(connections[using].vendor)
    return is_absent is not None and is_absent(error)


def _on_sqlite(error: Error) -> bool:
    return "no such table" in str(error)


def _on_postgresql(error: Error) -> bool:
    cause = error.__cause__
    state = getattr(cause, "sqlstate", None) or getattr(cause, "pgcode", None)  # of psycopg 3, and of psycopg2
    return state in {"42P01", "3F000"}  # undefined_table, invalid_schema_name


def _on_mysql(error: Error) -> bool:
    return error.args[:1] in {(1146,), (1049,)}  # no such table, unknown database


# {vendor: function that says whether the error is that of a table which is not there}
ABSENT: dict[str, Callable[[Error], bool]] = {
    "sqlite": _on_sqlite,
    "postgresql": _on_postgresql,
    "mysql": _on_mysql,
}
