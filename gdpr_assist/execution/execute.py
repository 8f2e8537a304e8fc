"""Runs a ``Plan`` in one transaction on the rows' own database. The only writer of personal data."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from django.db import transaction
from django.db.models import Model

from ..copies.keeper import Retained
from ..databases.transactions import check_no_rollback
from ..exceptions import AnonymiseError
from ..log import writing
from ..planning.plans import Plan
from ..sensitive import sensitive
from ..switches import switched_off
from ..undocumented import related_objects, set_related_objects
from .claims import all_claims
from .kept import hearing_of_kept
from .objects import anonymise, erase_late_copies
from .refusals import explained_refusals
from .run import Run, going_on


@dataclass(frozen=True, kw_only=True)
class Result:
    """What an execution did: how many rows it anonymised, how many it left because they were anonymised before."""

    label: str
    using: str
    anonymised: int
    skipped: int
    operation: uuid.UUID | None = None
    """The id under which it was logged; None if it was not."""

    kept: dict[str, int] = field(default_factory=dict)
    """{label: rows} of models that say ``can_anonymise = False``: left as they are, though they were reached, as
    tables of the same objects or by a cascade."""

    retained: list[Retained] = field(default_factory=list)
    """What stays beside the rows, as a file that another row names: filled when the transaction is committed."""

    copies: dict[str, int] = field(default_factory=dict)
    """{label: rows} of what was erased because it is a copy of the rows (``copy_of``)."""

    computed: tuple[str, ...] = ()
    """Labels of columns that hold another value than their rule's: the project's ``save()``, or a trigger, gave it."""


@sensitive
def execute(plan: Plan, *, within: writing.Erasure | None = None, done: int | None = None) -> Result:
    """Anonymise the rows of ``plan``: all of them, or after an exception none.

    ``within`` is an erasure that is under way in the same transaction; it takes the events and logs them.
    ``done`` is how many of the rows needed nothing before that erasure, where it may have done some by now.
    Raises ``AnonymiseError`` if an anonymiser fails, the database refuses a value, the object of the plan is gone, or
    (``EventLogError``) the log cannot be written.
    """
    erasure = within or writing.Erasure(plan.using)
    if within is None and plan.way.sends_signals:
        erasure.looks = []
    run = Run(erasure)
    seen = anonymised = 0
    block = transaction.atomic(using=plan.using, savepoint=within is None)
    with _restored(plan.instance), explained_refusals(plan), hearing_of_kept() as kept, block:
        with switched_off(plan.using), going_on(erasure):
            for claimed in all_claims(plan, run):
                seen += len(claimed)
                anonymised += anonymise(plan, claimed, run, {plan.declaration.model})
        if plan.instance is not None and not seen:
            raise AnonymiseError(
                f"{plan.label}: the object is not in the database any more, or row level security hides it."
            )
        if within is None:
            erase_late_copies(erasure, run.copies)
            writing.record(erasure)
            check_no_rollback(plan.using)
    if done is not None and not plan.does_all:
        anonymised = seen - done
    logged = erasure.id if erasure.count else None
    return Result(
        label=plan.label,
        using=plan.using,
        anonymised=anonymised,
        skipped=seen - anonymised,
        operation=logged,
        kept=dict(kept),
        retained=run.keepers.retained,
        copies=dict(+run.copies),
        computed=tuple(sorted(run.computed)),
    )


@contextmanager
def _restored(instance: Model | None) -> Iterator[None]:
    """Give the object in memory its values back if the block fails: its row was rolled back."""
    if instance is None:
        yield
        return
    values, related = dict(instance.__dict__), related_objects(instance)
    try:
        yield
    except BaseException:
        instance.__dict__.clear()
        instance.__dict__.update(values)
        set_related_objects(instance, related)
        raise
