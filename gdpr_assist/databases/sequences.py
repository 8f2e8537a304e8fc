"""How each database raises the sequence of a column, so that it gives no key again that was used."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db import connections


def raise_sequence(using: str, table: str, column: str, key: int) -> bool:
    """Raise the sequence of ``column`` to at least ``key``; return whether it had to be. Not of an unknown vendor."""
    connection = connections[using]
    raise_ = RAISE.get(connection.vendor)
    return raise_ is not None and raise_(connection, table, column, key)


def _as_sqlite(connection: Any, table: str, column: str, key: int) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE sqlite_sequence SET seq = %s WHERE name = %s AND seq < %s", [key, table, key])
        if cursor.rowcount:
            return True
        cursor.execute(
            "INSERT INTO sqlite_sequence (name, seq) SELECT %s, %s"
            " WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = %s)",
            [table, key, table],
        )
        return bool(cursor.rowcount)


def _as_postgresql(connection: Any, table: str, column: str, key: int) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT setval(sequence, %s) FROM (SELECT pg_get_serial_sequence(%s, %s)::regclass AS sequence) AS found"
            " WHERE COALESCE(pg_sequence_last_value(sequence), 0) < %s",
            [key, connection.ops.quote_name(table), column, key],
        )
        return cursor.fetchone() is not None


def _as_mysql(connection: Any, table: str, column: str, key: int) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT auto_increment FROM information_schema.tables"
            " WHERE table_schema = DATABASE() AND table_name = %s AND auto_increment <= %s",
            [table, key],
        )
        if cursor.fetchone() is None:
            return False
        cursor.execute(f"ALTER TABLE {connection.ops.quote_name(table)} AUTO_INCREMENT = {key + 1:d}")
        return True


# {vendor: function that raises the sequence of a column to at least the key, and says whether it had to}
RAISE: dict[str, Callable[[Any, str, str, int], bool]] = {
    "sqlite": _as_sqlite,
    "postgresql": _as_postgresql,
    "mysql": _as_mysql,
}
