"""How long a statement waits for another transaction, and how each database says that it was in vain."""

from __future__ import annotations

from collections.abc import Callable

from django.db import OperationalError, connections

# {vendor: what limits the wait in the transaction that is open; the others have a limit of their own}
LIMITS = {"postgresql": "SET LOCAL lock_timeout = '30s'"}


def limit_wait(using: str) -> None:
    """Let no statement of the open transaction wait longer than half a minute for another one."""
    limit = LIMITS.get(connections[using].vendor)
    if limit is not None:
        with connections[using].cursor() as cursor:
            cursor.execute(limit)


# {vendor: end of a SELECT that locks what it reads, for all who do not write it}; Django has only locks for one
SHARED = {"postgresql": "FOR SHARE", "mysql": "LOCK IN SHARE MODE"}


def share_rows(table: str, using: str) -> None:
    """Let nobody change the rows of a small table until the open transaction ends, but others lock them likewise."""
    connection = connections[using]
    if lock := SHARED.get(connection.vendor):
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT 1 FROM {connection.ops.quote_name(table)} {lock}")
            cursor.fetchall()


def is_busy(error: OperationalError, using: str) -> bool:
    """Return whether the statement waited for another transaction in vain, and is not refused for good."""
    says_busy = BUSY.get(connections[using].vendor)
    return says_busy is not None and says_busy(error)


def _on_sqlite(error: OperationalError) -> bool:
    return "locked" in str(error) or "busy" in str(error)


def _on_postgresql(error: OperationalError) -> bool:
    cause = error.__cause__
    state = getattr(cause, "sqlstate", None) or getattr(cause, "pgcode", None)  # of psycopg 3, and of psycopg2
    return state in {"55P03", "57014", "40P01"}  # lock_timeout, statement_timeout, deadlock


def _on_mysql(error: OperationalError) -> bool:
    return error.args[0] in {1205, 1213, 3572}  # innodb_lock_wait_timeout, deadlock, NOWAIT


# {vendor: function that says whether another transaction was waited for in vain}
BUSY: dict[str, Callable[[OperationalError], bool]] = {
    "sqlite": _on_sqlite,
    "postgresql": _on_postgresql,
    "mysql": _on_mysql,
}
