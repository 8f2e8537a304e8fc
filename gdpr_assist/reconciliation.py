"""Settles operations whose outcome is not in the log, by their receipts; tells whether a database was restored."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from django.db import connections
from django.db.models import QuerySet
from django.utils import timezone

from . import eventlog
from .conf import log_database, settings
from .exceptions import AnonymiseError
from .paging import pages
from .tables import EventLog, Operation, Outcome, Receipt


@dataclass
class Settled:
    """What a reconciliation found out, in operations."""

    committed: int = 0
    rolled_back: int = 0
    unknown: list[uuid.UUID] = field(default_factory=list)
    """It cannot be told any more, and only a person can: the database was restored since."""
    busy: int = 0
    """Still in a transaction that did not end in time."""


class Databases:
    """Which operations belong to which database here; ``others`` are instance ids that count as ours too."""

    def __init__(self, others: Collection[uuid.UUID] = ()) -> None:
        self.others = frozenset(others)
        self.ids = cache(self._ids)

    def _ids(self, using: str) -> frozenset[uuid.UUID]:
        if using not in connections or using == log_database():
            return frozenset()
        known = eventlog.known_instance_id(using)
        return self.others | ({known} if known else set())

    def own(self, operation: Operation) -> bool:
        return operation.instance in self.ids(operation.using)


def reconcile(databases: Databases, *, is_restored: bool = False, dry_run: bool = False) -> Settled:
    """Append the outcome of each operation that has none. Return what was found out.

    Where the database looks restored, or ``is_restored`` says that it is, an operation without a receipt may have
    been lost with the restore: it becomes unknown, not rolled back. ``dry_run`` waits for nobody and writes nothing.
    """
    settled = Settled()
    looks_restored = cache(lambda using: is_restored or any(missing(using, databases)))
    for batch in pages(unsettled().select_related("outcome")):
        ours = [each for each in batch if databases.own(each)]
        there = receipts(ours)
        found: dict[bool | None, list[uuid.UUID]] = defaultdict(list)
        for operation in ours:
            here = operation.id in there
            if not here and is_unknown(operation):
                settled.unknown.append(operation.id)  # and stays so
                continue
            if not here and not dry_run:
                answer = eventlog.took_effect(operation.id, operation.using)
                if answer is None:
                    settled.busy += 1
                    continue
                here = answer
            found[True if here else None if looks_restored(operation.using) else False].append(operation.id)
        settled.committed += len(found[True])
        settled.rolled_back += len(found[False])
        settled.unknown += found[None]
        if not dry_run:
            for committed, operations in found.items():
                eventlog.decide(operations, committed)
    return settled


def dismiss(operation: uuid.UUID, databases: Databases) -> None:
    """Note that ``operation`` did not take effect, because a person says so.

    Raises ``AnonymiseError`` unless it is an unsettled operation of these databases without a receipt.
    """
    found = unsettled().filter(pk=operation).first()
    if found is None:
        raise AnonymiseError(f"{operation} is not an undecided operation of the log; nothing was dismissed.")
    if not databases.own(found):
        raise AnonymiseError(f"{operation} is of another database; nothing was dismissed.")
    if eventlog.took_effect(operation, found.using) is not False:
        raise AnonymiseError(
            f"{operation} took effect, or is still in its transaction; nothing was dismissed. Run gdpr_reconcile."
        )
    eventlog.decide([operation], False)


def labels(operation: uuid.UUID) -> str:
    """Return the labels under which the rows of ``operation`` were logged, as a text."""
    events = EventLog.objects.using(log_database()).filter(operation=operation).order_by("app_label", "model_name")
    found = events.values_list("app_label", "model_name").distinct()
    return ", ".join(f"{app_label}.{model_name}" for app_label, model_name in found)


def unsettled() -> QuerySet[Operation]:
    """Return the operations without an outcome, and those whose outcome is unknown."""
    return Operation.objects.using(log_database()).filter(outcome__committed=None)


def is_unknown(operation: Operation) -> bool:
    """Return whether it was noted that nothing can be told of ``operation``."""
    outcome: Outcome | None = getattr(operation, "outcome", None)
    return outcome is not None and outcome.committed is None


def missing(using: str, databases: Databases) -> Iterator[uuid.UUID]:
    """Yield the committed operations of the database ``using`` that it has no receipt for: it was restored."""
    log = log_database()
    for batch in pages(Operation.objects.using(log).filter(using=using, instance__in=databases.ids(using))):
        there = receipts(batch)
        absent = [each.id for each in batch if each.id not in there]
        # A query of its own: with a join, PostgreSQL may read all of both tables for each page.
        yield from Outcome.objects.using(log).filter(pk__in=absent, committed=True).values_list("pk", flat=True)


def unlogged(using: str) -> Iterator[uuid.UUID]:
    """Yield the receipts of operations that the log does not know, though it should: the log was restored."""
    rows = Receipt.objects.using(using).all()
    if settings.GDPR_LOG_RETENTION is not None:
        rows = rows.filter(written__gte=timezone.now() - settings.GDPR_LOG_RETENTION)
    for batch in pages(rows):
        keys = [each.operation for each in batch if not eventlog.is_legacy(each.operation)]
        there = logged(keys)
        yield from (key for key in keys if key not in there)


def logged(operations: Iterable[uuid.UUID]) -> set[uuid.UUID]:
    """Return those of ``operations`` that the log knows."""
    rows = Operation.objects.using(log_database()).filter(pk__in=list(operations))
    return set(rows.values_list("pk", flat=True))


def receipts(operations: Iterable[Any]) -> set[uuid.UUID]:
    """Return the ids of those ``operations`` that have a receipt on their own alias (``using``)."""
    by_alias: dict[str, list[uuid.UUID]] = defaultdict(list)
    for operation in operations:
        by_alias[operation.using].append(operation.id)
    return {
        receipt
        for using, ids in by_alias.items()
        for receipt in Receipt.objects.using(using).filter(pk__in=ids).values_list("pk", flat=True)
    }
