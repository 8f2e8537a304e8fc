"""Re-applies logged erasures that this database has no receipt for: it was restored."""

from __future__ import annotations

import logging
import uuid
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from django.apps import apps
from django.core.exceptions import ValidationError
from django.db import IntegrityError, OperationalError, connections, transaction
from django.db.migrations.executor import MigrationExecutor
from django.db.models import Max, Model, ProtectedError, RestrictedError

from ..conf import log_database
from ..databases.locks import is_busy, limit_wait
from ..databases.rows import chunks
from ..declaring.meta import all_rows
from ..exceptions import AnonymiseError
from ..execution.deleting import delete
from ..execution.execute import execute
from ..execution.marking import forget_markers
from ..log import receipts, writing
from ..log.legacy import Backlog, check_identity, complete
from ..log.ownership import check_database_ids, check_log, needed
from ..log.reading import OPERATIONS_PER_QUERY, ROWS_PER_QUERY, Kind, LoggedOperation, hold_events, logged_operations
from ..log.reconciliation import Databases, shown, with_receipts
from ..planning.plans import plan
from ..registry import registry
from ..sensitive import sensitive
from ..tables import EventLog, Receipt

logger = logging.getLogger(__name__)


# What of an operation is done at once: rows of one kind, and their model
Step = tuple[Kind, type[Model]]

UNDER_WAY = "still in its transaction"
LOCKED = "another transaction has its rows locked"

# Of more migrations that are to be applied, the number and the first tell enough.
MIGRATIONS_NAMED = 3

# How much longer each time the lists of rows get that protect one another.
GROWTH = 10


@dataclass
class Report:
    """What a replay did, in operations and in rows."""

    applied: int = 0
    already: int = 0
    rows: int = 0
    absent: int = 0
    # {model label: rows that were anonymised since a key of theirs points at a deleted row, and that no event names}
    cascaded: Counter[str] = field(default_factory=Counter)
    foreign: int = 0
    # [(operation, model label, why)]
    failed: list[tuple[LoggedOperation, str, str]] = field(default_factory=list)
    undecided: list[LoggedOperation] = field(default_factory=list)
    # [(operation, which transaction it waited for in vain)]
    busy: list[tuple[LoggedOperation, str]] = field(default_factory=list)

    @property
    def seen(self) -> int:
        listed = len(self.failed) + len(self.undecided) + len(self.busy)
        return self.applied + self.already + self.foreign + listed


@dataclass
class Erased:
    """What one transaction of a replay did, in rows."""

    there: int = 0
    absent: int = 0
    # {model: how many of the rows that were there are named in an event of anonymising}
    named: Counter[type[Model]] = field(default_factory=Counter)
    # {model: how many rows were anonymised, by whichever way}
    anonymised: Counter[type[Model]] = field(default_factory=Counter)

    @property
    def cascaded(self) -> Counter[str]:
        return Counter({model._meta.label: count for model, count in (self.anonymised - self.named).items()})


class CannotApply(Exception):
    """Why one operation cannot be replayed. Names models, no values."""

    def __init__(self, label: str, reason: str) -> None:
        super().__init__(reason)
        self.label = label
        self.reason = reason


class Blocked(CannotApply):
    """Another row, which PROTECT or RESTRICT speaks for, is still there; it may go with a later operation."""

    def __init__(self, label: str, error: ProtectedError | RestrictedError) -> None:
        super().__init__(label, f"rows of {_protectors(error)} protect it ({type(error).__name__})")
        # Unlike PROTECT, RESTRICT lets go what is deleted together with what it protects.
        self.may_go_together = isinstance(error, RestrictedError)


class Locked(Exception):
    """Another transaction has the rows, or the database, and did not come to an end in time."""


class AlreadyApplied(Exception):
    """There is a receipt: somebody else replays at the same time."""


def check_ready(databases: Databases) -> None:
    """Raise ``AnonymiseError`` if the log is another database's, or a migration is pending."""
    for using in needed():
        _check_migrated(using, None)
    _check_migrated(log_database(), "gdpr_assist")
    check_database_ids(databases)
    check_identity(databases)
    check_log(databases)


def _check_migrated(using: str | None, app_label: str | None) -> None:
    executor = MigrationExecutor(connections[str(using)])
    targets = [node for node in executor.loader.graph.leaf_nodes() if app_label in (None, node[0])]
    pending = [f"{migration.app_label}.{migration.name}" for migration, _ in executor.migration_plan(targets)]
    if pending:
        listed = ", ".join(pending) if len(pending) <= MIGRATIONS_NAMED else f"{len(pending)}, from {pending[0]} on"
        raise AnonymiseError(
            f"There are migrations to apply on {using!r} first: {listed}. "
            f"Run migrate --database={using}, then this command again."
        )


@sensitive
def replay(
    operations: Iterable[LoggedOperation],
    report: Report,
    *,
    include_undecided: bool = False,
    busy: Collection[uuid.UUID] = (),
    dry_run: bool = False,
) -> Iterator[Report]:
    """Apply each of ``operations`` that has no receipt, once; yield ``report`` as it grows.

    Many small operations share a transaction, with a receipt for each. What cannot be applied is noted in
    ``report.failed``, and the rest goes on; what another row blocks is tried again at the end. Undecided operations
    are noted, and applied only with ``include_undecided``. Those of ``busy``, and what waits for a transaction in
    vain, are noted in ``report.busy``. With ``dry_run`` nothing is written, and nobody waited for.
    """
    blocked: list[tuple[LoggedOperation, Blocked]] = []
    for batch in chunks(operations, OPERATIONS_PER_QUERY):
        there = with_receipts(batch)
        report.already += len(there)
        yield report
        missing = [each for each in batch if each.id not in there]
        hold_events(missing)
        hopeless = _hopeless(missing)
        wanted = []
        for operation in missing:
            if operation.is_committed and (error := _pruned(operation) or _first(hopeless, operation)):
                report.failed.append((operation, error.label, error.reason))
            elif operation.id in busy:
                report.busy.append((operation, UNDER_WAY))
            elif not operation.is_committed and not include_undecided:
                report.undecided.append(operation)
            elif not operation.is_committed and not dry_run and _is_under_way(operation):
                report.busy.append((operation, UNDER_WAY))
            else:
                wanted.append(operation)
        for group in _grouped(wanted):
            _try_together(group, report, blocked, dry_run)
            yield report
    yield from _try_again(blocked, report, dry_run)


def _hopeless(operations: list[LoggedOperation]) -> dict[Kind, CannotApply]:
    """Return the kinds of events that no row is looked up for: their model is gone. One would stop a whole group."""
    found = {}
    for kind in {kind for each in operations for kind, _ in each.held or ()}:
        try:
            _model(kind)
        except CannotApply as error:
            found[kind] = error
    return found


def _pruned(operation: LoggedOperation) -> CannotApply | None:
    """Return why ``operation``, which is missing here, cannot be applied if its events were pruned; None if not."""
    if operation.held is None or operation.held:
        return None
    before = Receipt.objects.using(operation.using).filter(written__lt=operation.started)
    newest = before.aggregate(Max("written"))["written__max"]
    since = f"after {shown(newest)} and " if newest else ""
    return CannotApply(
        "pruned",
        f"the backup is older than what the log still has. What was erased {since}up to {shown(operation.started)} "
        "may be back; erase it by hand, then settle this operation",
    )


def _first(errors: dict[Kind, CannotApply], operation: LoggedOperation) -> CannotApply | None:
    return next((errors[kind] for kind in operation.kinds() if kind in errors), None) if errors else None


def _grouped(operations: Iterable[LoggedOperation]) -> Iterator[list[LoggedOperation]]:
    """Yield the small operations of one alias together, a large one alone; those of an alias in their order."""
    small: dict[str, list[LoggedOperation]] = defaultdict(list)
    for operation in operations:
        if operation.held is not None:
            small[operation.using].append(operation)
            continue
        if earlier := small.pop(operation.using, None):
            yield earlier
        yield [operation]
    yield from small.values()


def _is_under_way(operation: LoggedOperation) -> bool:
    return receipts.took_effect(operation.id, operation.using) is None


def _try_again(blocked: list[tuple[LoggedOperation, Blocked]], report: Report, dry_run: bool) -> Iterator[Report]:
    """Try what was blocked until a whole pass makes no difference."""
    before = None
    while blocked and len(blocked) != before:
        before, waiting = len(blocked), blocked
        blocked = []
        for operation, _ in waiting:
            _try(operation, report, blocked, dry_run)
            yield report
    report.failed += [(operation, error.label, error.reason) for operation, error in blocked]
    yield report


def complete_1x(backlogs: Iterable[Backlog], report: Report) -> None:
    """Note that the events of 1.x took effect, on each alias where all did."""
    left = [operation for operation, _, _ in report.failed] + [operation for operation, _ in report.busy]
    lacking = {operation.using for operation in left if operation.is_of_1x}
    for backlog in backlogs:
        if backlog.using not in lacking:
            complete(backlog)


@sensitive
def settle(operations: Iterable[uuid.UUID], databases: Databases) -> None:
    """Write the receipts of ``operations``, and erase nothing: a person says that nothing is left to erase.

    For committed operations that cannot be applied. Raises ``AnonymiseError`` for any other; then nothing is written.
    """
    asked = set(operations)
    found = {each.id: each for each in logged_operations(databases) if each.id in asked}
    for operation in operations:
        if operation not in found or not found[operation].is_committed:
            raise AnonymiseError(
                f"{operation} is not a committed operation of this database; nothing was settled. An undecided one is "
                "dismissed with gdpr_reconcile --dismiss."
            )
    for using in {each.using for each in found.values()}:
        ours = [each for each in found.values() if each.using == using]
        there = with_receipts(ours)
        with transaction.atomic(using=using):
            receipts.write_receipts([(each.id, each.started) for each in ours if each.id not in there], using)


def _try_together(
    operations: list[LoggedOperation], report: Report, blocked: list[tuple[LoggedOperation, Blocked]], dry_run: bool
) -> None:
    """Apply ``operations`` of one alias in one transaction; if one of them cannot be, each by itself."""
    if len(operations) == 1:
        _try(operations[0], report, blocked, dry_run)
        return
    whole = replace(operations[0], held=[event for each in operations for event in each.held or ()])
    try:
        erased = _apply(whole, operations, dry_run)
    except Locked:
        # Not each by itself: on SQLite, each would wait for the one that has the whole database.
        report.busy += [(operation, LOCKED) for operation in operations]
    except (AlreadyApplied, CannotApply, IntegrityError):
        for operation in operations:
            _try(operation, report, blocked, dry_run)
    else:
        _count(operations, erased, report, dry_run)


def _try(
    operation: LoggedOperation, report: Report, blocked: list[tuple[LoggedOperation, Blocked]], dry_run: bool
) -> None:
    try:
        erased = _apply(operation, [operation], dry_run)
    except AlreadyApplied:
        report.already += 1
    except Locked:
        report.busy.append((operation, LOCKED))
    except Blocked as error:
        blocked.append((operation, error))
    except CannotApply as error:
        report.failed.append((operation, error.label, error.reason))
    except IntegrityError as error:  # a constraint that is checked at COMMIT
        label = operation.kinds()[0][1]
        report.failed.append((operation, label, f"the database refused it ({type(error).__name__})"))
    else:
        _count([operation], erased, report, dry_run)


def _count(operations: list[LoggedOperation], erased: Erased, report: Report, dry_run: bool) -> None:
    report.applied += len(operations)
    report.rows += erased.there
    report.absent += erased.absent
    report.cascaded += erased.cascaded
    undecided = [each.id for each in operations if not each.is_committed]
    if undecided and not dry_run:
        writing.decide(undecided, True)


def _apply(whole: LoggedOperation, operations: list[LoggedOperation], dry_run: bool) -> Erased:
    """Erase the rows of ``whole``, which is made of ``operations``; write a receipt of each, also for absent rows."""
    steps = [(kind, _model(kind)) for kind in whole.kinds()]
    done = None
    try:
        with writing.suspended(), transaction.atomic(using=whole.using):
            if not dry_run:
                _begin(whole, operations, steps)
            done = _erase_all(whole, steps, dry_run)
    except Exception as error:
        if done is None or dry_run or len(with_receipts(operations)) < len(operations):
            if isinstance(error, OperationalError) and is_busy(error, whole.using):
                raise Locked from None
            raise
        # Committed: what a receiver of the project wanted to do after that is not ours, and must not stop the rest.
        logger.error("A callback of the project failed after a COMMIT of the replay (%s).", type(error).__name__)
    return done


def _begin(whole: LoggedOperation, operations: list[LoggedOperation], steps: list[Step]) -> None:
    limit_wait(whole.using)
    try:
        # Before anything else: another replay of the same operation waits here, and then finds it done.
        receipts.write_receipts([(each.id, each.started) for each in operations], whole.using)
    except IntegrityError:
        raise AlreadyApplied from None
    # A row that was filled again before the backup was made is marked there. From here on the markers are those of
    # this operation: what an earlier step or a cascade has anonymised is not anonymised twice.
    for kind, model in steps:
        if kind[0] == EventLog.EVENT_ANONYMISE:
            for keys in _keys(whole, kind, model):
                forget_markers(model, keys, whole.using, kind[2])


def _erase_all(operation: LoggedOperation, steps: list[Step], dry_run: bool) -> Erased:
    """Carry out ``steps``; return how many rows there were when their turn came, and how many were not there.

    What other rows protect is tried again after the rest, in ever longer lists: rows that protect one another go
    together, as they did when Django deleted them.
    """
    done = Erased()
    blocked: dict[Step, Blocked] = {}
    for step in steps:
        for keys in _keys(operation, *step):
            there = _there(operation, step, keys)
            _note(done, step, keys, there)
            if there and not dry_run and (error := _erase(operation, step, list(there.values()), done)):
                blocked[step] = error
    size = ROWS_PER_QUERY
    while blocked:
        size *= GROWTH
        blocked = _erase_what_is_left(operation, list(blocked), size, done)
    return done


def _note(done: Erased, step: Step, keys: list[Any], there: Collection[Any]) -> None:
    (event, *_), model = step
    found = sum(key in there for key in keys)
    done.there += found
    done.absent += len(keys) - found
    if event == EventLog.EVENT_ANONYMISE:
        done.named[model] += found


def _erase_what_is_left(operation: LoggedOperation, steps: list[Step], size: int, done: Erased) -> dict[Step, Blocked]:
    """Try ``steps`` again in lists of ``size`` rows; return which are still blocked, and by what.

    Raises that error if there is nothing else to try: no row went, and longer lists would not help.
    """
    blocked: dict[Step, Blocked] = {}
    is_hopeless = True
    for step in steps:
        left = (row for keys in _keys(operation, *step) for row in _there(operation, step, keys).values())
        for number, rows in enumerate(chunks(left, size)):
            error = _erase(operation, step, rows, done)
            if error:
                blocked[step] = error
            if not error or (number and error.may_go_together):
                is_hopeless = False
    if blocked and is_hopeless:
        raise next(iter(blocked.values()))
    return blocked


def _there(operation: LoggedOperation, step: Step, keys: list[Any]) -> dict[Any, Any]:
    """Return {key: what ``_erase`` takes} of those of ``keys`` that the database has."""
    (event, *_), model = step
    with _explained(step, operation.using):
        rows = all_rows(model, operation.using).filter(pk__in=keys)
        if event == EventLog.EVENT_DELETE:
            return {row.pk: row for row in rows}
        return {key: key for key in rows.values_list("pk", flat=True)}


def _erase(operation: LoggedOperation, step: Step, rows: list[Any], done: Erased) -> Blocked | None:
    """Delete these rows, or anonymise those with these keys; if other rows protect one, erase none and return why."""
    (event, _, part), model = step
    try:
        with (
            _explained(step, operation.using),
            writing.suspended() as heard,
            transaction.atomic(using=operation.using),
        ):
            if event == EventLog.EVENT_DELETE:
                delete(rows, operation.using)
            else:
                for keys in chunks(rows, ROWS_PER_QUERY):
                    # A part of what was marked as a whole, in the backup, is done again: that marker stays.
                    execute(plan(all_rows(model, operation.using).filter(pk__in=keys), part=part, force=bool(part)))
    except Blocked as error:
        return error
    anonymised = {model: count for (event, model), count in heard.items() if event == EventLog.EVENT_ANONYMISE}
    done.anonymised.update(anonymised)
    return None


@contextmanager
def _explained(step: Step, using: str) -> Iterator[None]:
    """Raise ``CannotApply`` for whatever the database, or a receiver of the project, refuses."""
    (event, label, _), _ = step
    try:
        yield
    except (ProtectedError, RestrictedError) as error:
        raise Blocked(label, error) from None
    except AnonymiseError as error:
        raise CannotApply(label, str(error).removeprefix(f"{label}: ")) from None
    except Exception as error:  # refused by a constraint, or a receiver of the project
        if isinstance(error, OperationalError) and is_busy(error, using):
            raise
        done = "deleted" if event == EventLog.EVENT_DELETE else "anonymised"
        raise CannotApply(label, f"the rows cannot be {done} ({type(error).__name__})") from None


def _protectors(error: ProtectedError | RestrictedError) -> str:
    rows = error.protected_objects if isinstance(error, ProtectedError) else error.restricted_objects
    return ", ".join(sorted({row._meta.label for row in rows}))


def _model(kind: Kind) -> type[Model]:
    event, label, part = kind
    if event not in dict(EventLog.EVENT_CHOICES):
        raise CannotApply(label, "the event is unknown")
    model = registry.find(label)
    if model is not None and part and part not in registry.declaration(model).parts:
        raise CannotApply(label, f"its declaration has no part {part!r} any more")
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
