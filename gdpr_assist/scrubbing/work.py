"""What is to be scrubbed, and by whom: one value. Writes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from ..planning.plans import Plan
from .deleting import is_deleted
from .emptied import Emptied
from .parts import why_alone
from .workers import Hands, Queue, Workers


@dataclass(frozen=True, kw_only=True)
class Scrubbing:
    """What is to be scrubbed."""

    steps: list[Plan | Emptied]
    """What is done with the rows of each table, in this order."""

    begun: dict[tuple[str, str], datetime]
    """{(alias, label of the model): when a run that was interrupted, and is gone on with, was started}"""

    restart: bool
    """Whether rows that such a run has done are scrubbed again."""

    asked: list[str]
    """The aliases that were chosen: some may hold none of the tables, or be another name of a database."""

    left_out: list[str]
    """Labels of models that are left as they are, since somebody said so."""

    is_whole: bool = False
    """Whether no model was chosen, and none left out: then nothing else is scrubbed on these databases."""

    last_superuser: str = ""
    """That no active superuser would be left, in words."""

    batch_size: int | None = None
    """How many rows are changed in one transaction, by default as many as the database likes."""

    marks: bool = True
    """Whether rows are marked; else a run that is interrupted cannot be gone on with."""

    workers: int = 1
    """How many processes scrub at once."""

    in_queue: bool = False
    """Whether these are the workers of the site's queue."""

    @property
    def is_spread(self) -> bool:
        """Whether others than the command itself scrub."""
        return self.workers > 1 or self.in_queue

    def why_alone(self, step: Plan | Emptied) -> str:
        """Return why the command itself does this step; empty where others do it."""
        if isinstance(step, Emptied):
            return "it is emptied"
        return why_alone(step, in_queue=self.in_queue)

    def hands(self) -> Hands:
        return Queue() if self.in_queue else Workers(self.workers)

    @property
    def plans(self) -> list[Plan]:
        return [step for step in self.steps if isinstance(step, Plan)]

    @property
    def emptied(self) -> list[Emptied]:
        return [step for step in self.steps if isinstance(step, Emptied)]

    @property
    def deleting(self) -> list[Plan]:
        """Those of the plans of which the rows are deleted."""
        return [plan for plan in self.plans if is_deleted(plan.declaration)]

    @property
    def aliases(self) -> list[str]:
        return list(dict.fromkeys(step.using for step in self.steps))

    def at_once(self) -> Iterator[Plan | Emptied | list[Plan]]:
        """Yield the steps in their order, those that others do in lists of what stands together."""
        if not self.is_spread:
            yield from self.steps
            return
        for is_alone, several in groupby(self.steps, key=lambda step: bool(self.why_alone(step))):
            if is_alone:
                yield from several
            else:
                yield [step for step in several if isinstance(step, Plan)]
