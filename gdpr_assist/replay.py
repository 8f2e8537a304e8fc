"""Re-applies logged erasures that this database has no receipt for: it was restored."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from operator import attrgetter
from typing import Any

from django.apps import apps
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connections, router, transaction
from django.db.models import Model

from . import eventlog
from .conf import log_database
from .declaration import all_rows
from .exceptions import AnonymiseError
from .execution import delete, execute, forget_markers
from .planning import chunks, plan
from .registry import registry
from .tables import EventLog, Operation, Receipt

OPERATIONS_PER_QUERY = 500

# Rows that 1.x wrote have no operation; their receipts are made from the number of the row.
LEGACY = uuid.UUID("6f1f7c43-6d0f-5a3c-9a56-0b1c1b7d9d31")


@dataclass(frozen=True)
class LoggedOperation:
    """One operation of the log as replay needs it. ``using`` is None for rows of 1.x, which did not note it."""

    id: uuid.UUID
    using: str | None
    events: tuple[EventLog, ...]


@dataclass
class Report:
    """What a replay did, in operations and in rows."""

    applied: int = 0
    already: int = 0
    rows: int = 0
    absent: int = 0
    undecided: int = 0
    foreign: int = 0
    # [(operation id, model label, why)]
    failed: list[tuple[uuid.UUID, str, str]] = field(default_factory=list)


class CannotApply(Exception):
    """Why one operation cannot be replayed. Names models, no values."""

    def __init__(self, label: str, reason: str) -> None:
        super().__init__(reason)
        self.label = label
        self.reason = reason


def replay(operations: Iterable[LoggedOperation], report: Report, *, dry_run: bool = False) -> Iterator[Report]:
    """Apply each of ``operations`` that has no receipt, in a transaction of its own; yield ``report`` after each.

    What cannot be applied is noted in ``report.failed``, and the rest goes on. With ``dry_run`` nothing is written.
    """
    for batch in chunks(operations, OPERATIONS_PER_QUERY):
        there = _receipts(batch)
        for operation in batch:
            if operation.id in there:
                report.already += 1
            else:
                _try(operation, report, dry_run)
            yield report


def logged_operations(report: Report) -> Iterator[LoggedOperation]:
    """Yield the committed operations of these databases, oldest first, rows of 1.x before all.

    Counts in ``report`` those that are undecided, and those that belong to other databases; they are not given out.
    """
    log = log_database()
    legacy = EventLog.objects.using(log).filter(operation=None).order_by("id")
    for event in legacy.iterator():
        yield LoggedOperation(uuid.uuid5(LEGACY, str(event.pk)), None, (event,))
    instances = {using: eventlog.known_instance_id(using) for using in _aliases()}
    operations = Operation.objects.using(log).select_related("outcome").order_by("started", "id")
    for batch in chunks(operations.iterator(), OPERATIONS_PER_QUERY):
        ours = [each for each in batch if instances.get(each.using) == each.instance]
        report.foreign += len(batch) - len(ours)
        report.undecided += sum(not hasattr(each, "outcome") for each in ours)
        committed = [each for each in ours if hasattr(each, "outcome") and each.outcome.committed]
        events = _events(committed)
        for each in committed:
            yield LoggedOperation(each.id, each.using, tuple(events[each.id]))


def count_operations() -> int:
    log = log_database()
    return EventLog.objects.using(log).filter(operation=None).count() + Operation.objects.using(log).count()


def _aliases() -> set[str]:
    log = log_database()
    return set(Operation.objects.using(log).values_list("using", flat=True).distinct()) & set(connections)


def _events(operations: list[Operation]) -> dict[uuid.UUID | None, list[EventLog]]:
    events: dict[uuid.UUID | None, list[EventLog]] = defaultdict(list)
    rows = EventLog.objects.using(log_database()).filter(operation__in=operations).order_by("id")
    for event in rows.iterator():
        events[event.operation_id].append(event)
    return events


def _receipts(operations: list[LoggedOperation]) -> set[uuid.UUID]:
    by_alias: dict[str, list[uuid.UUID]] = defaultdict(list)
    for operation in operations:
        by_alias[_alias(operation)].append(operation.id)
    return {
        receipt
        for using, ids in by_alias.items()
        for receipt in Receipt.objects.using(using).filter(pk__in=ids).values_list("pk", flat=True)
    }


def _alias(operation: LoggedOperation) -> str:
    """The alias that the operation was on. For rows of 1.x, the one where the router puts the model today."""
    if operation.using is not None:
        return operation.using
    event = operation.events[0]
    try:
        return router.db_for_write(apps.get_model(event.app_label, event.model_name))
    except LookupError:
        return "default"


def _try(operation: LoggedOperation, report: Report, dry_run: bool) -> None:
    try:
        rows = _apply(operation, dry_run)
    except CannotApply as error:
        report.failed.append((operation.id, error.label, error.reason))
    except IntegrityError as error:  # a constraint that is checked at COMMIT
        label = _kind(operation.events[0])[1]
        report.failed.append((operation.id, label, f"the database refused it ({type(error).__name__})"))
    else:
        report.applied += 1
        report.rows += rows
        report.absent += len(operation.events) - rows


def _apply(operation: LoggedOperation, dry_run: bool) -> int:
    """Erase what the operation erased and write its receipt, also where no row is left. Return the rows found."""
    using = _alias(operation)
    steps = _steps(operation)
    with eventlog.suspended(), transaction.atomic(using=using):
        if not dry_run:
            # A row that was filled again before the backup was made is marked there. From here on the markers are
            # those of this operation: what an earlier step or a cascade has anonymised is not anonymised twice.
            for event, model, keys in steps:
                if event == EventLog.EVENT_ANONYMISE:
                    forget_markers(model, keys, using)
            eventlog.write_receipt(operation.id, using)
        return sum(
            _erase(event, model, batch, using, dry_run)
            for event, model, keys in steps
            for batch in chunks(keys, OPERATIONS_PER_QUERY)
        )


def _steps(operation: LoggedOperation) -> list[tuple[str, type[Model], list[Any]]]:
    """The events by kind and model; what is anonymised comes before what is deleted, and so before its cascades.

    Apart from that in their own order: Django deletes what points at a row before the row.
    """
    steps = []
    for (event, label), events in groupby(sorted(operation.events, key=attrgetter("event")), _kind):
        model = _model(label)
        steps.append((event, model, [_key(model, label, each.target_pk) for each in events]))
    return steps


def _kind(event: EventLog) -> tuple[str, str]:
    return event.event, f"{event.app_label}.{event.model_name}"


def _erase(event: str, model: type[Model], keys: list[Any], using: str, dry_run: bool) -> int:
    rows, label = all_rows(model, using).filter(pk__in=keys), model._meta.label
    if event not in dict(EventLog.EVENT_CHOICES):
        raise CannotApply(label, "the event is unknown")
    try:
        count = rows.count()
        if count and not dry_run:
            delete(rows) if event == EventLog.EVENT_DELETE else execute(plan(rows))
    except AnonymiseError as error:
        raise CannotApply(label, str(error)) from None
    except Exception as error:  # noqa: BLE001  (protected, refused by a constraint, or a receiver of the project)
        done = "deleted" if event == EventLog.EVENT_DELETE else "anonymised"
        raise CannotApply(label, f"the rows cannot be {done} ({type(error).__name__})") from None
    return count


def _model(label: str) -> type[Model]:
    try:
        model = apps.get_model(label)
    except LookupError:
        raise CannotApply(label, "there is no such model any more") from None
    if model not in registry:
        raise CannotApply(label, "the model is not registered any more")
    return model


def _key(model: type[Model], label: str, text: str) -> Any:
    try:
        key = model._meta.pk.to_python(text)
        return tuple(key) if isinstance(key, list) else key
    except (ValidationError, ValueError, TypeError):
        raise CannotApply(label, "the primary key is of another type now") from None
