"""What the log says was erased, oldest first: operations and their events, as a replay needs them. Writes nothing."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from operator import itemgetter
from typing import Any

from django.db.models import CharField, Count, ExpressionWrapper, F, Min, Q, QuerySet

from ..conf import log_database
from ..databases.rows import chunks, pages
from ..databases.statements import among
from ..exceptions import AnonymiseError
from ..tables import EventLog, Operation, stored_ids
from .hidden import PREFIX, is_hidden
from .identity import Databases
from .reconciliation import describe, with_receipts

# Older SQLite takes 999 parameters.
OPERATIONS_PER_QUERY = 800

ROWS_PER_QUERY = 800

# The events of an operation that has more of them than this are read as they are needed.
EVENTS_IN_MEMORY = 20

# (event, model label in the log, part of the rows)
Kind = tuple[str, str, str]


@dataclass(kw_only=True, slots=True, eq=False)  # there may be very many
class LoggedOperation:
    """One operation of the log as replay needs it."""

    id: uuid.UUID
    using: str
    """The alias that it was on. For rows of 1.x, which did not note it, where the router puts the model today."""

    started: datetime
    is_committed: bool = True
    is_of_1x: bool = False
    """Of these the log does not know when they were started."""

    held: Sequence[tuple[Kind, str]] | None = field(default=None, repr=False)
    """Its events, as kind and primary key, in the order of writing; None while they are only in the log."""

    there: dict[tuple[str, Kind], dict[str, Any]] | None = field(default=None, repr=False)
    """{(alias, kind): {digest in its events: primary key}}, of rows that are there: see ``replay.hidden``."""

    def __str__(self) -> str:
        return describe(self.id, None if self.is_of_1x else self.started, self.kinds())

    def kinds(self) -> list[Kind]:
        """What is anonymised comes before what is deleted, and so before its cascades.

        Apart from that in their own order: Django deletes what points at a row before the row.
        """
        if self.held is not None:
            return sorted(dict.fromkeys(kind for kind, _ in self.held), key=lambda kind: kind[0])
        kinds = self._events().values("event", "app_label", "model_name", "part").annotate(first=Min("id"))
        return [
            (each["event"], f"{each['app_label']}.{each['model_name']}", each["part"])
            for each in kinds.order_by("event", "first")
        ]

    def keys(self, kind: Kind) -> Iterator[list[str]]:
        """Yield the logged primary keys of one kind in lists."""
        if self.held is not None:
            yield from chunks((key for each, key in self.held if each == kind), ROWS_PER_QUERY)
            return
        for page in pages(self._of(kind).values_list("pk", "target_pk"), ROWS_PER_QUERY, key=itemgetter(0)):
            yield [key for _, key in page]

    def digests(self, kind: Kind) -> set[str]:
        """Return the digests that stand for primary keys of one kind."""
        if self.held is not None:
            return {key for each, key in self.held if each == kind and is_hidden(key)}
        hidden = self._of(kind).filter(target_pk__startswith=f"{PREFIX}:").values_list("pk", "target_pk")
        return {key for page in pages(hidden, ROWS_PER_QUERY, key=itemgetter(0)) for _, key in page if is_hidden(key)}

    def _of(self, kind: Kind) -> QuerySet[EventLog]:
        event, label, part = kind
        app_label, model_name = label.split(".")
        return self._events().filter(event=event, app_label=app_label, model_name=model_name, part=part)

    def _events(self) -> QuerySet[EventLog]:
        return EventLog.objects.using(log_database()).filter(operation=self.id)


def logged_operations(
    databases: Databases, *, since: datetime | None = None, using: str | None = None
) -> Iterator[LoggedOperation]:
    """Yield the operations of ``databases`` that were not rolled back, oldest first.

    With ``since`` those from then on, with ``using`` those of this alias: no other database is asked then.
    """
    for page in _by_age(_operations(since).filter(of_databases(databases, using))):
        for id_, using, started, committed in page:
            yield LoggedOperation(id=id_, using=using, started=started, is_committed=bool(committed))


def applied_operation(id_: uuid.UUID, databases: Databases) -> LoggedOperation:
    """Return the operation with this id, which took effect in one of ``databases``.

    Raises ``AnonymiseError`` if it did not, if nobody knows whether it did, or if the log has no events of it.
    """
    log = log_database()
    if log is None:
        raise AnonymiseError("This site keeps no log (GDPR_LOG_DATABASE_NAME is None): there are no operations.")
    entry = Operation.objects.using(log).select_related("outcome").filter(pk=id_).first()
    if entry is None:
        raise AnonymiseError(f"{id_} is not in the log.")
    if not databases.own(entry):
        raise AnonymiseError(f"{id_} is of another database under the alias {entry.using!r}.")
    if not with_receipts([entry]):
        outcome = getattr(entry, "outcome", None)
        committed = outcome and outcome.committed
        why = {
            True: "took effect, and this database has no receipt of it: it was restored. Run gdpr_rerun",
            False: "was rolled back: it has erased nothing",
            None: "is not settled. Run gdpr_reconcile",
        }[committed]
        raise AnonymiseError(f"{id_} {why}.")
    operation = LoggedOperation(id=id_, using=entry.using, started=entry.started)
    if not operation.kinds():
        raise AnonymiseError(f"{id_} has no events any more: gdpr_prune has removed them. It took effect here.")
    return operation


def count_operations(since: datetime | None = None) -> int:
    """Return how many operations were not rolled back, those of other databases included."""
    return _operations(since).count()


def count_foreign(databases: Databases, since: datetime | None = None) -> int:
    """Return how many of them are of other databases."""
    return _operations(since).exclude(of_databases(databases)).count()


def hold_events(operations: list[LoggedOperation]) -> None:
    """Read the events of the operations that have few of them, all together; they are then ``held``."""
    log = str(log_database())
    # {its id as the log has it: operation}; to make a uuid of each would take longer than to read them.
    unread = [each for each in operations if each.held is None]
    small = dict(zip(stored_ids([each.id for each in unread], log), unread, strict=True))
    if not small:
        return
    stored = ExpressionWrapper(F("operation"), CharField())
    events = EventLog.objects.using(log).order_by("id")
    columns = (stored, "event", "app_label", "model_name", "part", "target_pk")
    most = EVENTS_IN_MEMORY * len(small)
    rows = list(events.filter(operation__in=among(small)).values_list(*columns)[: most + 1])
    if len(rows) > most:  # then some have many
        counts = events.filter(operation__in=among(small)).order_by().values("operation").annotate(number=Count("id"))
        few = counts.filter(number__lte=EVENTS_IN_MEMORY).values_list(stored, flat=True)
        small = {key: small[key] for key in few}
        rows = list(events.filter(operation__in=among(small)).values_list(*columns)) if small else []
    held: dict[Any, list[tuple[Kind, str]]] = {key: [] for key in small}
    for operation, event, app_label, model_name, part, key in rows:
        held[operation].append(((event, f"{app_label}.{model_name}", part), key))
    for key, each in small.items():
        each.held = held[key]


def _operations(since: datetime | None) -> QuerySet[Operation]:
    operations = Operation.objects.using(log_database()).exclude(outcome__committed=False)
    return operations if since is None else operations.filter(started__gte=since)


def of_databases(databases: Databases, alias: str | None = None) -> Q:
    """Return the condition that an operation is of ``databases``; with ``alias``, of this one."""
    ours = Q(pk__in=[])
    logged = Operation.objects.using(log_database()).filter(**({} if alias is None else {"using": alias}))
    for using, database_id in logged.values_list("using", "database_id").distinct():
        if database_id in databases.ids(using):
            ours |= Q(using=using, database_id=database_id)
    return ours


def _by_age(operations: QuerySet[Operation]) -> Iterator[list[Any]]:
    """Yield (id, alias, start, outcome) in lists; a model's instances would take most of the time of a replay."""
    rows = operations.order_by("started", "id").values_list("id", "using", "started", "outcome__committed")
    page = list(rows[:OPERATIONS_PER_QUERY])
    while page:
        yield page
        last, _, started, _ = page[-1]
        later = Q(started__gt=started) | Q(started=started, id__gt=last)
        # The first condition says nothing new, but without it PostgreSQL reads the index from its beginning.
        page = list(rows.filter(later, started__gte=started)[:OPERATIONS_PER_QUERY])
