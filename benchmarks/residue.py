"""Looking for values in all tables, beside a pass of each that is written by hand.

By hand, all databases find the same: whole words, in any case. What is encoded, or in another normal form, is found by
gdpr_assist alone, which also looks into tables that nobody has named.
"""

from __future__ import annotations

import re
from typing import Any

from django.db import connection

from gdpr_assist.residue.looking import look

# The third of the addresses is there, in the table of people and in what it was filled from.
VALUES = [
    "nobody.at.all@mail.example.org",
    "somebody.else@mail.example.org",
    "{address}",
    "Adalbert Grönlund",
    "+49 30 1234567",
    "12 Harbour Road",
    "DE02 1203 0000 0000 2020 51",
]
TABLES = {
    "benchmarks_person": ["name", "nickname", "email", "notes", "last_ip", "website", "country"],
    "benchmarks_seed": ["name", "nickname", "email", "notes", "last_ip", "website", "country"],
}


def values() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT email FROM benchmarks_person ORDER BY id DESC LIMIT 1")
        [address] = cursor.fetchone()
    return [each.format(address=address) for each in VALUES]


def search() -> None:
    _check(sum(look(values(), databases=["default"]).found.values()))


def by_hand() -> None:
    condition = CONDITIONS[connection.vendor]
    found = 0
    with connection.cursor() as cursor:
        for table, columns in TABLES.items():
            sql, parameters = condition(columns, values())
            cursor.execute(f"SELECT COUNT(*) FROM {table} WHERE {sql}", parameters)
            found += cursor.fetchone()[0]
    _check(found)


def _check(found: int) -> None:
    """By hand, an address is also found as the end of a longer one."""
    if found < len(TABLES):
        raise RuntimeError(f"residue: {found} rows were found, and there are at least {len(TABLES)}.")


def _expression(texts: list[str]) -> str:
    return "|".join(map(re.escape, texts))


def _on_postgresql(columns: list[str], texts: list[str]) -> tuple[str, list[Any]]:
    return f"concat_ws(' ', {', '.join(columns)}) ~* %s", [rf"\m({_expression(texts)})\M"]


def _on_mysql(columns: list[str], texts: list[str]) -> tuple[str, list[Any]]:
    return f"CONCAT_WS(' ', {', '.join(columns)}) REGEXP %s", [rf"(?i)\b({_expression(texts)})\b"]


def _on_sqlite(columns: list[str], texts: list[str]) -> tuple[str, list[Any]]:
    """REGEXP is a function of Django's, in Python. LIKE, which knows no words and no "Ö", takes as long for seven."""
    row = " || ' ' || ".join(f"COALESCE({column}, '')" for column in columns)
    return f"{row} REGEXP %s", [rf"(?i)\b({_expression(texts)})\b"]


CONDITIONS = {"postgresql": _on_postgresql, "mysql": _on_mysql, "sqlite": _on_sqlite}
