"""What becomes of the rows of a person, as their declarations say; and what became of them, in numbers."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from django.db.models import Model, QuerySet
from django.template.defaultfilters import pluralize
from django.utils.translation import gettext_noop

from ..copies.rows import copies_of
from ..declaring.clauses import DELETED, Keep
from ..execution.execute import Result
from ..paths import clauses_of
from ..phrases import Phrase
from ..planning.parts import part_of_person
from ..planning.plans import Force, Plan, plan
from ..planning.superusers import goes_with, takes_last_superuser
from ..registry import registry
from .finding import Found, FoundBy, joined_ways
from .person import Keys, Tables
from .sharing import link_rows, without_others

# Why a row stays of which a party has seen something, and owns nothing
SEEN = Phrase(gettext_noop("another's; this person has seen it"))

# Why other rows stay
SHARED = Phrase(gettext_noop("about somebody else too"))
# Translators: the ground on which rows stay
UNABLE = Phrase(gettext_noop("declared as not to be anonymised"))

# Why they stay, in words
KEPT = gettext_noop("kept (%(ground)s)")

# Of rows that are not about the person: nobody's erasure but theirs changes them.
LEFT = "leave"

# The way to a row that is a copy of one that was found
COPIES = Phrase(gettext_noop("copies of the above"))

# The way to a row that goes with one that is deleted
CASCADE = Phrase(gettext_noop("by cascade"))

# Why rows that were erased before are still there
REFILLED = Phrase(gettext_noop("refilled since it was erased: force=True"))

# The way to a row that only leads to one that is shared
LINK = gettext_noop("link to %(model)s")


@dataclass(frozen=True, kw_only=True)
class Reason:
    """Why so many rows of a model are not erased."""

    label: str
    count: int
    reason: str

    def __str__(self) -> str:
        return f"{self.label}: {self.count} row{pluralize(self.count)}, {self.reason}"


@dataclass(frozen=True, kw_only=True)
class SubjectResult:
    """What the erasure of a person did, and what it did not."""

    operations: dict[str, UUID]
    """{alias: id of the operation in the log}"""

    erased: dict[str, int] = field(default_factory=dict)
    """{label, with the part: rows that were anonymised}"""

    deleted: dict[str, int] = field(default_factory=dict)
    """{label: rows that were deleted because their declaration says so, and those that went with them by cascade}"""

    copies: dict[str, int] = field(default_factory=dict)
    """{label: rows that were erased because they are copies of these (``copy_of``)}"""

    kept: list[Reason] = field(default_factory=list)
    """What stays, on which ground."""

    left: list[Reason] = field(default_factory=list)
    """What was to go and is still there, and why."""

    uncertain: list[Reason] = field(default_factory=list)
    """Rows that may be about the person. They were left as they are."""

    without_superuser: list[str] = field(default_factory=list)
    """Aliases on which the last active superuser was among the rows: nobody is left who may do everything."""

    residue: dict[str, int] = field(default_factory=dict)
    """{"table.column on alias": rows in which something of the person was found afterwards}, with ``residue=True``"""

    unread: dict[str, str] = field(default_factory=dict)
    """{"table on alias": why it was not looked for there}"""

    def lines(self) -> Iterator[str]:
        """Yield it in words."""
        yield from (f"{using}: operation {operation}" for using, operation in self.operations.items())
        yield from (f"{label}: {count} anonymised" for label, count in self.erased.items())
        yield from (f"{label}: {count} deleted" for label, count in self.deleted.items())
        yield from (f"{label}: {count} erased, copies of these" for label, count in self.copies.items())
        yield from (f"Left as they are: {reason}" for reason in (*self.kept, *self.left, *self.uncertain))
        yield from (
            f"{using}: no active superuser is left; make one with createsuperuser" for using in self.without_superuser
        )
        yield from (f"Still found: {place}: {count} row{pluralize(count)}" for place, count in self.residue.items())
        yield from (f"Not looked at: {place}: {why}" for place, why in self.unread.items())


@dataclass(frozen=True, kw_only=True)
class Share:
    """What becomes of some rows of a person."""

    found: Found
    verb: str
    """``"anonymise"``, ``"delete"`` or ``"keep"``; ``"leave"`` where the person only did something to the rows."""

    plan: Plan | None = None
    ground: str = ""
    is_copy: bool = False
    """Whether they are copies of other rows of hers, and go with these."""

    is_cascade: bool = False
    """Whether they are deleted with rows of hers that are, as Django does it."""

    @property
    def label(self) -> str:
        return self.found.label

    @property
    def name(self) -> str:
        """The label, with that of the part if it is one."""
        return self.plan.name if self.plan else self.label

    @property
    def staying(self) -> dict[str, str]:
        """{personal field that stays though the rest of the row is anonymised: why}"""
        if self.plan is None:
            return {}
        clauses = clauses_of(self.found.model)
        others = {
            name: Phrase(gettext_noop("it belongs to the %(party)s, if there is one"), party=other)
            for other, party in clauses.parties.items()
            for name in party.erases
            if self.found.part and name not in self.plan.fields
        }
        return {**others, **{name: keep.ground for name, keep in clauses.kept.items()}}


def shares(
    found: Iterable[Found], force: Force, keys: Keys, tables: Tables, *, people_go: bool = False
) -> Iterator[Share]:
    """Yield what becomes of ``found``, and of what links shared rows to the person, whose own rows have ``keys``.

    With ``people_go`` these are deleted, and links with them.
    """
    found = list(found)
    for each in found:
        declared = registry.declaration(each.model)
        clauses = declared.clauses
        if each.is_shared:
            yield Share(found=each, verb="keep", ground=SHARED)
        elif isinstance(clauses.on_erasure, Keep):
            yield Share(found=each, verb="keep", ground=clauses.on_erasure.ground)
        elif clauses.on_erasure == DELETED:
            yield Share(found=each, verb="delete")
        elif not declared.meta.can_anonymise:
            yield Share(found=each, verb="keep", ground=UNABLE)
        elif not each.part or each.part in declared.parts:
            part = each.part or part_of_person(each.model)
            yield Share(found=each, verb="anonymise", plan=plan(each.rows, force=force, part=part))
            yield from _of_nobody(each, found, force, tables)
        else:
            yield Share(found=each, verb="keep", ground=SEEN)
    yield from _links(found, keys, people_go)


def _of_nobody(found: Found, every: list[Found], force: Force, tables: Tables) -> Iterator[Share]:
    """Yield what becomes of the columns of parties who are nobody, where the person is the last of the others."""
    if not found.part:
        return
    hers: dict[str, list[QuerySet[Any]]] = defaultdict(list)
    for each in every:
        if (each.model, each.using) == (found.model, found.using) and not each.is_shared:
            hers[each.part].append(each.rows.order_by())
    for party, rows in without_others(found.rows, found.part, hers, tables):
        theirs = replace(found, part="", rows=rows, ways=(f"without {party}",), by_way=())
        yield Share(found=theirs, verb="anonymise", plan=plan(rows, force=force, part=party))


def _links(every: list[Found], keys: Keys, people_go: bool) -> Iterator[Share]:
    """Yield the links that go: one may be that of several models, and is one row."""
    ways: dict[tuple[type[Model], str], list[FoundBy]] = defaultdict(list)
    for each in every:
        for rows in link_rows(each.rows, keys, each.part, people_go=people_go) if each.is_shared else ():
            ways[rows.model, each.using].append(FoundBy(part="", words=Phrase(LINK, model=each.label), rows=rows))
    for (model, alias), those in ways.items():
        yield from (Share(found=found, verb="delete") for found in joined_ways(model, alias, those))


def without_superuser(shares: Iterable[Share]) -> list[str]:
    """Return the aliases on which no active superuser would be left after ``shares``."""
    return [
        each.found.using
        for each in shares
        if (takes_last_superuser(each.plan) if each.plan else each.verb == "delete" and goes_with(each.found.rows))
    ]


def copies_among(share: Share) -> Iterator[Share]:
    """Yield what becomes of the rows that are copies of those of ``share``, if these are erased."""
    if share.verb in ("keep", LEFT):
        return
    for rows in copies_of(share.found.rows):
        found = Found(model=rows.model, using=share.found.using, part="", rows=rows, ways=(COPIES,))
        for each in shares([found], force=False, keys={}, tables=Tables()):
            yield replace(each, is_copy=True)


def left(plans: Iterable[Plan], results: Iterable[Result], force: Force) -> Iterator[Reason]:
    """Yield what was erased before, and is filled again."""
    for each, result in zip(plans, results, strict=True):
        if result.skipped and not force and (count := each.refilled().count()):
            yield Reason(label=each.name, count=count, reason=REFILLED)


def all_kept(shares: Iterable[Share]) -> Iterator[Reason]:
    """Yield how many rows of each model stay, and on which ground."""
    counts: Counter[tuple[str, str]] = Counter()
    for each in shares:
        if each.verb == "keep":
            counts[each.label, kept_on(each.ground)] += each.found.rows.count()
    for (label, reason), count in (+counts).items():
        yield Reason(label=label, count=count, reason=reason)


def kept_on(ground: str) -> Phrase:
    return Phrase(KEPT, ground=ground)
