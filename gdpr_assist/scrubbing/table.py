"""The scrub of one table, and what to say of it when it breaks off."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from django.template.defaultfilters import pluralize

from ..exceptions import AnonymiseError
from ..execution.emptying import delete_in_ranges
from ..execution.ranges import (
    begin_scrub,
    begin_scrub_without_marks,
    can_leave_no_marks,
    execute_in_ranges,
    forget_all_markers,
)
from ..execution.rewriting import execute_anew
from ..planning.plans import Plan
from .deleting import is_deleted
from .telling import AGAIN, Told, told, without_its_own

ANEW = "Run the command again: it begins anew, as no row was marked."


def scrub_table(
    plan: Plan, size: int | None, follow: Callable[[Plan, Iterator[int], int], object], *, marks: bool
) -> list[Plan]:
    """Anonymise or delete the rows of ``plan``, in ranges of ``size`` rows; ``follow`` runs the work.

    Return ``plan`` if its table was written anew.
    """
    tally = tally_of(plan, marks=marks)
    with told(tally, tally.again):
        total = tally.begin()
        try:
            follow(plan, tally.follow(size), total)
        except AnonymiseError as error:
            raise Told(f"{without_its_own(error)} {tally} Mend this. {tally.again}") from None
    return tally.anew


def tally_of(plan: Plan, *, marks: bool) -> Tally:
    """Return it as a scrub begins. Without ``marks`` rows are marked only where nothing else tells which are done."""
    return Tally(plan, marks=marks or is_deleted(plan.declaration) or not can_leave_no_marks(plan))


@dataclass
class Tally:
    """How far the scrub of one table is; as text, what to say of it when it breaks off."""

    plan: Plan
    marks: bool = True
    """Whether its rows are marked."""
    total: int | None = None
    is_new: bool = True
    """Whether no run is gone on with."""
    before: int = 0
    """How many rows an interrupted run has done."""
    scrubbed: int = 0
    """How many rows this run has done."""

    @property
    def again(self) -> str:
        return AGAIN if self.marks else ANEW

    @property
    def anew(self) -> list[Plan]:
        """The plan if its table is written anew: not if there is no row, though its files may hold dead ones."""
        return [self.plan] if self.plan.way.is_anew and self.total else []

    def begin(self) -> int:
        """Note in the database that the scrub has begun, where that is noted; return how many rows there are to do.

        Of most tables without rows nothing is noted, as nothing is done: there are many in a copy.
        """
        self.total = self.plan.count()
        if is_deleted(self.plan.declaration):
            return self.total
        if not self.total:
            if self.marks:
                forget_all_markers(self.plan)
        elif not self.marks:
            begin_scrub_without_marks(self.plan)
        elif begin_scrub(self.plan) is not None:
            self.is_new = False
            self.before = self.plan.marked().count()
        return self.total - self.before

    def follow(self, size: int | None) -> Iterator[int]:
        """Yield how many rows are done, in the way that the plan says."""
        if not self.total:
            return
        if is_deleted(self.plan.declaration):
            steps = delete_in_ranges(self.plan, size)
        elif self.plan.way.is_anew:
            steps = execute_anew(self.plan, marks=self.marks, expected=self.total)
        else:
            steps = execute_in_ranges(self.plan, size, marks=self.marks, expected=self.total)
        for scrubbed in steps:
            self.scrubbed = scrubbed
            yield scrubbed

    def __str__(self) -> str:
        table = f"{self.plan.label} on {self.plan.using}"
        if self.total is None:
            return f"{table}: this run has changed no row yet."
        are = pluralize(self.total, "row is,rows are")
        rows = self.before + self.scrubbed
        return f"{table}: {rows} of {self.total} {are} done; what was in the making was rolled back."
