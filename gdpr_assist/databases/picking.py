"""How each database picks a text from a list by a digest, and makes a key by itself; knows no declaration."""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from typing import Any, ClassVar

from django.db import NotSupportedError
from django.db.models import BinaryField, Func

# SQL and its parameters
Sql = tuple[str, tuple[Any, ...]]

# In hex digits, of a digest, that make the number: 28 bits are a positive integer everywhere
NUMBER_DIGITS = 7

# The first of MariaDB with RANDOM_BYTES
RANDOM_BYTES = (10, 10)


def number(digest: str, count: int) -> int:
    """Return which of ``count`` texts is picked by ``digest``, in hex digits."""
    return int(digest[:NUMBER_DIGITS], 16) % count


def why_not(connection: Any) -> str:
    """Return why the database cannot pick; empty if it can."""
    return "not by this database" if PICKERS.get(connection.vendor) is None else ""


def picked(connection: Any, digest: Sql, pool: Sequence[str]) -> Sql:
    """Return SQL for the text of ``pool`` that the digest picks."""
    return _picker(connection).picked(digest, pool)


def is_among(connection: Any, text: Sql, pool: Sequence[str]) -> Sql:
    """Return SQL for whether a text is in ``pool``."""
    return _picker(connection).is_among(text, pool)


def _picker(connection: Any) -> Picker:
    if (picker := PICKERS.get(connection.vendor)) is None:
        raise NotSupportedError(f"How {connection.vendor} picks a text from a list is not known here.")
    return picker


# Measured with 1,000 texts and 60,000 rows: what follows is the fastest of JSON, CASE, an array and ELT in each.


class Picker:
    """SQL of one database, with ``{}`` for the digest or the text, and the pool as JSON."""

    pick: ClassVar[str]
    among: ClassVar[str]

    def picked(self, digest: Sql, pool: Sequence[str]) -> Sql:
        sql, parameters = digest
        return self.pick.format(sql, count=len(pool)), (_json(pool), *parameters)

    def is_among(self, text: Sql, pool: Sequence[str]) -> Sql:
        sql, parameters = text
        return self.among.format(sql), (*parameters, _json(pool))


def _json(pool: Sequence[str]) -> str:
    return json.dumps(list(pool), ensure_ascii=False)


class SQLitePicker(Picker):
    # It reads no hex digits in older versions. LIMIT keeps the digest from being computed for each of them.
    digits = " + ".join(
        f"INSTR('123456789abcdef', SUBSTR(h, {place}, 1)) * {16 ** (NUMBER_DIGITS - place)}"
        for place in range(1, NUMBER_DIGITS + 1)
    )
    pick = (
        "JSON_EXTRACT(%s, '$[' || ((SELECT "
        + digits
        + " FROM (SELECT {} AS h LIMIT 1) AS digested) %% {count}) || ']')"
    )
    among = "{} IN (SELECT value FROM JSON_EACH(%s))"


class PostgreSQLPicker(Picker):
    pick = f"(%s::jsonb ->> (('x' || LEFT({{}}, {NUMBER_DIGITS}))::bit({4 * NUMBER_DIGITS})::int %% {{count}}))"
    among = "{} IN (SELECT JSONB_ARRAY_ELEMENTS_TEXT(%s::jsonb))"


class MySQLPicker(Picker):
    def picked(self, digest: Sql, pool: Sequence[str]) -> Sql:
        sql, parameters = digest
        place = f"1 + CAST(CONV(LEFT({sql}, {NUMBER_DIGITS}), 16, 10) AS UNSIGNED) %% {len(pool)}"
        return f"ELT({place}, {_marks(pool)})", (*parameters, *pool)

    def is_among(self, text: Sql, pool: Sequence[str]) -> Sql:
        sql, parameters = text
        return f"{sql} IN ({_marks(pool)})", (*parameters, *pool)


def _marks(pool: Sequence[str]) -> str:
    return ", ".join(["%s"] * len(pool))


PICKERS: dict[str, Picker] = {
    "sqlite": SQLitePicker(),
    "postgresql": PostgreSQLPicker(),
    "mysql": MySQLPicker(),
}


class RandomKey(Func):
    """32 bytes that nobody can guess, made by the database: they stand in no statement.

    Only MariaDB before 10.10, and a database that is not known here, are given them.
    """

    arity = 0
    output_field = BinaryField()

    def as_sql(self, compiler: Any, connection: Any, **context: Any) -> Any:  # type: ignore[override]
        return "%s", (connection.Database.Binary(secrets.token_bytes(32)),)

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return "RANDOMBLOB(32)", ()

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return "SHA256(CONVERT_TO(gen_random_uuid()::text || gen_random_uuid()::text, 'UTF8'))", ()

    def as_mysql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        if connection.mysql_is_mariadb and connection.mysql_version < RANDOM_BYTES:
            return self.as_sql(compiler, connection)
        return "RANDOM_BYTES(32)", ()
