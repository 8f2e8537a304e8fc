"""The scrub of several tables at once, by whoever takes their parts; and what to say of them when it breaks off."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from itertools import chain, islice
from time import sleep
from typing import Any

from django.template.defaultfilters import pluralize

from ..exceptions import AnonymiseError
from ..planning.plans import Plan
from .parts import Part, parts
from .table import Tally, tally_of
from .telling import AGAIN, Told, told, without_its_own
from .workers import Hands, Result

# How often a part is tried at which others are busy, and how many seconds lie between
MOST_TRIES = 5
PAUSE = 0.5


def scrub_tables(spread: Spread, size: int | None, follow: Callable[..., Any], hands: Callable[[], Hands]) -> None:
    """Anonymise the rows of the tables, in parts of ``size`` rows that ``hands`` take; ``follow`` runs the work."""
    with told(spread, spread.again):
        total = spread.begin()
        try:
            with closing(spread.follow(size, hands())) as steps:
                follow(spread, steps, total)
        except AnonymiseError as error:
            raise Told(f"{without_its_own(error)} {spread} Mend this. {spread.again}") from None


class Spread:
    """The tables that are scrubbed at once; as text, what to say of them when it breaks off."""

    def __init__(self, plans: Sequence[Plan], *, marks: bool) -> None:
        self.tallies = {(plan.using, plan.label): tally_of(plan, marks=marks) for plan in plans}
        self.label = f"{len(plans)} table{pluralize(len(plans))}"
        self._tries: Counter[Part] = Counter()

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
        waiting = chain.from_iterable(parts(each.plan, size, marks=each.marks) for each in self.tallies.values())
        taken = 0
        try:
            while True:
                for part in islice(waiting, hands.room - taken):
                    hands.take(part)
                    taken += 1
                if not taken:
                    return
                for result in hands.finished():
                    taken -= self._has_ended(result, hands)
                yield self._scrubbed()
        finally:
            for part, done in hands.close():
                self._tally(part).scrubbed += done.rows

    def _has_ended(self, result: Result, hands: Hands) -> bool:
        """Count a part that is done; have it taken again where others were busy with its rows."""
        part, done = result
        if done.is_busy and self._tries[part] < MOST_TRIES:
            self._tries[part] += 1
            sleep(PAUSE)
            hands.take(part)
            return False
        if done.error:
            raise AnonymiseError(done.error)
        del self._tries[part]
        self._tally(part).scrubbed += done.rows
        return True

    def _tally(self, part: Part) -> Tally:
        return self.tallies[part.using, part.label]

    def _scrubbed(self) -> int:
        return sum(tally.scrubbed for tally in self.tallies.values())
