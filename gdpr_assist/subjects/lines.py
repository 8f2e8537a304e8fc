"""What the erasure of a person would do, in numbers and in words, before it is done. Reads only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import compress

from django.template.defaultfilters import pluralize

from ..databases.placement import explained
from ..databases.rows import with_rows
from ..planning.preview import preview
from ..planning.superusers import said_before
from .finding import Found
from .shares import COPIES, Share, copies_among, without_superuser


@dataclass(frozen=True, kw_only=True)
class Line:
    """A share of the rows with its numbers."""

    share: Share
    count: int
    ways: list[str]
    """How the rows were found, each way with its number of rows if there are several: ``"by customer"``."""

    marked: int = 0
    """How many were anonymised before."""

    refilled: int = 0
    """How many of these were filled again since."""

    def __str__(self) -> str:
        text = f"{self.share.name}: {self.count} row{pluralize(self.count)}, {', '.join(self.ways)}: {self._done}"
        text += "".join(f"; {name} stays ({why})" for name, why in self.share.staying.items())
        if self.marked:
            text += f"; {self.marked} anonymised before, left as they are"
        if self.refilled:
            text += f"; {self.refilled} of these refilled since"
        return text

    @property
    def _done(self) -> str:
        if self.share.plan:
            return f"anonymised: {', '.join(self.share.plan.fields)}"
        return "deleted" if self.share.verb == "delete" else f"kept ({self.share.ground})"


def lines(shares: Iterable[Share]) -> list[Line]:
    """Return the shares that have rows, and what is a copy of these rows.

    Raises ``AnonymiseError`` on an alias without the tables of an erasure.
    """
    every = list(shares)
    with ExitStack() as explanations:
        for using in {each.found.using for each in every}:
            explanations.enter_context(explained(using))
        there = with_rows([each.found.rows for each in every])
    found = [_line(share) for share in compress(every, there)]
    return [*found, *_copies(found)]


def last_superuser(found: Iterable[Line]) -> str:
    """Return in words that the last active superuser of a database is among the rows; empty if that is not so."""
    return said_before(without_superuser(line.share for line in found))


def _copies(found: list[Line]) -> Iterable[Line]:
    """Return what is a copy of the rows, a line for each model: a copy is one of one row."""
    joined: dict[tuple[str, str], Line] = {}
    for line in found:
        for share in copies_among(line.share):
            one, key = _line(share), (share.name, share.found.using)
            before = joined.get(key, Line(share=share, count=0, ways=[COPIES]))
            joined[key] = replace(
                before,
                count=before.count + one.count,
                marked=before.marked + one.marked,
                refilled=before.refilled + one.refilled,
            )
    return [line for line in joined.values() if line.count]


def _line(share: Share) -> Line:
    if share.plan:
        numbers = preview(share.plan)
        count, marked, refilled = numbers.rows, numbers.marked, numbers.refilled
    else:
        with explained(share.found.using):
            count, marked, refilled = share.found.rows.count(), 0, 0
    return Line(share=share, count=count, ways=_ways(share.found, count), marked=marked, refilled=refilled)


def _ways(found: Found, total: int) -> list[str]:
    if len(found.ways) == 1:
        return list(found.ways)
    counts: Counter[str] = Counter()
    for way in found.by_way:
        counts[way.words] += found.rows.filter(pk__in=way.rows.order_by().values("pk")).count()
    those = +counts
    return [words if count == total else f"{count} {words}" for words, count in those.items()]
