"""Takes the rows of a plan, locked, in batches: what is claimed has to be changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from operator import itemgetter
from typing import Any

from django.db import transaction
from django.db.models import BooleanField, ExpressionWrapper, QuerySet

from ..databases.interference import may_hide
from ..databases.rows import LARGEST_BATCH, batch_size, chunks, locked, pages
from ..declaring.keys import key_text
from ..planning.markers import marked_keys
from ..planning.plans import Plan
from .effects import unchanged
from .run import Run
from .selection import rows_with

# (primary key, whether the row was anonymised before: None if it is filled again, and the plan looks for that)
Claimed = tuple[Any, bool | None]


def all_claims(plan: Plan, run: Run, size: int | None = None) -> Iterator[list[Claimed]]:
    """Yield the claims of ``plan``. Raises ``AnonymiseError`` in the end if rows that are there were not among them.

    Where the database may hide rows, all keys are read first, without a lock: afterwards the rows may not match the
    queryset any more. Where they are known, it is asked for those that were not claimed: deleted since, or left out.
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
        _check_seen(plan, seen)
    elif plan.keys is not None and seen < len(plan.keys):
        _check_claimed(plan, seen)


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


def _check_seen(plan: Plan, seen: int) -> None:
    """Raise ``AnonymiseError`` if the database hides rows of the plan from those who want to change them."""
    if seen < _count(plan, lock=False):
        # Others may have added some in the meantime: what counts is how many can be locked now.
        with transaction.atomic(using=plan.using):
            present, locked = _count(plan, lock=False), _count(plan, lock=True)
        if locked < present:
            raise unchanged(plan, present - locked)


def _check_claimed(plan: Plan, claimed: int) -> None:
    """Raise ``AnonymiseError`` if more rows of the plan can be locked than were claimed.

    One that was deleted meanwhile cannot, whatever the snapshot of the transaction still shows.
    """
    if (left := _count(plan, lock=True) - claimed) > 0:
        raise unchanged(plan, left)


def _count(plan: Plan, *, lock: bool) -> int:
    if plan.keys is None:
        parts = [plan.rows()]
    else:
        model = plan.declaration.model
        parts = [rows_with(model, keys, plan.using) for keys in chunks(plan.keys, batch_size(plan.using))]
    if not lock:
        return sum(part.count() for part in parts)
    return sum(1 for part in parts for _ in part.select_for_update().values_list("pk").iterator(LARGEST_BATCH))
