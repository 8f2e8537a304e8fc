"""The scrub of one table, and what to say of it when it breaks off."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from django.template.defaultfilters import pluralize

from ..exceptions import AnonymiseError
from ..execution.emptying import delete_in_ranges
from ..execution.ranges import begin_scrub, can_leave_no_marks, execute_in_ranges
from ..execution.rewriting import execute_anew
from ..planning.plans import Plan
from .deleting import is_deleted
from .emptied import Emptied
from .telling import AGAIN, Told, told, without_its_own

ANEW = "Run the command again: it begins anew, as no row was marked."

# Of a table: what is done with it, an iterator that does the work and yields how many rows are done, and of how many
Follow = Callable[[Plan | Emptied, Iterator[int], int], object]


def scrub_table(plan: Plan, size: int | None, follow: Follow, *, marks: bool) -> None:
    """Anonymise or delete the rows of ``plan``, in ranges of ``size`` rows; ``follow`` runs the work.

    Without ``marks`` rows are marked only where nothing else tells which are done.
    """
    tally = Tally(plan, marks=marks or is_deleted(plan.declaration) or not can_leave_no_marks(plan))
    with told(tally, tally.again):
        tally.total = plan.count()
        if not is_deleted(plan.declaration) and tally.marks and begin_scrub(plan) is not None:
            tally.before = plan.marked().count()
        try:
            follow(plan, tally.follow(size), tally.total - tally.before)
        except AnonymiseError as error:
            raise Told(f"{without_its_own(error)} {tally} Mend this. {tally.again}") from None


@dataclass
class Tally:
    """How far the scrub of one table is; as text, what to say of it when it breaks off."""

    plan: Plan
    marks: bool = True
    """Whether its rows are marked."""
    total: int | None = None
    before: int = 0
    """How many rows an interrupted run has done."""
    scrubbed: int = 0
    """How many rows this run has done."""

    @property
    def again(self) -> str:
        return AGAIN if self.marks else ANEW

    def follow(self, size: int | None) -> Iterator[int]:
        """Yield how many rows are done, in the way that the plan says."""
        if is_deleted(self.plan.declaration):
            steps = delete_in_ranges(self.plan, size)
        elif self.plan.way.is_anew:
            steps = execute_anew(self.plan, marks=self.marks)
        else:
            steps = execute_in_ranges(self.plan, size, marks=self.marks)
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
