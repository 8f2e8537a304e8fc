"""The event log over two databases: an erasure is neither lost nor invented. The only writer of events and receipts.

The steps, by the numbers of the protocol in docs/explanation/event_log.rst: (1) events, durable, before the COMMIT of
the main database; (2) a receipt in the transaction of the erasure; (3) the outcome, after COMMIT.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import Error, transaction
from django.db.models import Model
from django.utils import timezone
from django.utils.connection import ConnectionDoesNotExist

from .conf import log_database
from .exceptions import AnonymiseError, EventLogError
from .tables import EventLog, Instance, Operation, Outcome, Receipt, stored_key

ROWS_PER_INSERT = 1000

_suspended: ContextVar[bool] = ContextVar("gdpr_assist_log_suspended", default=False)


@dataclass
class Erasure:
    """One operation while it happens: a uuid, and what was erased on which alias."""

    using: str
    id: uuid.UUID = field(default_factory=uuid.uuid4)
    # [(event, model label, primary key as text)]
    events: list[tuple[str, str, str]] = field(default_factory=list)
    started: datetime = field(default_factory=timezone.now)

    def add(self, event: str, model: type[Model], keys: Iterable[Any]) -> None:
        self.events += [(event, model._meta.label, stored_key(key)) for key in keys]


def is_kept() -> bool:
    """Whether erasures are logged here and now: not without a log, and not while the log itself is replayed."""
    return log_database() is not None and not _suspended.get()


@contextmanager
def suspended() -> Iterator[None]:
    """Log nothing within the block: for a replay, and for scrubbing a copy."""
    token = _suspended.set(True)
    try:
        yield
    finally:
        _suspended.reset(token)


def record(erasure: Erasure) -> None:
    """Log ``erasure``: events first, then the receipt; the outcome follows when the caller's transaction commits.

    Must run inside the transaction of the erasure, on its alias. Raises ``EventLogError`` if the log cannot be
    written; the caller's transaction must then be rolled back.
    """
    if not erasure.events or not is_kept():
        return
    _write_events(erasure, instance_id(erasure.using))
    write_receipt(erasure.id, erasure.using)
    transaction.on_commit(lambda: _confirm(erasure.id, erasure.using), using=erasure.using, robust=True)


def record_by_hand(event: str, instance: Model, using: str) -> None:
    """Log one event of an erasure that bypassed the app; it counts once the transaction around this call commits.

    Raises ``EventLogError``, and ``AnonymiseError`` for an object that is not saved.
    """
    if instance.pk is None:
        raise AnonymiseError(f"{instance._meta.label}: the object has no primary key to log.")
    erasure = Erasure(using)
    erasure.add(event, instance._meta.concrete_model or type(instance), [instance.pk])
    with transaction.atomic(using=using):
        record(erasure)


def instance_id(using: str) -> uuid.UUID:
    """Return the id of the database behind ``using``; migrating writes it, a flushed database gets one here."""
    return Instance.objects.using(using).get_or_create(pk=1)[0].instance


def known_instance_id(using: str) -> uuid.UUID | None:
    """Return the id of the database behind ``using``, None if it has none yet. Writes nothing."""
    return Instance.objects.using(using).values_list("instance", flat=True).first()


def renew_instance_id(using: str) -> None:
    """Make the database behind ``using`` another one, to which no logged operation belongs."""
    Instance.objects.using(using).update_or_create(pk=1, defaults={"instance": uuid.uuid4()})


def write_receipt(operation: uuid.UUID, using: str) -> None:
    Receipt.objects.using(using).create(operation=operation, written=timezone.now())


def _write_events(erasure: Erasure, instance: uuid.UUID) -> None:
    log = log_database()
    operation = Operation(id=erasure.id, instance=instance, using=erasure.using, started=erasure.started)
    try:
        with _durable(log):
            operation.save(using=log, force_insert=True)
            EventLog.objects.using(log).bulk_create(_rows(operation, erasure.events), batch_size=ROWS_PER_INSERT)
    except (Error, ConnectionDoesNotExist) as error:
        raise EventLogError(
            f"The event log could not be written ({type(error).__name__} on the database alias {log!r}); "
            "nothing was erased. Make the log database reachable and writable, and migrate it "
            f"(migrate --database={log}); then try again."
        ) from None


def _durable(log: str | None) -> transaction.Atomic:
    """A transaction that is committed at its end. Raises ``EventLogError`` if one around it decides that."""
    connection = transaction.get_connection(log)
    # Inside the transaction of a TestCase Django lets durable blocks pass, and so does this.
    is_test = connection.in_atomic_block and connection.atomic_blocks[-1]._from_testcase
    if is_test or (connection.get_autocommit() and not connection.in_atomic_block):
        return transaction.atomic(using=log, durable=True)
    raise EventLogError(
        f"The event log could not be written: there is a transaction open on the database alias {log!r}, so the "
        "events could be rolled back; nothing was erased. Erase outside of it."
    )


def _rows(operation: Operation, events: list[tuple[str, str, str]]) -> Iterator[EventLog]:
    for event, label, key in events:
        app_label, model_name = label.split(".")
        yield EventLog(
            operation=operation,
            event=event,
            app_label=app_label,
            model_name=model_name,
            target_pk=key,
        )


def _confirm(operation: uuid.UUID, using: str) -> None:
    """Append the outcome. The receipt decides: a savepoint rolled back by hand leaves this callback behind."""
    if Receipt.objects.using(using).filter(operation=operation).exists():
        Outcome.objects.using(log_database()).create(operation_id=operation, committed=True, decided=timezone.now())
