"""One call that erases, for the admin, commands and a project's code: several plans as one, and who asked for it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Model
from django.dispatch import Signal

from .databases.placement import explained
from .databases.rows import batch_size, chunks
from .exceptions import AnonymiseError, PartlyErased
from .execution.deleting import Deletion
from .execution.execute import Result
from .execution.together import execute_together
from .planning.markers import marked_keys
from .planning.plans import Plan, all_pinned
from .sensitive import sensitive
from .signals import deleted, erased
from .tables import who


@sensitive
def erase(
    plans: Sequence[Plan],
    *,
    by: Any = None,
    deletions: Sequence[Deletion] = (),
    first: Callable[[], Sequence[Plan]] | None = None,
    last: str | None = None,
    operation: UUID | None = None,
) -> list[Result]:
    """Execute ``plans``, then ``deletions``, as one erasure: one transaction and one operation on each database.

    Returns the results of the plans; each deletion has its own. ``by`` is who asked for it, as a user. Where somebody
    is named, the receivers of ``signals.erased`` hear of each plan in the transaction that erases, and those of
    ``signals.deleted`` of each of ``deletions`` with rows: what they raise undoes it. Beside the rows it is noted
    which user it was; the log never holds that. ``first``, ``last`` and ``operation`` are those of
    ``execute_together``; without ``first``, all keys are read.

    Raises ``AnonymiseError``, and Django's own errors of deleting; then nothing was changed, unless it is
    ``PartlyErased``.
    """
    first = first or partial(pinned_with, plans, deletions)
    together: dict[str, Any] = {
        "aliases": [each.rows.db for each in deletions],
        "last": last,
        "operation": operation,
        "by": who(by),
        "then": partial(_run, deletions),
    }
    if by is None:
        return execute_together(plans, first=first, **together)
    if isinstance(by, Model) and (by.pk is None or by._state.adding):
        raise AnonymiseError(
            f"erase(by=...): this {by._meta.label} is not saved, so nobody could say who asked; nothing was changed. "
            "Give one that is, or leave it out."
        )
    receivers = _Receivers(by, deletions)
    try:
        results = execute_together(
            plans, first=partial(receivers.read, first), before_commit=receivers.tell, **together
        )
    except PartlyErased as error:
        receivers.follow({result.using for result in error.results})
        raise
    receivers.follow(receivers.later.keys())
    return results


class _Receivers:
    """What hears of an erasure that somebody has asked for: of the rows that change, and once they are committed."""

    def __init__(self, by: Any, deletions: Sequence[Deletion]) -> None:
        self.by = by
        self.deletions = deletions
        self.plans: list[Plan] = []
        # Of each plan, the rows that it will change
        self.keys: list[list[Any]] = []
        # {alias: what receivers want to do once its rows are committed}
        self.later: dict[str, list[Callable[[], None]]] = defaultdict(list)

    def read(self, first: Callable[[], Sequence[Plan]]) -> list[Plan]:
        """Return the plans, and keep the keys that are to be told of: afterwards nothing says which rows changed."""
        self.plans.extend(first())
        self.keys.extend(_told_once(self.plans))
        return self.plans

    def tell(self, results: list[Result]) -> None:
        for plan, changed, result in zip(self.plans, self.keys, results, strict=True):
            self._send(erased, plan.model, plan.using, changed, result.operation)
        for each in self.deletions:
            if each.keys:
                self._send(deleted, each.rows.model, each.rows.db, each.keys, each.operation)

    def _send(self, signal: Signal, model: type[Model], using: str, keys: Any, operation: UUID | None) -> None:
        after = self.later[using].append
        signal.send(sender=model, keys=keys, using=using, operation=operation, by=self.by, after=after)

    def follow(self, aliases: Collection[str]) -> None:
        """Call what is to follow, or have it called when a transaction around the erasure is committed."""
        for using in aliases:
            for callback in self.later[using]:
                transaction.on_commit(callback, using=using, robust=True)


def pinned_with(plans: Iterable[Plan], deletions: Iterable[Deletion]) -> list[Plan]:
    """Read the keys of ``deletions``, and return ``plans`` with theirs."""
    for each in deletions:
        each.read_keys()
    return all_pinned(plans)


def operations(deletions: Iterable[Deletion], results: Iterable[Result]) -> dict[str, UUID]:
    """Return {alias: id of the operation in the log} of what was logged."""
    done = [
        *((each.rows.db, each.operation) for each in deletions),
        *((each.using, each.operation) for each in results),
    ]
    return {using: operation for using, operation in done if operation}


def counted(plans: Iterable[Plan], results: Iterable[Result]) -> dict[str, int]:
    """Return {label, with the part: rows that were anonymised}."""
    found: Counter[str] = Counter()
    for plan, result in zip(plans, results, strict=True):
        found[plan.name] += result.anonymised
    return dict(+found)


def all_gone(deletions: Iterable[Deletion]) -> dict[str, int]:
    """Return {label: rows that were deleted}, with what went by cascade."""
    return dict(+sum((each.gone for each in deletions), Counter()))


def _run(deletions: Iterable[Deletion]) -> None:
    for each in deletions:
        each.run()


def _told_once(plans: list[Plan]) -> list[list[Any]]:
    """Return for each plan the keys of the rows that it will change; each row of a model once."""
    told: dict[tuple[Any, str, str], set[Any]] = defaultdict(set)
    keys = []
    for plan in plans:
        seen = told[plan.declaration.model, plan.using, plan.part]
        keys.append([key for key in _to_be_changed(plan) if key not in seen])
        seen.update(keys[-1])
    return keys


def _to_be_changed(plan: Plan) -> list[Any]:
    keys = list(plan.keys or ())
    if plan.does_all:
        return keys
    left: set[Any] = set()
    with explained(plan.using):
        for part in chunks(keys, batch_size(plan.using)):
            if plan.force:
                left.update(replace(plan, keys=tuple(part)).done().values_list("pk", flat=True))
            else:
                left |= marked_keys(plan.declaration, part, plan.using, plan.part)
    return [key for key in keys if key not in left]
