"""Takes the rows of a plan, locked, in batches: what is claimed has to be changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from operator import itemgetter
from typing import Any

from django.db.models import BooleanField, ExpressionWrapper, QuerySet

from ..databases.interference import may_hide
from ..databases.rows import LARGEST_BATCH, batch_size, chunks, locked, pages
from ..declaring.keys import key_text
from ..planning.markers import marked_keys
from ..planning.plans import Plan
from .effects import check_seen
from .run import Run
from .selection import rows_with

# (primary key, whether the row was anonymised before: None if it is filled again, and the plan looks for that)
Claimed = tuple[Any, bool | None]


def all_claims(plan: Plan, run: Run, size: int | None = None) -> Iterator[list[Claimed]]:
    """Yield the claims of ``plan``. Raises ``AnonymiseError`` in the end if the database hides rows from them.

    Where it may, all keys are read first, without a lock: afterwards the rows may not match the queryset any more.
    """
    if plan.keys == ():
        return
    may_miss = plan.instance is None and may_hide(plan.using) and run.interference(plan).hides
    plan = plan.pinned() if may_miss else plan
    seen = 0
    for claimed in _claims(plan, size):
        seen += len(claimed)
        yield claimed
    if may_miss:
        check_seen(plan, seen)


def _claims(plan: Plan, size: int | None = None) -> Iterator[list[Claimed]]:
    """Lock the rows of ``plan`` in batches, so that none is deleted before its marker is in; yield what is there."""
    size = min(size or LARGEST_BATCH, batch_size(plan.using))
    has_text = key_text(plan.declaration.model) is not None
    with_marks = _with_marks if has_text else _with_keys
    if plan.reads_keys_first or plan.keys is not None:
        batches: Iterable[list[Any]] = (
            list(with_marks(plan, rows_with(plan.declaration.model, keys, plan.using)).order_by("pk"))
            for keys in chunks(plan.pinned().keys or (), size)
        )
    else:
        rows = plan.rows()
        if plan.way.sends_signals and (last := rows.order_by("pk").last()):
            rows = rows.filter(pk__lte=last.pk)  # a receiver may create others, without end
        batches = pages(with_marks(plan, rows), size, key=itemgetter(0))
    for batch in batches:
        yield batch if has_text else _marks_found(plan, [key for (key,) in batch])


def _with_marks(plan: Plan, rows: QuerySet[Any]) -> QuerySet[Any]:
    """Return ``rows``, locked, as (primary key, whether it is done)."""
    done = ExpressionWrapper(plan.is_done(), output_field=BooleanField())
    return locked(rows, plan.using).values_list("pk", done)


def _with_keys(plan: Plan, rows: QuerySet[Any]) -> QuerySet[Any]:
    """Return ``rows``, locked, as (primary key,), where SQL cannot tell which marker is theirs."""
    return locked(rows, plan.using).values_list("pk")


def _marks_found(plan: Plan, keys: list[Any]) -> list[Claimed]:
    marked = marked_keys(plan.declaration, keys, plan.using, plan.part)
    if plan.force != "refilled" or not marked:
        return [(key, key in marked) for key in keys]
    done = set(replace(plan, keys=tuple(keys)).done().values_list("pk", flat=True))
    return [(key, key in done or (None if key in marked else False)) for key in keys]
