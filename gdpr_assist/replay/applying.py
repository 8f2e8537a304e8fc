"""Applies logged operations to the rows, in one transaction with their receipts, or says why it cannot."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from django.apps import apps
from django.db import IntegrityError, OperationalError, transaction
from django.db.models import Model, ProtectedError, RestrictedError

from ..databases.locks import is_busy, limit_wait
from ..databases.rows import chunks
from ..declaring.meta import all_rows
from ..exceptions import AnonymiseError
from ..execution.deleting import delete
from ..execution.execute import execute
from ..execution.kept import hearing_of_kept
from ..execution.marking import forget_markers
from ..execution.selection import rows_with
from ..log import receipts, writing
from ..log.reading import ROWS_PER_QUERY, Kind, LoggedOperation
from ..log.reconciliation import with_receipts
from ..planning.markers import marked_keys
from ..planning.plans import plan
from ..registry import registry
from ..tables import EventLog
from .hidden import UnknownKey, logged_keys

logger = logging.getLogger(__name__)

# What of an operation is done at once: rows of one kind, and their model
Step = tuple[Kind, type[Model]]

# How much longer each time the lists of rows get that protect one another.
GROWTH = 10


@dataclass
class Erased:
    """What one transaction of a replay did, in rows."""

    rows: int = 0
    absent: int = 0
    # {model: how many of the rows that were there are named in an event of anonymising}
    named: Counter[type[Model]] = field(default_factory=Counter)
    # {model: how many rows were anonymised, by whichever way}
    anonymised: Counter[type[Model]] = field(default_factory=Counter)
    # {model label: how many rows were left as they are, as their models say can_anonymise = False}
    kept: Counter[str] = field(default_factory=Counter)

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


def apply(whole: LoggedOperation, operations: list[LoggedOperation], dry_run: bool) -> Erased:
    """Erase the rows of ``whole``, which is made of ``operations``; write a receipt of each, also for absent rows."""
    steps = [(kind, model_of(kind)) for kind in whole.kinds()]
    erased = None
    try:
        with writing.suspended(), transaction.atomic(using=whole.using):
            if not dry_run:
                _begin(whole, operations, steps)
            erased = _erase_all(whole, steps, dry_run)
    except Exception as error:
        if erased is None or dry_run or len(with_receipts(operations)) < len(operations):
            if isinstance(error, OperationalError) and is_busy(error, whole.using):
                raise Locked from None
            raise
        # Committed: what a receiver of the project wanted to do after that is not ours, and must not stop the rest.
        logger.error("A callback of the project failed after a COMMIT of the replay (%s).", type(error).__name__)
    return erased


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
                forget_markers(model, _known(keys), whole.using, kind[2])


def _erase_all(operation: LoggedOperation, steps: list[Step], dry_run: bool) -> Erased:
    """Carry out ``steps``; return how many rows there were when their turn came, and how many were not there.

    What other rows protect is tried again after the rest, in ever longer lists: rows that protect one another go
    together, as they did when Django deleted them.
    """
    erased = Erased()
    blocked: dict[Step, Blocked] = {}
    for step in steps:
        for keys in _keys(operation, *step):
            present = _present(operation, step, keys)
            _note(erased, step, keys, present)
            if present and not dry_run and (error := _erase(operation, step, list(present.values()), erased)):
                blocked[step] = error
    size = ROWS_PER_QUERY
    while blocked:
        size *= GROWTH
        blocked = _erase_what_is_left(operation, list(blocked), size, erased)
    return erased


def _note(erased: Erased, step: Step, keys: list[Any], present: Collection[Any]) -> None:
    (event, *_), model = step
    count = sum(key in present for key in keys)
    erased.rows += count
    erased.absent += len(keys) - count
    if event == EventLog.EVENT_ANONYMISE:
        erased.named[model] += count


def _erase_what_is_left(
    operation: LoggedOperation, steps: list[Step], size: int, erased: Erased
) -> dict[Step, Blocked]:
    """Try ``steps`` again in lists of ``size`` rows; return which are still blocked, and by what.

    Raises that error if there is nothing else to try: no row went, and longer lists would not help.
    """
    blocked: dict[Step, Blocked] = {}
    is_hopeless = True
    for step in steps:
        left = (row for keys in _keys(operation, *step) for row in _present(operation, step, keys).values())
        for number, rows in enumerate(chunks(left, size)):
            error = _erase(operation, step, rows, erased)
            if error:
                blocked[step] = error
            if not error or (number and error.may_go_together):
                is_hopeless = False
    if blocked and is_hopeless:
        raise next(iter(blocked.values()))
    return blocked


def _present(operation: LoggedOperation, step: Step, keys: list[Any]) -> dict[Any, Any]:
    """Return {key: what ``_erase`` takes} of those of ``keys`` that the database has."""
    (event, *_), model = step
    with _explained(step, operation.using):
        rows = rows_with(model, _known(keys), operation.using)
        if event == EventLog.EVENT_DELETE:
            return {row.pk: row for row in rows}
        return {key: key for key in rows.values_list("pk", flat=True)}


def _erase(operation: LoggedOperation, step: Step, rows: list[Any], erased: Erased) -> Blocked | None:
    """Delete these rows, or anonymise those with these keys; if other rows protect one, erase none and return why."""
    (event, _, part), model = step
    try:
        with (
            _explained(step, operation.using),
            writing.suspended() as heard,
            hearing_of_kept() as kept,
            transaction.atomic(using=operation.using),
        ):
            if event == EventLog.EVENT_DELETE:
                delete(rows, operation.using)
            else:
                for keys in chunks(rows, ROWS_PER_QUERY):
                    _anonymise(model, keys, part, operation.using)
    except Blocked as error:
        return error
    erased.kept += kept
    for (logged, label), count in heard.items():
        if logged == EventLog.EVENT_ANONYMISE and (anonymised := registry.find(label)):
            erased.anonymised[anonymised] += count
    return None


def _anonymise(model: type[Model], keys: list[Any], part: str, using: str) -> None:
    """Anonymise these rows, or a part of each: what the backup has marked as a whole keeps that marker."""
    marked = marked_keys(registry.declaration(model), keys, using) if part else set()
    for force in (True, False):
        if chosen := [key for key in keys if (key in marked) is force]:
            execute(replace(plan(all_rows(model, using), part=part, force=force), keys=tuple(chosen)))


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
        participle = "deleted" if event == EventLog.EVENT_DELETE else "anonymised"
        raise CannotApply(label, f"the rows cannot be {participle} ({type(error).__name__})") from None


def _protectors(error: ProtectedError | RestrictedError) -> str:
    rows = error.protected_objects if isinstance(error, ProtectedError) else error.restricted_objects
    return ", ".join(sorted({row._meta.label for row in rows}))


def model_of(kind: Kind) -> type[Model]:
    event, label, part = kind
    if event not in dict(EventLog.EVENT_CHOICES):
        raise CannotApply(label, "the event is unknown")
    model = registry.find(label)
    if model is not None and part and not registry.declaration(model).has_part(part):
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


def _known(keys: list[Any]) -> list[Any]:
    return [key for key in keys if key is not None]


def _keys(operation: LoggedOperation, kind: Kind, model: type[Model]) -> Iterator[list[Any]]:
    """Yield its primary keys in lists, None for a row that is known by a digest and not there."""
    try:
        yield from logged_keys(operation, kind, model)
    except UnknownKey as error:
        raise CannotApply(kind[1], str(error)) from None
