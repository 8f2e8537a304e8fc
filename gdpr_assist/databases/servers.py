"""What a server says of itself: which database it is, and what it promises of a commit. Asks it, and reads no row."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.db import connections


def entry(using: str) -> tuple[str, ...]:
    """Return what the entry of an alias in DATABASES says of where its database is."""
    database = connections[using].settings_dict
    return tuple(str(database[key]) for key in ("ENGINE", "NAME", "HOST", "PORT"))


def identity(using: str) -> tuple[Any, ...] | None:
    """Return what no other database says of itself, however its entry in DATABASES is spelled.

    None for a database in memory, and of a vendor that is not known here. Raises the error of a database that cannot
    be asked.
    """
    ask = IDENTITIES.get(connections[using].vendor)
    if ask is None:
        return None
    with connections[using].cursor() as cursor:
        return ask(cursor)


def schemas(using: str) -> Any:
    """Return in which schemas of its database an alias looks for tables; None where there are none."""
    return next((answer for (answer,) in _answers(SCHEMAS, using)), None)


def _answers(questions: dict[str, str], using: str) -> list[tuple[Any, ...]]:
    """Return the rows with which the database answers the question for its vendor; none where there is none."""
    question = questions.get(connections[using].vendor)
    if question is None:
        return []
    with connections[using].cursor() as cursor:
        cursor.execute(question)
        return list(cursor.fetchall())


# {vendor: what asks for the schemas in which tables are looked for}
SCHEMAS = {"postgresql": "SELECT current_schemas(false)"}


def _file(cursor: Any) -> tuple[Any, ...] | None:
    cursor.execute("PRAGMA database_list")
    [path] = [path for _, name, path in cursor.fetchall() if name == "main"]
    if not path:
        return None
    stat = Path(path).stat()
    return (stat.st_dev, stat.st_ino)


def _row(question: str) -> Callable[[Any], tuple[Any, ...] | None]:
    def ask(cursor: Any) -> tuple[Any, ...] | None:
        cursor.execute(question)
        return tuple(cursor.fetchone())

    return ask


# {vendor: function that asks for what tells one database from all others}
IDENTITIES: dict[str, Callable[[Any], tuple[Any, ...] | None]] = {
    "sqlite": _file,
    "postgresql": _row("SELECT oid, pg_postmaster_start_time() FROM pg_database WHERE datname = current_database()"),
    "mysql": _row(
        "SELECT IF(@@lower_case_table_names, LOWER(DATABASE()), DATABASE()), "
        "@@hostname, @@port, @@datadir, @@server_id"
    ),
}


def not_transactional(using: str) -> dict[str, str]:
    """Return the tables in which nothing can be rolled back: {name of a table, in small letters: its engine}."""
    return {table.lower(): engine for table, engine in _answers(ENGINES, using)}


# {vendor: what asks for tables without transactions}; the others have none
ENGINES = {
    "mysql": "SELECT table_name, tables.engine FROM information_schema.tables AS tables "
    "JOIN information_schema.engines AS engines ON engines.engine = tables.engine "
    "WHERE table_schema = DATABASE() AND COALESCE(transactions, 'NO') <> 'YES'"
}


def reads_uncommitted(using: str) -> bool:
    """Ask the database whether a plain read shows what may still be rolled back."""
    return any(level in {"READ-UNCOMMITTED", 1} for *_, level in _answers(LEVELS, using))


# {vendor: what asks for the level of the session}; PostgreSQL has no level that shows what is not committed
LEVELS = {
    # The variable has another name from MariaDB 11.1 on, and in MySQL.
    "mysql": "SHOW SESSION VARIABLES WHERE Variable_name IN ('tx_isolation', 'transaction_isolation')",
    # Only connections that share a cache heed it.
    "sqlite": "PRAGMA read_uncommitted",
}


def lossy_settings(using: str) -> dict[str, str]:
    """Return what makes the server lose its last commits in a power cut: {setting: the value it should have}."""
    lossy: dict[str, str] = {}
    asked = DURABLE.get(connections[using].vendor)
    if asked is None:
        return lossy
    with connections[using].cursor() as cursor:
        for setting, (question, value) in asked.items():
            cursor.execute(question)
            if cursor.fetchone()[0]:
                lossy[setting] = value
    return lossy


# NORMAL is enough but for the write-ahead log, which is then written to the disk at its checkpoints only.
SQLITE = """
SELECT synchronous = 0 OR (synchronous = 1 AND journal_mode = 'wal') FROM pragma_synchronous, pragma_journal_mode
"""

# {vendor: {setting: (what asks whether it loses commits, the value that does not)}}
DURABLE: dict[str, dict[str, tuple[str, str]]] = {
    "postgresql": {
        "synchronous_commit": ("SELECT current_setting('synchronous_commit') = 'off'", "on"),
        "fsync": ("SELECT current_setting('fsync') = 'off'", "on"),
    },
    "mysql": {"innodb_flush_log_at_trx_commit": ("SELECT @@GLOBAL.innodb_flush_log_at_trx_commit <> 1", "1")},
    "sqlite": {"PRAGMA synchronous": (SQLITE, "FULL")},
}


def is_postgresql(using: str) -> bool:
    """Return whether it is PostgreSQL, whose indexes for texts are advised on."""
    return connections[using].vendor == "postgresql"
