"""What the erasure of a person would do, in numbers and in words, before it is done. Reads only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from itertools import compress
from typing import Any

from django.template.defaultfilters import pluralize
from django.utils.translation import gettext_noop

from ..copies.rows import copies_of
from ..databases.placement import explained
from ..databases.rows import with_rows
from ..declaring.meta import all_rows
from ..execution.deleting import Deletion
from ..paths import clauses_of
from ..phrases import Phrase, listed
from ..planning.preview import preview
from ..planning.superusers import said_before
from .cascade import Obstacle, Rows, cascade, in_order
from .finding import Found
from .person import Keys, Tables
from .shares import CASCADE, COPIES, LEFT, Share, copies_among, without_superuser


@dataclass(frozen=True, kw_only=True)
class Line:
    """A share of the rows with its numbers."""

    share: Share
    count: int
    ways: dict[str, int]
    """{how rows were found, as ``"by customer"``: how many}; one that is found in several ways is counted in each."""

    marked: int = 0
    """How many were anonymised before."""

    refilled: int = 0
    """How many of these were filled again since."""

    keys: tuple[Any, ...] = field(default=(), repr=False)
    """Those of rows that go by cascade, which no lookup finds."""

    def __str__(self) -> str:
        text = f"{self.share.name}: {self.count} row{pluralize(self.count)}, {self.how}: {self._done}"
        text += "".join(f"; {name} stays ({why})" for name, why in self.share.staying.items())
        if self.share.plan and self.share.plan.clears:
            text += f"; links that go: {', '.join(self.share.plan.clears)}"
        if self.marked:
            text += f"; {self.marked} anonymised before, left as they are"
        if self.refilled:
            text += f"; {self.refilled} of these refilled since"
        return text

    @property
    def how(self) -> str:
        """The ``ways`` in words, with their numbers where these are not that of all rows."""
        return listed(way if count == self.count else _numbered(way, count) for way, count in self.ways.items())

    @property
    def _done(self) -> str:
        if self.share.plan:
            return f"anonymised: {', '.join(self.share.plan.fields) or 'nothing'}"
        if self.share.is_cascade:
            return "deleted with the above"
        return {"delete": "deleted", LEFT: "left as they are"}.get(self.share.verb, f"kept ({self.share.ground})")


@dataclass(frozen=True, kw_only=True)
class Outlook:
    """What an erasure would do, and what stands in its way."""

    lines: list[Line]
    obstacles: list[Obstacle]


def outlook(shares: Iterable[Share], acted: Iterable[Found], keys: Keys, using: str, tables: Tables) -> Outlook:
    """Return the shares that have rows, and what an erasure does beside: to copies, and to what goes by cascade.

    ``keys`` are those of the person's own rows, on ``using``; the rows to which she only ``acted`` stand last. Raises
    ``AnonymiseError`` on an alias without the tables of an erasure.
    """
    every = [*shares, *(Share(found=each, verb=LEFT) for each in acted)]
    with ExitStack() as explanations:
        for alias in {each.found.using for each in every}:
            explanations.enter_context(explained(alias))
        there = with_rows([each.found.rows for each in every])
    with_some = list(compress(every, there))
    hers = [each.found for each in every if each.verb != LEFT]
    found = [_line(share) for share in with_some if share.verb != LEFT]
    copies = list(_copies(found))
    deletions = in_order(Deletion(line.share.found.rows) for line in [*copies, *found] if line.share.verb == "delete")
    for each in deletions:
        each.read_keys()
    cascaded = cascade(deletions, hers, keys, using, tables)
    left = acted_on((each.found for each in with_some if each.verb == LEFT), [line.share.found for line in found])
    return Outlook(lines=[*found, *copies, *_gone(cascaded.going), *left], obstacles=cascaded.obstacles)


def _gone(going: Rows) -> Iterator[Line]:
    for (model, alias), those in going.items():
        keys = sorted(those)  # Django takes no set of composite ones
        rows = all_rows(model, alias).filter(pk__in=keys)
        found = Found(model=model, using=alias, part="", rows=rows, ways=(CASCADE,))
        share = Share(found=found, verb="delete", is_cascade=True)
        yield Line(share=share, count=len(keys), ways={CASCADE: len(keys)}, keys=tuple(keys))


def acted_on(acted: Iterable[Found], hers: Sequence[Found]) -> Iterator[Line]:
    """Yield the rows to which the person only ``acted``, without copies of ``hers``: these go with their rows."""
    for each in acted:
        rows = each.rows
        for found in hers if clauses_of(each.model).copy_of else ():
            if found.using == each.using:
                for copies in copies_of(found.rows):
                    if copies.model is each.model:
                        rows = rows.exclude(pk__in=copies.order_by().values("pk"))
        line = _line(Share(found=replace(each, rows=rows), verb=LEFT))
        if line.count:
            yield line


def last_superuser(found: Iterable[Line]) -> str:
    """Return in words that the last active superuser of a database is among the rows; empty if that is not so."""
    return said_before(without_superuser(line.share for line in found))


def _copies(found: list[Line]) -> Iterable[Line]:
    """Return what is a copy of the rows, a line for each model: a copy is one of one row."""
    joined: dict[tuple[str, str], Line] = {}
    for line in found:
        for share in copies_among(line.share):
            one, key = _line(share), (share.name, share.found.using)
            before = joined.get(key, Line(share=share, count=0, ways={}))
            count = before.count + one.count
            joined[key] = replace(
                before,
                count=count,
                ways={COPIES: count},
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


def _numbered(way: str, count: int) -> Phrase:
    return Phrase(gettext_noop("%(count)s %(way)s"), count=str(count), way=way)


def _ways(found: Found, total: int) -> dict[str, int]:
    if len(found.ways) == 1:
        return {found.ways[0]: total}
    counts: Counter[str] = Counter()
    for way in found.by_way:
        counts[way.words] += found.rows.filter(pk__in=way.rows.order_by().values("pk")).count()
    return dict(+counts)
