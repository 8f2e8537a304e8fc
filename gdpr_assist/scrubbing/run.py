"""The steps of a scrub, in their order. Writes through ``execution`` and what it is made of."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import replace

from django.template.defaultfilters import pluralize

from .. import errands
from ..conf import is_strict
from ..copies.files import KeptFiles, hearing_of_kept_files
from ..coverage import check_answers
from ..databases import compaction
from ..databases.aliases import data_aliases, twin
from ..databases.isolation import check_commits
from ..exceptions import AnonymiseError
from ..execution.ranges import end_scrubs
from ..execution.rewriting import written_anew
from ..jobs import keeping
from ..log import identity
from ..planning.markers import markers
from ..planning.plans import Plan
from ..planning.superusers import said_before, takes_last_superuser
from ..signals import post_scrub, pre_scrub
from ..tables import DatabaseIdentity
from . import choice
from .announcing import announce
from .deleting import check_cascades, check_protected, is_deleted
from .emptied import Emptied, emptied, in_order, with_keys
from .emptying import empty
from .ruled import declarations_with_rules
from .spreading import Spread, scrub_tables
from .table import scrub_table
from .telling import NOT_HEARD, NOT_NOTED, Told, told
from .to_empty import chosen_to_empty
from .work import Scrubbing


def prepare(
    databases: Iterable[str] | None = None,
    *,
    only: Iterable[str] = (),
    but: Iterable[str] = (),
    restart: bool = False,
    batch_size: int | None = None,
    marks: bool = True,
    workers: int = 1,
    in_queue: bool = False,
    dry_run: bool = False,
) -> Scrubbing:
    """Return what is to be scrubbed. Writes nothing.

    Raises ``AnonymiseError`` as ``choice.plans``, ``declarations_with_rules``, ``emptied`` and ``with_keys`` do; where
    the site is strict, if it is not said of each column and model what it is; if rows that are left would go with
    those that are deleted, or protect them; and, unless it is a ``dry_run``, if nothing would be committed.
    """
    if is_strict():
        check_answers()
    databases, only, but = list(databases or ()), list(only), list(but)
    chosen = chosen_to_empty(only, but)
    tables = emptied(databases, chosen.models, only)
    on = {each.using for each in tables}
    plans = choice.plans(
        databases, only=chosen.only, but=chosen.but, emptied=chosen, beside=on, instead=declarations_with_rules()
    )
    deleting = [each for each in plans if is_deleted(each.declaration)]
    gone = [each for table in tables for each in table.tables]
    check_protected(deleting, gone)
    check_cascades(deleting, but, gone)
    restart = restart or not marks
    begun = {} if restart else choice.interrupted(plans)
    takers = [each.using for each in plans if takes_last_superuser(each)]
    takers += [each.using for each in tables if each.takes_last_superuser()]
    plans = _in_their_ways(plans, begun, batch_size)
    work = Scrubbing(
        steps=with_keys(in_order(plans, tables)),
        begun=begun,
        restart=restart,
        asked=data_aliases(databases),
        left_out=but,
        is_whole=not (only or but or _shared_with_others(databases)),
        last_superuser=said_before(takers),
        batch_size=batch_size,
        marks=marks,
        workers=workers,
        in_queue=in_queue,
    )
    if not dry_run:
        check_commits(work.aliases)
    return work


def _shared_with_others(databases: list[str]) -> bool:
    """Whether another alias that was not chosen is of the same database: its tables may be in a run, too."""
    chosen = data_aliases(databases)
    others = [each for each in data_aliases() if each not in chosen]
    return any(twin(using, others) for using in chosen)


def _in_their_ways(plans: Iterable[Plan], begun: Collection[tuple[str, str]], size: int | None) -> list[Plan]:
    """Return ``plans`` with the tables written anew, or why they are not."""

    def goes_on(plan: Plan) -> bool:
        return (plan.using, plan.label) in begun

    def why_not(plan: Plan) -> str:
        if size:
            return "--batch-size is given"
        has_done = goes_on(plan) and markers(plan.declaration.model, plan.using).exists()
        return "an interrupted run has done a part of it" if has_done else ""

    plans = [replace(each, counts_marked=goes_on(each)) for each in plans]
    changed = [each for each in plans if not is_deleted(each.declaration)]
    # Those whose rows are deleted come last anyhow.
    return written_anew(changed, why_not) + [each for each in plans if is_deleted(each.declaration)]


# Of a table, or of those that are scrubbed at once: what is done with them, an iterator that does the work and yields
# how many rows are done, and of how many
Follow = Callable[[Plan | Emptied | Spread, Iterator[int], int], object]


def _exhaust(step: Plan | Emptied | Spread, steps: Iterator[int], total: int) -> None:
    deque(steps, maxlen=0)


def _say_nothing(using: str) -> None:
    pass


def scrub(
    work: Scrubbing,
    *,
    compact: bool = True,
    follow: Follow = _exhaust,
    compacting: Callable[[str], object] = _say_nothing,
) -> list[str]:
    """Anonymise or delete every row; return what still holds old values, a sentence with its cure for each.

    ``follow`` runs the work of each table; ``compacting`` is given each alias whose files are about to be rewritten,
    which is not done without ``compact``.

    Raises ``AnonymiseError``, which says what is done and how to go on, and ``Interrupted`` after Ctrl-C.
    """
    _cut_loose(work)
    with told("No row was changed. Mend the receiver, and run the command again."):
        announce(pre_scrub, "pre_scrub", work.aliases)
    anew: list[Plan] = []
    with hearing_of_kept_files() as files:
        for several in work.at_once():
            if isinstance(several, list):
                anew += scrub_tables(Spread(several, marks=work.marks), work.batch_size, follow, work.hands)
            elif isinstance(several, Emptied):
                empty(several, work.batch_size, follow)
            else:
                anew += scrub_table(several, work.batch_size, follow, marks=work.marks)
    with told(NOT_NOTED):
        left = _left(files)
    left += [line for each in work.emptied for line in each.lines_of_files_left()]
    with told(NOT_HEARD):
        announce(post_scrub, "post_scrub", work.aliases)
    # Before the files: whoever fills the copy again after a compaction that failed must find it scrubbed anew.
    with told(NOT_NOTED):
        end_scrubs(work.plans, whole=work.aliases if work.is_whole else ())
        left += [line for using in work.aliases for line in _not_ended(using)]
    if not compact:
        return left + [compaction.left_out(using) for using in work.aliases]
    for number in range(len(work.aliases)):
        try:
            left += _compact(work, work.aliases[number:], anew, compacting)
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


def _not_ended(using: str) -> Iterator[str]:
    """Yield a sentence for runs of other tables that were interrupted, and what of theirs is still there."""
    labels = choice.noted(using)
    if not labels:
        return
    key = ""
    if identity.has_scrub_key(using):
        key = " The key of pseudonyms stays until then: with it, old values can be tried."
    chosen = " ".join(f"--model={label}" for label in labels)
    yield (
        f"{using}: {', '.join(labels)}: a run over it was interrupted, so rows may hold old values.{key} "
        f"Run the command again without --model, or with {chosen}: it goes on where that run stopped, or begins anew "
        "with --restart."
    )


def _cut_loose(work: Scrubbing) -> None:
    with told(
        "No row was changed, though the databases may have a new id by now, which does no harm. Run the command again."
    ):
        identity.cut_loose(work.aliases)
        for using in work.aliases:
            errands.empty(using)
            keeping.empty(using)
        if work.restart:
            end_scrubs(work.plans)


def _compact(work: Scrubbing, aliases: list[str], anew: list[Plan], compacting: Callable[[str], object]) -> list[str]:
    """Compact the first of ``aliases``; if that fails, all of them hold old values still."""
    using, *others = aliases
    plans = [plan for plan in work.plans if plan.using == using]
    models = [each for plan in plans for each in (plan.model, *plan.descendants)]
    models += [each for table in work.emptied if table.using == using for each in table.tables]
    if any(plan.takes_scrub_key for plan in work.plans):
        models.append(DatabaseIdentity)  # its files hold the key, by which old values could be tried
    with told(
        f"All rows are anonymised, but the files of {', '.join(aliases)} still hold old values. Run the command "
        "again: it anonymises them once more, and compacts."
    ):
        compacting(using)
        try:
            return compaction.compact(models, using, [plan.model for plan in anew if plan.using == using])
        except AnonymiseError as error:  # it says all of this one by itself
            also = [f"The files of {', '.join(others)} hold old values too."] if others else []
            raise Told(" ".join([str(error), *also])) from None
