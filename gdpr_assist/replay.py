"""Re-applies logged erasures that this database has no receipt for: it was restored."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from django.apps import apps
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connections, router, transaction
from django.db.migrations.executor import MigrationExecutor
from django.db.models import Count, Min, Model, ProtectedError, Q, QuerySet, RestrictedError
from django.utils import timezone

from . import eventlog
from .batching import chunks, pages
from .conf import log_database
from .declaration import all_rows
from .exceptions import AnonymiseError
from .execution import delete, execute, forget_markers
from .instances import check_log, needed
from .planning import plan
from .reconciliation import Databases, receipts
from .registry import registry
from .tables import EventLog, Operation

OPERATIONS_PER_QUERY = 100

ROWS_PER_QUERY = 500

# The events of an operation that has more of them than this are read as they are needed.
EVENTS_IN_MEMORY = 200

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
    held: tuple[tuple[Kind, str], ...] | None = field(default=None, repr=False)
    """Its events, as kind and primary key, in the order of writing; None while they are only in the log."""

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
        for page in pages(events, ROWS_PER_QUERY):
            yield [each.target_pk for each in page]

    def _events(self) -> QuerySet[EventLog]:
        return EventLog.objects.using(log_database()).filter(operation=self.id)


@dataclass
class Report:
    """What a replay did, in operations and in rows."""

    applied: int = 0
    already: int = 0
    rows: int = 0
    absent: int = 0
    foreign: int = 0
    # [(operation id, model label, why)]
    failed: list[tuple[uuid.UUID, str, str]] = field(default_factory=list)
    # [(operation id, model label)]
    undecided: list[tuple[uuid.UUID, str]] = field(default_factory=list)

    @property
    def seen(self) -> int:
        return self.applied + self.already + self.foreign + len(self.failed) + len(self.undecided)


class CannotApply(Exception):
    """Why one operation cannot be replayed. Names models, no values."""

    def __init__(self, label: str, reason: str) -> None:
        super().__init__(reason)
        self.label = label
        self.reason = reason


class Blocked(CannotApply):
    """Another row, which PROTECT or RESTRICT speaks for, is still there; it may go with a later operation."""


class AlreadyApplied(Exception):
    """There is a receipt: somebody else replays at the same time."""


def check_ready(databases: Databases) -> None:
    """Raise ``AnonymiseError`` if the log is another database's, or a migration is pending."""
    for using in needed():
        _check_migrated(using, None)
    _check_migrated(log_database(), "gdpr_assist")
    check_log(databases)


def _check_migrated(using: str | None, app_label: str | None) -> None:
    executor = MigrationExecutor(connections[str(using)])
    targets = [node for node in executor.loader.graph.leaf_nodes() if app_label in (None, node[0])]
    pending = [f"{migration.app_label}.{migration.name}" for migration, _ in executor.migration_plan(targets)]
    if pending:
        raise AnonymiseError(
            f"There are migrations to apply on {using!r} first: {', '.join(pending)}. "
            f"Run migrate --database={using}, then this command again."
        )


def logged_operations(
    report: Report, databases: Databases, *, since: datetime | None = None
) -> Iterator[LoggedOperation]:
    """Yield the operations of ``databases`` that were not rolled back, oldest first, rows of 1.x before all.

    With ``since``, only those that were started then or later; rows of 1.x have no time and are left out.
    Counts in ``report`` those that belong to other databases.
    """
    if since is None:
        legacy = EventLog.objects.using(log_database()).filter(operation=None)
        for page in pages(legacy, OPERATIONS_PER_QUERY):
            yield from map(_legacy_operation, page)
    for page in _by_age(_operations(since)):
        for each in page:
            if databases.own(each):
                outcome = getattr(each, "outcome", None)
                yield LoggedOperation(
                    id=each.id,
                    using=each.using,
                    started=each.started,
                    is_committed=outcome is not None and bool(outcome.committed),
                )
            else:
                report.foreign += 1


def count_operations(since: datetime | None = None) -> int:
    legacy = 0 if since else EventLog.objects.using(log_database()).filter(operation=None).count()
    return legacy + _operations(since).count()


def _operations(since: datetime | None) -> QuerySet[Operation]:
    operations = Operation.objects.using(log_database()).exclude(outcome__committed=False)
    return operations if since is None else operations.filter(started__gte=since)


def _by_age(operations: QuerySet[Operation]) -> Iterator[list[Operation]]:
    rows = operations.select_related("outcome").order_by("started", "id")
    page = list(rows[:OPERATIONS_PER_QUERY])
    while page:
        yield page
        last = page[-1]
        later = Q(started__gt=last.started) | Q(started=last.started, id__gt=last.id)
        page = list(rows.filter(later)[:OPERATIONS_PER_QUERY])


def replay(
    operations: Iterable[LoggedOperation],
    report: Report,
    *,
    include_undecided: bool = False,
    dry_run: bool = False,
) -> Iterator[Report]:
    """Apply each of ``operations`` that has no receipt, in a transaction of its own; yield ``report`` after each.

    What cannot be applied is noted in ``report.failed``, and the rest goes on; what another row blocks is tried again
    at the end. Undecided operations are noted, and applied only with ``include_undecided``. With ``dry_run`` nothing
    is written.
    """
    blocked: list[tuple[LoggedOperation, Blocked]] = []
    for batch in chunks(operations, OPERATIONS_PER_QUERY):
        there = receipts(batch)
        report.already += len(there)
        yield report
        for operation in _with_events([each for each in batch if each.id not in there]):
            if operation.is_committed or include_undecided:
                _try(operation, report, blocked, dry_run)
            else:
                labels = [label for _, label in operation.kinds()]
                report.undecided.append((operation.id, ", ".join(dict.fromkeys(labels))))
            yield report
    yield from _try_again(blocked, report, dry_run)


def _try_again(blocked: list[tuple[LoggedOperation, Blocked]], report: Report, dry_run: bool) -> Iterator[Report]:
    """Try what was blocked until a whole pass makes no difference."""
    before = None
    while blocked and len(blocked) != before:
        before, waiting = len(blocked), blocked
        blocked = []
        for operation, _ in waiting:
            _try(operation, report, blocked, dry_run)
            yield report
    report.failed += [(operation.id, error.label, error.reason) for operation, error in blocked]
    yield report


def _legacy_operation(event: EventLog) -> LoggedOperation:
    label = f"{event.app_label}.{event.model_name}"
    model = registry.find(label)
    return LoggedOperation(
        id=eventlog.legacy_id(event),
        using=router.db_for_write(model) if model else "default",
        started=timezone.now(),
        held=(((event.event, label), event.target_pk),),
    )


def _with_events(operations: list[LoggedOperation]) -> Iterator[LoggedOperation]:
    """Read the events of the operations that have few of them, all in two queries."""
    events = EventLog.objects.using(log_database()).filter(
        operation__in=[each.id for each in operations if each.held is None]
    )
    counts = dict(events.order_by().values_list("operation").annotate(Count("id")))
    small = [each.id for each in operations if counts.get(each.id, 0) <= EVENTS_IN_MEMORY and each.held is None]
    held: dict[uuid.UUID | None, list[tuple[Kind, str]]] = {operation: [] for operation in small}
    for each in events.filter(operation__in=small).order_by("id"):
        held[each.operation_id].append(((each.event, f"{each.app_label}.{each.model_name}"), each.target_pk))
    for operation in operations:
        yield replace(operation, held=tuple(held[operation.id])) if operation.id in held else operation


def _try(
    operation: LoggedOperation, report: Report, blocked: list[tuple[LoggedOperation, Blocked]], dry_run: bool
) -> None:
    try:
        rows, absent = _apply(operation, dry_run)
    except AlreadyApplied:
        report.already += 1
    except Blocked as error:
        blocked.append((operation, error))
    except CannotApply as error:
        report.failed.append((operation.id, error.label, error.reason))
    except IntegrityError as error:  # a constraint that is checked at COMMIT
        label = operation.kinds()[0][1]
        report.failed.append((operation.id, label, f"the database refused it ({type(error).__name__})"))
    else:
        report.applied += 1
        report.rows += rows
        report.absent += absent
        if not operation.is_committed and not dry_run:
            eventlog.decide([operation.id], True)


def _apply(operation: LoggedOperation, dry_run: bool) -> tuple[int, int]:
    """Erase what the operation erased and write its receipt, also where no row is left.

    Return how many rows there were, and how many were not there.
    """
    steps = [(kind, _model(*kind)) for kind in operation.kinds()]
    with eventlog.suspended(), transaction.atomic(using=operation.using):
        if not dry_run:
            _begin(operation, steps)
        rows = absent = 0
        while steps:
            waiting: list[tuple[Kind, type[Model]]] = []
            for step in steps:
                try:
                    found, gone = _erase(operation, *step, dry_run)
                except Blocked as error:
                    waiting.append(step)
                    if len(waiting) == len(steps):
                        raise error from None
                else:
                    rows, absent = rows + found, absent + gone
            steps = waiting
    return rows, absent


def _begin(operation: LoggedOperation, steps: list[tuple[Kind, type[Model]]]) -> None:
    try:
        # Before anything else: another replay of the same operation waits here, and then finds it done.
        eventlog.write_receipt(operation.id, operation.using, operation.started)
    except IntegrityError:
        raise AlreadyApplied from None
    # A row that was filled again before the backup was made is marked there. From here on the markers are those of
    # this operation: what an earlier step or a cascade has anonymised is not anonymised twice.
    for kind, model in steps:
        if kind[0] == EventLog.EVENT_ANONYMISE:
            for keys in _keys(operation, kind, model):
                forget_markers(model, keys, operation.using)


def _erase(operation: LoggedOperation, kind: Kind, model: type[Model], dry_run: bool) -> tuple[int, int]:
    event, label = kind
    found = logged = 0
    for keys in _keys(operation, kind, model):
        rows = all_rows(model, operation.using).filter(pk__in=keys)
        try:
            count = rows.count()
            if count and not dry_run:
                delete(rows) if event == EventLog.EVENT_DELETE else execute(plan(rows))
        except (ProtectedError, RestrictedError) as error:
            raise Blocked(label, f"other rows protect it ({type(error).__name__})") from None
        except AnonymiseError as error:
            raise CannotApply(label, str(error)) from None
        except Exception as error:  # noqa: BLE001  (refused by a constraint, or a receiver of the project)
            done = "deleted" if event == EventLog.EVENT_DELETE else "anonymised"
            raise CannotApply(label, f"the rows cannot be {done} ({type(error).__name__})") from None
        found += count
        logged += len(keys)
    return found, logged - found


def _model(event: str, label: str) -> type[Model]:
    if event not in dict(EventLog.EVENT_CHOICES):
        raise CannotApply(label, "the event is unknown")
    model = registry.find(label)
    if model is not None:
        return model
    try:
        apps.get_model(label)
    except (LookupError, ValueError):
        raise CannotApply(
            label, "there is no such model any more; if it was renamed, list this label in PrivacyMeta.former_labels"
        ) from None
    raise CannotApply(label, "the model is not registered any more")


def _keys(operation: LoggedOperation, kind: Kind, model: type[Model]) -> Iterator[list[Any]]:
    for texts in operation.keys(kind):
        yield [_key(model, kind[1], text) for text in texts]


def _key(model: type[Model], label: str, text: str) -> Any:
    try:
        key = model._meta.pk.to_python(text)
        return tuple(key) if isinstance(key, list) else key
    except (ValidationError, ValueError, TypeError):
        raise CannotApply(label, "the primary key is of another type now") from None
