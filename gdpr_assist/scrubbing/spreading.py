"""The scrub of several tables at once, by whoever takes their parts; and what to say of them when it breaks off."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing, suppress
from itertools import chain, islice
from time import monotonic, sleep
from typing import Any

from django.db import Error
from django.template.defaultfilters import pluralize

from ..exceptions import AnonymiseError
from ..planning.plans import Plan
from .parts import Part, parts
from .table import tally_of
from .telling import AGAIN, Told, told, without_its_own
from .workers import Hands, Result

# In seconds: for how long a part is tried again at whose rows others are busy, and what lies between
PATIENCE = 60.0
PAUSE = 0.5


def scrub_tables(
    spread: Spread, size: int | None, follow: Callable[..., Any], hands: Callable[[], Hands]
) -> list[Plan]:
    """Anonymise the rows of the tables, in parts of ``size`` rows that ``hands`` take; ``follow`` runs the work.

    Return the plans of the tables that were written anew.
    """
    with told(spread, spread.again):
        total = spread.begin()
        try:
            with closing(spread.follow(size, hands())) as steps:
                follow(spread, steps, total)
        except AnonymiseError as error:
            raise Told(f"{without_its_own(error)} {spread} Mend this. {spread.again}") from None
    return [plan for tally in spread.tallies.values() for plan in tally.anew]


class Spread:
    """The tables that are scrubbed at once; as text, what to say of them when it breaks off."""

    def __init__(self, plans: Sequence[Plan], *, marks: bool) -> None:
        self.tallies = {(plan.using, plan.label): tally_of(plan, marks=marks) for plan in plans}
        self.label = f"{len(plans)} table{pluralize(len(plans))}"
        self._taken = 0
        # {part at whose rows others are busy: since when}
        self._busy: dict[Part, float] = {}

    def __str__(self) -> str:
        return " ".join(map(str, self.tallies.values()))

    @property
    def again(self) -> str:
        return next((tally.again for tally in self.tallies.values() if not tally.marks), AGAIN)

    def counts(self) -> Iterator[tuple[Plan, int]]:
        """Yield each table with the number of its rows that this run has done."""
        return ((tally.plan, tally.scrubbed) for tally in self.tallies.values())

    def begin(self) -> int:
        """Return how many rows there are to do."""
        for tally in self.tallies.values():
            tally.begin()
        return sum((tally.total or 0) - tally.before for tally in self.tallies.values())

    def follow(self, size: int | None, hands: Hands) -> Generator[int]:
        """Have the parts done by ``hands``; yield the number of rows that are done.

        Raises ``AnonymiseError`` for the first part that cannot be done; those that are begun by then are done before.
        """
        waiting = chain.from_iterable(
            parts(each.plan, size, marks=each.marks, is_first=each.is_new and hands.gives_once)
            for each in self.tallies.values()
            if each.total or each.begin()  # rows may have come since
        )
        try:
            while True:
                for part in islice(waiting, hands.room - self._taken):
                    self._taken += 1
                    hands.take(part)
                if not self._taken:
                    break
                results = hands.finished()
                self._count(results)
                for part, done in results:
                    if done.is_busy and monotonic() - self._busy.setdefault(part, monotonic()) < PATIENCE:
                        sleep(PAUSE)
                        hands.take(part)
                    elif done.error:
                        raise AnonymiseError(done.error)
                    else:
                        self._taken -= 1
                        self._busy.pop(part, None)
                yield self._scrubbed()
        finally:
            self._count(hands.close())
            if hands.has_given_twice:
                self._count_again()
        yield self._scrubbed()

    def _scrubbed(self) -> int:
        return sum(tally.scrubbed for tally in self.tallies.values())

    def _count_again(self) -> None:
        """Let the markers say how many rows are done: of what was done twice, only the second one may have told."""
        for tally in self.tallies.values():
            if tally.marks and tally.plan.is_for_all:
                with suppress(Error):  # then it is as many as they have told
                    tally.scrubbed = tally.plan.marked().count() - tally.before

    def _count(self, results: Iterable[Result]) -> None:
        for part, done in results:
            self.tallies[part.using, part.label].scrubbed += done.rows
