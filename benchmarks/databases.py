"""The databases of a run: created, emptied, brought to the same start before each timing, dropped."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from django.core.management.color import no_style
from django.db import connections
from django.db.models import Model
from django.test.utils import setup_databases, teardown_databases


@contextmanager
def directory(parent: str | None) -> Iterator[str]:
    """Make a directory for SQLite's files; in memory where there is such a place and no other was asked for."""
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="gdpr_assist-bench-", dir=parent or memory) as path:
        yield path


@contextmanager
def created() -> Iterator[None]:
    """Create and migrate the databases of the settings, as a test run does; drop them in the end."""
    old = setup_databases(verbosity=0, interactive=False, serialized_aliases=[])
    try:
        yield
    finally:
        teardown_databases(old, verbosity=0)


def execute(sql: str, params: Any = (), using: str = "default") -> None:
    with connections[using].cursor() as cursor:
        cursor.execute(sql, params or None)


def fetch(sql: str, using: str = "default") -> list[tuple[Any, ...]]:
    with connections[using].cursor() as cursor:
        cursor.execute(sql)
        return list(cursor.fetchall())


def empty(models: Iterable[type[Model]], using: str = "default") -> None:
    operations = connections[using].ops
    tables = [model._meta.db_table for model in models]
    operations.execute_sql_flush(operations.sql_flush(no_style(), tables, reset_sequences=True))


def release(using: str = "default") -> None:
    """Give the space of emptied tables back: SQLite keeps the pages; the servers' TRUNCATE has done it."""
    if connections[using].vendor == "sqlite":
        execute("VACUUM", using=using)


# {vendor: statements after which nothing of the seeding is left to do, for a table}
SETTLE = {
    "sqlite": [],
    "postgresql": ["VACUUM ANALYZE {table}", "CHECKPOINT"],
    # FOR EXPORT waits until the changed pages are on the disk.
    "mysql": ["ANALYZE TABLE {table}", "FLUSH TABLES {table} FOR EXPORT", "UNLOCK TABLES"],
}

# {vendor: the statement that rewrites a table without its old values}
COMPACT = {
    "sqlite": "VACUUM",
    "postgresql": "VACUUM FULL {table}",
    "mysql": "OPTIMIZE TABLE {table}",
}


def settle(model: type[Model], using: str = "default") -> None:
    for sql in SETTLE[connections[using].vendor]:
        fetch_or_execute(sql.format(table=model._meta.db_table), using)


def compact(model: type[Model], using: str = "default") -> None:
    fetch_or_execute(COMPACT[connections[using].vendor].format(table=model._meta.db_table), using)


def fetch_or_execute(sql: str, using: str) -> None:
    """MariaDB answers ANALYZE and OPTIMIZE with rows, which have to be read."""
    with connections[using].cursor() as cursor:
        cursor.execute(sql)
        if cursor.description:
            cursor.fetchall()


def version(using: str = "default") -> str:
    connection = connections[using]
    if connection.vendor == "sqlite":
        name = "SQLite"
    elif connection.vendor == "postgresql":
        name = "PostgreSQL"
    else:
        name = "MariaDB" if connection.mysql_is_mariadb else "MySQL"
    return f"{name} {'.'.join(map(str, connection.get_database_version()))}"
