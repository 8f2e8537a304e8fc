"""What is known of a transaction before its COMMIT, and how each database tells. Writes no row."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db import connections, transaction

from ..exceptions import AnonymiseError
from ..undocumented import is_of_testcase

# {vendor: statement that checks now what would be checked at COMMIT}
CHECK_NOW = {"postgresql": "SET CONSTRAINTS ALL IMMEDIATE"}

# Vendors that check some constraints at COMMIT, and cannot be asked to do it before
REFUSES_LATE = {"sqlite"}


def check_now(using: str) -> None:
    """Have the database check its deferred constraints. Raises ``IntegrityError``."""
    statement = CHECK_NOW.get(connections[using].vendor)
    if statement is not None:
        with connections[using].cursor() as cursor:
            cursor.execute(statement)


def check_no_rollback(using: str) -> None:
    """Raise ``AnonymiseError`` if the transaction will be rolled back, though no error is under way.

    Django has noted so where code that runs within it hides an error of the database, or asks for it.
    """
    if transaction.get_rollback(using):
        raise AnonymiseError(
            f"Nothing was changed: the transaction on {using!r} is to be rolled back. A receiver, a save() or an "
            "anonymiser may have hidden an error of the database: let it put atomic() around what may fail."
        )


def in_order_of_commit(aliases: Iterable[str], last: str | None = None) -> list[str]:
    """Return ``aliases``, each once, those first whose COMMIT may still be refused by a constraint, ``last`` last."""

    def place(using: str) -> tuple[bool, bool]:
        return connections[using].vendor not in REFUSES_LATE, using == last

    return sorted(dict.fromkeys(aliases), key=place)


def is_within_transaction(using: str) -> bool:
    """Return whether a transaction is open that ends elsewhere. That of a TestCase does not count, as in Django."""
    connection: Any = connections[using]
    if not connection.in_atomic_block:
        return not connection.get_autocommit()
    return not is_of_testcase(using)
