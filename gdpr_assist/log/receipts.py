"""Proofs beside the rows that operations took effect: written with the rows, and asked afterwards."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import datetime
from operator import itemgetter
from typing import Any

from django.db import Error, IntegrityError, OperationalError, connections, transaction
from django.utils import timezone

from ..databases.isolation import read_committed
from ..databases.locks import is_busy, limit_wait
from ..databases.rows import pages
from ..databases.statements import among, insert_values
from ..tables import NOBODY_KNOWS, Receipt, stored_ids

ROWS_PER_QUERY = 1000

# Rows that 1.x wrote have no operation; their receipts are made from the number of the row.
LEGACY = uuid.UUID("6f1f7c43-6d0f-5a3c-9a56-0b1c1b7d9d31")
LEGACY_VERSION = 5  # of a uuid that is made from a name; those of operations are random


def write_receipt(operation: uuid.UUID, using: str, started: datetime, by: str = "") -> None:
    """Note beside the rows that ``operation`` took effect, and ``by`` whom it was asked for, as ``tables.who`` says.

    Raises ``IntegrityError`` if that is noted already.
    """
    Receipt.objects.using(using).create(operation=operation, written=started, by=by)


def write_receipts(operations: Iterable[tuple[uuid.UUID, datetime]], using: str) -> None:
    """Note it of many that are replayed, each with its start: who asked for it was lost with its receipt.

    Raises ``IntegrityError`` if it is noted of one of them already.
    """
    connection = connections[using]
    fields: Any = Receipt._meta.concrete_fields
    id_, written, _by, _remarks = fields
    rows = [
        (
            id_.get_db_prep_value(operation, connection),
            written.get_db_prep_value(started, connection, prepared=True),
            NOBODY_KNOWS,
            None,
        )
        for operation, started in operations
    ]
    with connection.cursor() as cursor:
        for statement in insert_values(fields, rows, using):
            statement.run(cursor)


def note_remarks(operation: uuid.UUID, using: str, remarks: Any) -> None:
    """Note what the log does not hold of ``operation``, whose transaction has ended: numbers, and no values."""
    Receipt.objects.using(using).filter(pk=operation).update(remarks=remarks)


def has_receipt(operation: uuid.UUID, using: str) -> bool:
    """Return whether ``operation``, whose own transaction has ended, took effect; False if nothing was logged."""
    try:
        return Receipt.objects.using(using).filter(operation=operation).exists()
    except Error:
        return False


def took_effect(operation: uuid.UUID, using: str) -> bool | None:
    """Return whether ``operation`` was committed on ``using``; None if its writer did not come to an end in time.

    Tries to insert the receipt: if the writer is still in its transaction, the database makes this wait for its end
    (PostgreSQL for half a minute, MariaDB ``innodb_lock_wait_timeout``, SQLite ``timeout``). Leaves nothing behind.
    """
    try:
        with transaction.atomic(using=using):
            limit_wait(using)
            write_receipt(operation, using, timezone.now())
            transaction.set_rollback(True, using=using)
    except IntegrityError:
        return True
    except OperationalError as error:
        if not is_busy(error, using):
            raise
        return None
    return False


def committed_receipts(operations: Iterable[uuid.UUID], using: str) -> set[uuid.UUID]:
    """Return those of ``operations`` that were committed on ``using`` for certain. Waits for nobody.

    Of the others ``took_effect`` tells: their writers may be in their transactions. A plain read would show the
    receipts of these at READ UNCOMMITTED.
    """
    ids = stored_ids(operations, using)
    if not ids:
        return set()
    read_committed(using)
    receipts = Receipt.objects.using(using).filter(pk__in=among(ids))
    return set(receipts.values_list("pk", flat=True))


def remove_receipts(operations: list[uuid.UUID], using: str) -> None:
    Receipt.objects.using(using).filter(pk__in=operations).delete()


def forget_receipts(using: str) -> None:
    """Remove the receipts of a database that has become another one; rows of 1.x belong to any, so theirs stay."""
    receipts = Receipt.objects.using(using).values_list("pk")
    for page in pages(receipts, ROWS_PER_QUERY, key=itemgetter(0)):
        remove_receipts([key for (key,) in page if not is_legacy(key)], using)


def legacy_id(number: int) -> uuid.UUID:
    """Return what stands for the operation of the row with this number, which 1.x wrote."""
    return uuid.uuid5(LEGACY, str(number))


def is_legacy(operation: uuid.UUID) -> bool:
    return operation.version == LEGACY_VERSION
