"""The steps of a scrub, in their order. Writes through ``execution`` and what it is made of."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime

from django.db import Error
from django.template.defaultfilters import pluralize

from .. import errands
from ..conf import is_strict
from ..copies.files import KeptFiles, hearing_of_kept_files
from ..coverage import check_answers
from ..databases import compaction
from ..databases.aliases import data_aliases
from ..databases.failures import failure
from ..databases.isolation import check_commits
from ..exceptions import AnonymiseError
from ..execution.emptying import delete_in_ranges
from ..execution.ranges import begin_scrub, end_scrubs, execute_in_ranges
from ..log import identity
from ..planning.plans import Plan
from ..planning.superusers import said_before, takes_last_superuser
from . import choice
from .deleting import check_cascades, check_protected, is_deleted

AGAIN = "Run the command again, without --restart: it goes on where it stopped."

# Of a table: its plan, an iterator that does the work and yields how many rows are done, and how many there are to do
Follow = Callable[[Plan, Iterator[int], int], object]


class Interrupted(AnonymiseError):
    """Somebody has stopped it; it says what is done."""


@dataclass(frozen=True, kw_only=True)
class Scrubbing:
    """What is to be scrubbed."""

    plans: list[Plan]
    begun: dict[tuple[str, str], datetime]
    """{(alias, label of the model): when a run that was interrupted, and is gone on with, was started}"""

    restart: bool
    """Whether rows that such a run has done are scrubbed again."""

    asked: list[str]
    """The aliases that were chosen: some may hold none of the tables, or be another name of a database."""

    left_out: list[str]
    """Labels of models that are left as they are, since somebody said so."""

    last_superuser: str = ""
    """That no active superuser would be left, in words."""

    @property
    def deleting(self) -> list[Plan]:
        """Those of the plans of which the rows are deleted."""
        return [plan for plan in self.plans if is_deleted(plan.declaration)]

    @property
    def aliases(self) -> list[str]:
        return list(dict.fromkeys(plan.using for plan in self.plans))


def prepare(
    databases: Iterable[str] | None = None,
    *,
    only: Iterable[str] = (),
    but: Iterable[str] = (),
    restart: bool = False,
    dry_run: bool = False,
) -> Scrubbing:
    """Return what is to be scrubbed. Writes nothing.

    Raises ``AnonymiseError`` as ``choice.plans`` does; where the site is strict, if it is not said of each column and
    model what it is; if rows that are left would go with those that are deleted, or protect them; and, unless it is
    a ``dry_run``, if nothing would be committed.
    """
    if is_strict():
        check_answers()
    databases, but = list(databases or ()), list(but)
    plans = choice.plans(databases, only=only, but=but)
    deleting = [each for each in plans if is_deleted(each.declaration)]
    check_protected(deleting)
    check_cascades(deleting, but)
    begun = {} if restart else choice.interrupted(plans)
    work = Scrubbing(
        plans=[replace(each, counts_marked=(each.using, each.label) in begun) for each in plans],
        begun=begun,
        restart=restart,
        asked=data_aliases(databases),
        left_out=but,
        last_superuser=said_before(each.using for each in plans if takes_last_superuser(each)),
    )
    if not dry_run:
        check_commits(work.aliases)
    return work


def _exhaust(plan: Plan, steps: Iterator[int], total: int) -> None:
    deque(steps, maxlen=0)


def _say_nothing(using: str) -> None:
    pass


def scrub(
    work: Scrubbing,
    *,
    batch_size: int | None = None,
    compact: bool = True,
    follow: Follow = _exhaust,
    compacting: Callable[[str], object] = _say_nothing,
) -> list[str]:
    """Anonymise or delete every row; return what still holds old values, a sentence with its cure for each.

    ``batch_size`` is how many rows are changed in one transaction, by default as many as the database likes.
    ``follow`` runs the work of each table; ``compacting`` is given each alias whose files are about to be rewritten,
    which is not done without ``compact``.

    Raises ``AnonymiseError``, which says what is done and how to go on, and ``Interrupted`` after Ctrl-C.
    """
    _cut_loose(work)
    with hearing_of_kept_files() as files:
        for plan in work.plans:
            _scrub_table(plan, batch_size, follow)
    # Before the files: whoever fills the copy again after a compaction that failed must find it scrubbed anew.
    with told(f"All rows are anonymised, but it could not be noted that the run has ended. {AGAIN}"):
        left = _left(files)
        end_scrubs(work.plans)
    if not compact:
        return left + [compaction.left_out(using) for using in work.aliases]
    for number in range(len(work.aliases)):
        try:
            left += _compact(work, work.aliases[number:], compacting)
        except AnonymiseError as error:
            raise type(error)(" ".join([str(error), *left])) from None
    return left


def _left(files: KeptFiles) -> list[str]:
    """Delete the files that the last row has let go, and return a sentence for the fields of those that stay."""
    return [
        f"{each.what}: {each.count} stored file{pluralize(each.count)} of erased rows "
        f"{pluralize(each.count, 'is,are')} still there: {each.reason}. Delete what says who somebody is by hand."
        for each in files.settle()
    ]


def _cut_loose(work: Scrubbing) -> None:
    with told(
        "No row was changed, though the databases may have a new id by now, which does no harm. Run the command again."
    ):
        identity.cut_loose(work.aliases)
        for using in work.aliases:
            errands.empty(using)
        if work.restart:
            end_scrubs(work.plans)


def _scrub_table(plan: Plan, size: int | None, follow: Follow) -> None:
    tally = Tally(plan)
    with told(tally, AGAIN):
        tally.total = plan.count()
        if not is_deleted(plan.declaration) and begin_scrub(plan) is not None:
            tally.before = plan.marked().count()
        try:
            follow(plan, tally.follow(size), tally.total - tally.before)
        except AnonymiseError as error:
            raise Told(f"{_without_its_own(error)} {tally} Mend this. {AGAIN}") from None


def _compact(work: Scrubbing, aliases: list[str], compacting: Callable[[str], object]) -> list[str]:
    """Compact the first of ``aliases``; if that fails, all of them hold old values still."""
    using, *others = aliases
    plans = [plan for plan in work.plans if plan.using == using]
    with told(
        f"All rows are anonymised, but the files of {', '.join(aliases)} still hold old values. Run the command "
        "again: it anonymises them once more, and compacts."
    ):
        compacting(using)
        try:
            return compaction.compact([model for plan in plans for model in (plan.model, *plan.descendants)], using)
        except AnonymiseError as error:  # it says all of this one by itself
            also = [f"The files of {', '.join(others)} hold old values too."] if others else []
            raise Told(" ".join([str(error), *also])) from None


class Told(AnonymiseError):
    """It says already what is done."""


@dataclass
class Tally:
    """How far the scrub of one table is; as text, what to say of it when it breaks off."""

    plan: Plan
    total: int | None = None
    before: int = 0
    """How many rows an interrupted run has done."""
    scrubbed: int = 0
    """How many rows this run has done."""

    def follow(self, size: int | None) -> Iterator[int]:
        work = delete_in_ranges if is_deleted(self.plan.declaration) else execute_in_ranges
        for scrubbed in work(self.plan, size):
            self.scrubbed = scrubbed
            yield scrubbed

    def __str__(self) -> str:
        table = f"{self.plan.label} on {self.plan.using}"
        if self.total is None:
            return f"{table}: this run has changed no row yet."
        are = pluralize(self.total, "row is,rows are")
        rows = self.before + self.scrubbed
        return f"{table}: {rows} of {self.total} {are} done; what was in the making was rolled back."


@contextmanager
def told(progress: str | Tally, again: str = "") -> Iterator[None]:
    """Turn what breaks the block off into an ``AnonymiseError`` that says what is done, and how to go on."""
    try:
        yield
    except KeyboardInterrupt:
        raise Interrupted(f"Interrupted. {progress} {again}".rstrip()) from None
    except Told:
        raise
    except AnonymiseError as error:
        raise Told(f"{progress} {_without_its_own(error)}") from None
    except Error as error:
        raise Told(f"{failure(error)} {progress} {again}".rstrip()) from None


def _without_its_own(error: AnonymiseError) -> str:
    """Return what ``error`` says without what it says is done: that of one transaction is not true of a scrub."""
    return str(error).replace(" Nothing was changed.", "").replace("; nothing was changed", "")
