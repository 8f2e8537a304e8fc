"""What is found of rows that were erased: in order or not, in numbers, and what would cure it. Reads only."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from django.db.models import QuerySet

from ..copies.keeper import Keepers
from ..planning.plans import Plan, plan
from ..planning.preview import preview
from ..registry import registry
from ..subjects.finding import Found
from ..subjects.person import Tables
from ..subjects.shares import COPIES, Share, shares

ANONYMISED = "anonymised"
KEPT = "kept"
MISSED = "not anonymised"
NOT_DELETED = "not deleted"
REFILLED = "refilled"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """So many rows of a model are so."""

    using: str
    label: str
    """Of the model, with that of the part of its rows if it is one."""

    what: str
    count: int
    is_wrong: bool = False
    plans: tuple[Plan, ...] = field(default=(), repr=False)
    """What anonymises these rows again."""

    going: tuple[QuerySet[Any], ...] = field(default=(), repr=False)
    """The rows that are to be deleted."""

    @property
    def is_curable(self) -> bool:
        return bool(self.plans or self.going)

    def __str__(self) -> str:
        return f"{self.count} of {self.label} on {self.using} {self.what}"


def of_plan(rows: Plan) -> Iterator[Finding]:
    """Yield what is found of the rows of a plan, which are all to be anonymised."""
    numbers = preview(rows)
    yield _of(rows, ANONYMISED, numbers.marked - numbers.refilled)
    if numbers.refilled:
        yield _of(rows, REFILLED, numbers.refilled, cure=again(rows, rows.refilled()))
    if numbers.unmarked:
        yield _of(rows, MISSED, numbers.unmarked, cure=replace(rows, force=False))
    if numbers.unknown:
        yield _of(rows, f"not known of {', '.join(numbers.unknown)}", numbers.marked)
    if numbers.marked:
        yield from _held(rows)


def _of(rows: Plan, what: str, count: int, cure: Plan | None = None) -> Finding:
    plans = () if cure is None else (cure,)
    return Finding(using=rows.using, label=rows.name, what=what, count=count, is_wrong=bool(plans), plans=plans)


def again(whole: Plan, rows: QuerySet[Any]) -> Plan:
    """Return the plan to anonymise ``rows``, which are some of those of ``whole``, once more."""
    return plan(rows, force=True, part=whole.part)


def _held(rows: Plan) -> Iterator[Finding]:
    """Yield what keepers of the project's still have of the anonymised rows. Of files, the columns tell."""
    for name, count in Keepers(rows.using).left(rows, rows.marked()).items():
        yield _of(rows, f"held by {name}", count, cure=again(rows, rows.marked()))


def of_share(share: Share) -> Iterator[Finding]:
    """Yield what is found of rows of a person, or of copies of them."""
    if share.plan is not None:
        yield from of_plan(share.plan)
        return
    rows, is_wrong = share.found.rows, share.verb == "delete"
    yield Finding(
        using=share.found.using,
        label=share.name,
        what=NOT_DELETED if is_wrong else f"{KEPT} ({share.ground})",
        count=rows.count(),
        is_wrong=is_wrong,
        going=(rows,) if is_wrong else (),
    )


def of_copies(rows: QuerySet[Any], part: str = "") -> Iterator[Finding]:
    """Yield what is found of ``rows``, which are copies of rows of which all, or a part, was erased."""
    own = part if part in registry.declaration(rows.model).parts else ""
    found = Found(model=rows.model, using=rows.db, part=own, rows=rows, ways=(COPIES,))
    for share in shares([found], force=False, keys={}, tables=Tables()):
        yield from of_share(share)


def joined(findings: Iterable[Finding]) -> list[Finding]:
    """Return ``findings`` with those of the same kind as one, and without those of no rows."""
    found: dict[tuple[str, str, str, bool], Finding] = {}
    for each in findings:
        key = (each.using, each.label, each.what, each.is_wrong)
        if each.count:
            found[key] = _added(found[key], each) if key in found else each
    return list(found.values())


def _added(one: Finding, other: Finding) -> Finding:
    return replace(one, count=one.count + other.count, plans=one.plans + other.plans, going=one.going + other.going)


def wrong(findings: Iterable[Finding]) -> Sequence[Finding]:
    return [each for each in findings if each.is_wrong]
