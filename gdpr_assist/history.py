"""What the log says was erased, oldest first: operations and their events, as a replay needs them. Writes nothing."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from operator import itemgetter
from typing import Any

from django.db import router
from django.db.models import Count, Min, Q, QuerySet
from django.utils import timezone

from . import eventlog
from .batching import chunks, pages
from .conf import log_database
from .reconciliation import Databases, describe
from .registry import registry
from .tables import EventLog, Operation

OPERATIONS_PER_QUERY = 500

ROWS_PER_QUERY = 500

# The events of an operation that has more of them than this are read as they are needed.
EVENTS_IN_MEMORY = 20

# (event, model label in the log)
Kind = tuple[str, str]


@dataclass(frozen=True, kw_only=True)
class LoggedOperation:
    """One operation of the log as replay needs it."""

    id: uuid.UUID
    using: str
    """The alias that it was on. For rows of 1.x, which did not note it, where the router puts the model today."""

    started: datetime
    is_committed: bool = True
    has_time: bool = True
    """Whether the log knows when it was started; of rows of 1.x it does not."""

    is_ours: bool = True
    """Whether it is of one of the databases that were asked for."""

    held: tuple[tuple[Kind, str], ...] | None = field(default=None, repr=False)
    """Its events, as kind and primary key, in the order of writing; None while they are only in the log."""

    def __str__(self) -> str:
        return describe(self.id, self.started if self.has_time else None, self.kinds())

    def kinds(self) -> list[Kind]:
        """What is anonymised comes before what is deleted, and so before its cascades.

        Apart from that in their own order: Django deletes what points at a row before the row.
        """
        if self.held is not None:
            return sorted(dict.fromkeys(kind for kind, _ in self.held), key=lambda kind: kind[0])
        found = self._events().values("event", "app_label", "model_name").annotate(first=Min("id"))
        return [
            (each["event"], f"{each['app_label']}.{each['model_name']}") for each in found.order_by("event", "first")
        ]

    def keys(self, kind: Kind) -> Iterator[list[str]]:
        """Yield the logged primary keys of one kind in lists."""
        if self.held is not None:
            yield from chunks((key for each, key in self.held if each == kind), ROWS_PER_QUERY)
            return
        event, label = kind
        app_label, model_name = label.split(".")
        events = self._events().filter(event=event, app_label=app_label, model_name=model_name)
        for page in pages(events.values_list("pk", "target_pk"), ROWS_PER_QUERY, key=itemgetter(0)):
            yield [key for _, key in page]

    def _events(self) -> QuerySet[EventLog]:
        return EventLog.objects.using(log_database()).filter(operation=self.id)


def logged_operations(databases: Databases, *, since: datetime | None = None) -> Iterator[LoggedOperation]:
    """Yield the operations that were not rolled back, oldest first, rows of 1.x before all.

    Those that belong to none of ``databases`` are yielded too, and are not ``is_ours``. With ``since``, only those
    that were started then or later; rows of 1.x have no time and are left out.
    """
    if since is None:
        legacy = EventLog.objects.using(log_database()).filter(operation=None)
        for page in pages(legacy, OPERATIONS_PER_QUERY):
            yield from map(_legacy_operation, page)
    for page in _by_age(_operations(since)):
        for each in page:
            yield LoggedOperation(
                id=each.id,
                using=each.using,
                started=each.started,
                is_committed=bool(each.outcome__committed),
                is_ours=databases.own(each),
            )


def count_operations(since: datetime | None = None) -> int:
    legacy = 0 if since else EventLog.objects.using(log_database()).filter(operation=None).count()
    return legacy + _operations(since).count()


def with_events(operations: list[LoggedOperation]) -> Iterator[LoggedOperation]:
    """Read the events of the operations that have few of them, all together."""
    small = [each.id for each in operations if each.held is None]
    columns = ("operation", "event", "app_label", "model_name", "target_pk")
    events = EventLog.objects.using(log_database()).order_by("id").values_list(*columns)
    most = EVENTS_IN_MEMORY * len(small)
    rows = list(events.filter(operation__in=small)[: most + 1])
    if len(rows) > most:  # then some have many
        counts = dict(events.filter(operation__in=small).order_by().values_list("operation").annotate(Count("id")))
        small = [operation for operation in small if counts.get(operation, 0) <= EVENTS_IN_MEMORY]
        rows = list(events.filter(operation__in=small))
    held: dict[uuid.UUID | None, list[tuple[Kind, str]]] = {operation: [] for operation in small}
    for operation, event, app_label, model_name, key in rows:
        held[operation].append(((event, f"{app_label}.{model_name}"), key))
    for each in operations:
        yield replace(each, held=tuple(held[each.id])) if each.id in held else each


def _operations(since: datetime | None) -> QuerySet[Operation]:
    operations = Operation.objects.using(log_database()).exclude(outcome__committed=False)
    return operations if since is None else operations.filter(started__gte=since)


def _by_age(operations: QuerySet[Operation]) -> Iterator[list[Any]]:
    """Yield rows in lists; a model's instances would take most of the time of a replay."""
    columns = ("id", "instance", "using", "started", "outcome__committed")
    rows = operations.order_by("started", "id").values_list(*columns, named=True)
    page = list(rows[:OPERATIONS_PER_QUERY])
    while page:
        yield page
        last = page[-1]
        later = Q(started__gt=last.started) | Q(started=last.started, id__gt=last.id)
        # The first condition says nothing new, but without it PostgreSQL reads the index from its beginning.
        page = list(rows.filter(later, started__gte=last.started)[:OPERATIONS_PER_QUERY])


def _legacy_operation(event: EventLog) -> LoggedOperation:
    label = f"{event.app_label}.{event.model_name}"
    model = registry.find(label)
    return LoggedOperation(
        id=eventlog.legacy_id(event),
        using=router.db_for_write(model) if model else "default",
        started=timezone.now(),
        has_time=False,
        held=(((event.event, label), event.target_pk),),
    )
