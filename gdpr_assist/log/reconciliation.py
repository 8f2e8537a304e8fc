"""Settles operations whose outcome is not in the log, by their receipts; tells whether a database was restored."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

from ..conf import log_database, retention_setting
from ..databases.rows import chunks, pages
from ..exceptions import AnonymiseError
from ..tables import EventLog, Operation, Outcome, Receipt
from . import receipts, writing
from .identity import Databases

OPERATIONS_PER_QUERY = 500

LONGEST_RETENTION = timedelta(days=365 * 100)


@dataclass
class Settled:
    """What a reconciliation found out, in operations."""

    committed: int = 0
    rolled_back: int = 0
    unknown: list[Operation] = field(default_factory=list)
    """It cannot be told any more, and only a person can: the database was restored since."""
    busy: list[Operation] = field(default_factory=list)
    """Still in a transaction that did not end in time."""
    foreign: int = 0
    """Of other databases, left alone."""
    corrected: list[Operation] = field(default_factory=list)
    """The log said that they were rolled back, and they took effect."""


def reconcile(databases: Databases, *, is_restored: bool = False, dry_run: bool = False) -> Settled:
    """Append the outcome of each operation that has none, correct those that a receipt contradicts.

    Return what was found out. The receipt is the truth: one that is committed says that its operation was, and that
    there is none says so only after its writer, if there is one, was waited for.

    Where the database looks restored, or ``is_restored`` says that it is, an operation without a receipt may have
    been lost with the restore: it becomes unknown, not rolled back. ``dry_run`` waits for nobody and writes nothing.
    """
    settled = Settled()
    looks_restored = cache(lambda using: is_restored or any(missing(using, databases)))
    for batch in pages(unsettled().select_related("outcome"), OPERATIONS_PER_QUERY):
        ours = [each for each in batch if databases.own(each)]
        settled.foreign += len(batch) - len(ours)
        proven = with_receipts(ours)
        by_outcome: dict[bool | None, list[Operation]] = defaultdict(list)
        for operation in ours:
            here: bool | None = operation.id in proven
            if not here and (is_unknown(operation) or not databases.can_settle(operation)):
                settled.unknown.append(operation)  # and stays so
                continue
            if not here and not dry_run:
                here = receipts.took_effect(operation.id, operation.using)
            if here is None:
                settled.busy.append(operation)
            else:
                by_outcome[True if here else None if looks_restored(operation.using) else False].append(operation)
        settled.committed += len(by_outcome[True])
        settled.rolled_back += len(by_outcome[False])
        settled.unknown += by_outcome[None]
        if not dry_run:
            for committed, operations in by_outcome.items():
                writing.decide([each.id for each in operations], committed)
    settled.corrected = list(_correct(databases, dry_run))
    return settled


def _correct(databases: Databases, dry_run: bool) -> Iterator[Operation]:
    for operation in contradicted(databases):
        if not dry_run:
            writing.correct(operation.id)
        yield operation


def dismiss(operations: list[uuid.UUID], databases: Databases) -> None:
    """Note that ``operations`` did not take effect, because a person says so.

    Raises ``AnonymiseError``, and dismisses none, unless all are unsettled operations of these databases without a
    receipt.
    """
    for operation in operations:
        if refusal := _refusal(operation, databases):
            raise AnonymiseError(f"{operation} {refusal}; nothing was dismissed.")
    writing.decide(operations, False)


def _refusal(operation: uuid.UUID, databases: Databases) -> str:
    """Return why ``operation`` cannot be dismissed; empty if it can."""
    entry = Operation.objects.using(log_database()).select_related("outcome").filter(pk=operation).first()
    if entry is None:
        return "is not in the log"
    outcome: Outcome | None = getattr(entry, "outcome", None)
    if outcome is not None and outcome.committed is not None:
        return f"is settled: it was {'committed' if outcome.committed else 'rolled back'}"
    if not databases.own(entry):
        return f"is of another database under the alias {entry.using!r}"
    took_effect = receipts.took_effect(operation, entry.using)
    if took_effect is None:
        return "is still in its transaction"
    return "took effect, as its receipt says; gdpr_reconcile notes that" if took_effect else ""


def kinds(operation: uuid.UUID) -> list[tuple[str, str, str]]:
    """Return [(event, model label in the log, part of the rows)] of ``operation``."""
    events = EventLog.objects.using(log_database()).filter(operation=operation).order_by()
    rows = events.values_list("event", "app_label", "model_name", "part").distinct()
    return [(event, f"{app_label}.{model_name}", part) for event, app_label, model_name, part in rows]


def describe(operation: uuid.UUID, started: datetime | None, events: Iterable[tuple[str, str, str]]) -> str:
    """Return for a list which operation this is, and what it did: id, start, and events with their models."""
    by_label = sorted({(label, part, event) for event, label, part in events})
    of = f" of {shown(started)}" if started else ""  # of rows of 1.x nobody knows
    listed = (f"{event} {label}" + (f" ({part})" if part else "") for label, part, event in by_label)
    return ", ".join([f"{operation}{of}", *listed])


def shown(moment: datetime) -> str:
    """Return ``moment`` as a text with its time zone; without USE_TZ there is none."""
    return (timezone.localtime(moment) if timezone.is_aware(moment) else moment).isoformat(" ", "seconds")


def log_retention() -> timedelta:
    """Return GDPR_LOG_RETENTION. Raises ``AnonymiseError`` unless it is a timedelta that can be counted back."""
    value = retention_setting()
    if not isinstance(value, timedelta) or not timedelta(0) < value <= LONGEST_RETENTION:
        raise AnonymiseError(
            "GDPR_LOG_RETENTION says how long the log is kept, and is not a timedelta of more than 0 and at most 100 "
            "years. Set it to at least the time that your oldest backup is kept, as in timedelta(days=90)."
        )
    return value


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
    for batch in pages(
        Operation.objects.using(log).filter(using=using, database_id__in=databases.ids(using)), OPERATIONS_PER_QUERY
    ):
        # A query of its own: with a join, PostgreSQL may read all of both tables for each page. And before the one for
        # the receipts: an operation that ends between the two has its receipt by then.
        keys = [each.id for each in batch]
        committed = set(Outcome.objects.using(log).filter(pk__in=keys, committed=True).values_list("pk", flat=True))
        proven = with_receipts(each for each in batch if each.id in committed)
        yield from (key for key in keys if key in committed and key not in proven)


def pruned(operations: Iterable[uuid.UUID]) -> Iterator[Operation]:
    """Yield those of ``operations``, all committed, that have no events: ``gdpr_prune`` has removed them.

    What was erased up to then is in the log no more. A database that lacks the receipt of such an operation lacks it.
    """
    log = log_database()
    for batch in chunks(operations, OPERATIONS_PER_QUERY):
        with_events = EventLog.objects.using(log).filter(operation__in=batch).order_by().values("operation")
        yield from Operation.objects.using(log).filter(pk__in=batch).exclude(pk__in=with_events)


def contradicted(databases: Databases, using: str | None = None) -> Iterator[Operation]:
    """Yield the operations that the log says were rolled back, though the receipt is here: they took effect.

    A copy of the database that has the same id and shares the log may have settled them while they were under way.
    """
    rolled_back = Operation.objects.using(log_database()).filter(outcome__committed=False)
    for batch in pages(rolled_back.filter(using=using) if using else rolled_back, OPERATIONS_PER_QUERY):
        proven = with_receipts(each for each in batch if databases.own(each))
        yield from (each for each in batch if each.id in proven)


def unlogged(using: str) -> Iterator[uuid.UUID]:
    """Yield the receipts of operations that the log does not know, though it should: the log was restored."""
    rows = Receipt.objects.using(using).all()
    if retention_setting() is not None:
        rows = rows.filter(written__gte=timezone.now() - log_retention())
    for batch in pages(rows, OPERATIONS_PER_QUERY):
        keys = [each.operation for each in batch if not receipts.is_legacy(each.operation)]
        known = logged(keys)
        yield from receipts.committed_receipts([key for key in keys if key not in known], using)


def logged(operations: Iterable[uuid.UUID]) -> set[uuid.UUID]:
    """Return those of ``operations`` that the log knows."""
    rows = Operation.objects.using(log_database()).filter(pk__in=list(operations))
    return set(rows.values_list("pk", flat=True))


def with_receipts(operations: Iterable[Any]) -> set[uuid.UUID]:
    """Return the ids of those ``operations`` that have a committed receipt on their own alias (``using``)."""
    by_alias: dict[str, list[uuid.UUID]] = defaultdict(list)
    for operation in operations:
        by_alias[operation.using].append(operation.id)
    return {each for using, ids in by_alias.items() for each in receipts.committed_receipts(ids, using)}
