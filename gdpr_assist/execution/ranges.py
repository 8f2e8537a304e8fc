"""Whole tables, range by range, each in a transaction of its own: for scrubbing a copy. Logs nothing."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from operator import itemgetter
from typing import Any

from django.db import transaction
from django.db.models import Max, Model, Q, QuerySet
from django.utils import timezone

from ..copies.rows import key_texts
from ..databases.rows import batch_size, locked, pages
from ..databases.transactions import check_no_rollback
from ..declaring.keys import key_text
from ..declaring.meta import all_rows
from ..log import identity, writing
from ..planning.markers import has_marker, is_marked, markers
from ..planning.plans import Plan
from ..planning.plans import plan as make_plan
from ..registry import registry
from ..sensitive import sensitive
from ..signals import rows_anonymised
from ..switches import switched_off
from ..tables import Scrub
from ..undocumented import link_to
from .claims import all_claims
from .effects import references_kept, unchanged
from .marking import forget_markers, insert_markers
from .objects import anonymise, clear, with_key
from .refusals import explained_refusals
from .run import Run, scrubbing
from .ways import rows_per_range, way_of


@sensitive
def begin_scrub(plan: Plan) -> Scrub | None:
    """Forget which rows of the plan's table were anonymised before, so that all of them are scrubbed.

    Where an earlier run was interrupted, its markers say which rows it has done: then they stay, but for rows that
    were filled again since, and what that run noted is returned.
    """
    with explained_refusals(plan), transaction.atomic(using=plan.using):
        scrub, is_new = Scrub.objects.using(plan.using).get_or_create(
            label=plan.label, defaults={"started": timezone.now()}
        )
        if is_new:
            forget_all_markers(plan)
        else:
            for model in (plan.declaration.model, *plan.descendants):
                _forget_refilled(plan, model)
        if plan.takes_scrub_key:
            identity.make_scrub_key(plan.using)
    return None if is_new else scrub


def forget_all_markers(plan: Plan) -> None:
    """Remove every marker of the plan's table, and of those of its objects that are scrubbed with it."""
    for model in (plan.declaration.model, *plan.descendants):
        markers(model, plan.using).delete()


@sensitive
def begin_scrub_without_marks(plan: Plan) -> None:
    """Have a key for the pseudonyms of a run of which nothing is noted; ``end_scrubs`` throws it away all the same."""
    if plan.takes_scrub_key:
        with explained_refusals(plan), transaction.atomic(using=plan.using):
            identity.make_scrub_key(plan.using)


def _forget_refilled(plan: Plan, model: type[Model]) -> None:
    """Remove the markers of refilled rows of ``model``, and of the rows of its parents through which it is reached."""
    owners = [each for each in (plan.declaration.model, *plan.descendants) if issubclass(model, each)]
    links: list[Any] = [model._meta.pk if each is model else link_to(model, each) for each in owners]
    refilled = make_plan(all_rows(model, plan.using), instead=plan.instead).refilled()
    rows = refilled.values_list("pk", *(link.attname for link in links))
    for page in pages(rows, batch_size(plan.using), key=itemgetter(0)):
        for owner, keys in zip(owners, list(zip(*page, strict=True))[1:], strict=True):
            forget_markers(owner, keys, plan.using)


def end_scrubs(plans: Iterable[Plan], whole: Iterable[str] = ()) -> None:
    """Note that the run over ``plans`` has come to its end: the next one begins anew.

    On the aliases of ``whole`` it was a run over all tables: what is noted of others there, as of a model that is not
    scrubbed any more, nobody goes on with.

    On each database at once: if it were killed in between, the next run would do some tables again, and others not.
    The key of its pseudonyms goes with the last note: another run, of other tables, may still be interrupted. Markers
    of models that are not registered go too: nobody would remove that of a row which is deleted.
    """
    whole = set(whole)
    ended: dict[str, list[Plan]] = defaultdict(list, {using: [] for using in whole})
    for plan in plans:
        ended[plan.using].append(plan)
    for using, theirs in ended.items():
        with transaction.atomic(using=using):
            for model in (each.declaration.model for each in theirs if each.declaration.model not in registry):
                markers(model, using).delete()
            notes = Scrub.objects.using(using)
            (notes if using in whole else notes.filter(label__in=[each.label for each in theirs])).delete()
            if not notes.exists():
                identity.forget_scrub_key(using)


def can_leave_no_marks(plan: Plan) -> bool:
    """Whether the rows of ``plan`` can be scrubbed without markers that say, meanwhile, which of them are done."""
    return plan.is_for_all and not why_keys(plan, Run(writing.Erasure(plan.using), is_scrub=True))


@sensitive
def execute_in_ranges(plan: Plan, size: int | None = None, *, marks: bool = True, expected: int = 0) -> Iterator[int]:
    """Anonymise the unmarked rows of ``plan`` range by range, each in a transaction of its own.

    Yield the number of rows done so far. Each range has ``size`` rows, by default as many as the database likes. Logs
    nothing: for scrubbing a copy. Without ``marks``, all rows, of which none is marked: see ``can_leave_no_marks``.
    Where no more than ``size`` rows are ``expected``, one range has all of them.
    """
    anonymised = 0
    run = Run(writing.Erasure(plan.using), is_scrub=True)
    if not why_keys(plan, run):
        rows = _to_do(plan, marks)
        for lower, upper in _ranges(rows, size or rows_per_range(plan, run), expected):
            bounds = _between(lower, upper)
            with of_its_own(plan):
                anonymised += _anonymise_range(plan, rows.filter(bounds), bounds, run, marks=marks)
            yield anonymised
        return
    plan = replace(plan, force=False)  # the markers say which rows this run, or one it resumes, has done
    claims = all_claims(plan, run, size)
    while True:
        # The rows are locked as they are read.
        with of_its_own(plan):
            claimed = next(claims, None)
            if claimed is None:
                return
            anonymised += anonymise(plan, claimed, run, {plan.declaration.model})
        yield anonymised


def ranges(plan: Plan, size: int | None = None, *, marks: bool = True) -> Iterator[tuple[Any, Any]]:
    """Yield (lower, upper) of ranges of ``plan``, each for ``execute_range``: None where a range has no such end.

    The rows are those above the key ``lower``, up to the key ``upper``. See ``why_keys`` for who has any.
    """
    run = Run(writing.Erasure(plan.using), is_scrub=True)
    return _ranges(_to_do(plan, marks), size or rows_per_range(plan, run))


@sensitive
def execute_range(plan: Plan, lower: Any, upper: Any, *, marks: bool = True, is_first: bool = False) -> int:
    """Anonymise the unmarked rows of one of the ``ranges`` of ``plan`` in a transaction; return their number.

    Several processes may do so at once, also with the same range: with ``marks``, each row is anonymised by one only.
    That takes half of the time; ``is_first`` says that nobody else has, or had, this range in this run, nor a former
    one that is gone on with.
    """
    bounds = _between(lower, upper)
    with of_its_own(plan):
        if marks and not is_first:
            # Whoever does the same waits here, and reads the markers of the other one afterwards.
            same = all_rows(plan.declaration.model, plan.using).filter(bounds).order_by("pk")
            deque(locked(same, plan.using).values_list("pk"), maxlen=0)
        rows = _to_do(plan, marks and not is_first).filter(bounds)
        return _anonymise_range(plan, rows, bounds, Run(writing.Erasure(plan.using), is_scrub=True), marks=marks)


@contextmanager
def of_its_own(plan: Plan) -> Iterator[None]:
    """A transaction for one range. Not around several: what a generator enters is entered for whoever iterates."""
    with (
        writing.suspended(),
        explained_refusals(plan),
        transaction.atomic(using=plan.using),
        switched_off(plan.using),
        scrubbing(),
    ):
        yield
        check_no_rollback(plan.using)


def why_keys(plan: Plan, run: Run) -> str:
    """Return why somebody has to know which rows a range has, not only where it begins and ends; empty if nobody."""
    if plan.has_relatives:
        return "its objects have parts in other tables"
    if plan.way.sends_signals or rows_anonymised.has_listeners(plan.declaration.model):
        return "receivers are told of its rows"
    if run.keepers.concerned(plan.declaration):
        return "files, or copies in other apps, go with its rows"
    return "the database cannot write its keys as texts" if key_text(plan.declaration.model) is None else ""


def _anonymise_range(plan: Plan, rows: QuerySet[Any], bounds: Q, run: Run, *, marks: bool) -> int:
    """Anonymise and mark ``rows``, those within ``bounds`` that have no marker; return their number.

    Where the plan is for some rows only, markers come first: what was changed may match no more.
    """
    if not plan.is_for_all:
        newest = markers(plan.declaration.model, plan.using).aggregate(Max("pk"))["pk__max"] or 0
        expected = insert_markers(plan, rows)
        now = Q(has_marker(plan.declaration.model, plan.using, plan.part, pk__gt=newest))
        rows = all_rows(plan.declaration.model, plan.using).filter(bounds, now)
    with with_key(plan, run), references_kept(plan, rows):
        changed = way_of(plan).change(plan, rows, run)
    if plan.clears:
        clear(plan, rows.order_by().values("pk"), key_texts(rows))
    if plan.is_for_all:
        expected = insert_markers(plan, rows) if marks else _there(plan, rows, changed, run)
    run.write_notes(plan)
    if changed < expected:
        raise unchanged(plan, expected - changed)
    return expected


def _there(plan: Plan, rows: QuerySet[Any], changed: int, run: Run) -> int:
    """Return the number of ``rows``: those that the database says it has changed, unless it may have left some."""
    interference = run.interference(plan)
    return rows.count() if interference.changes or interference.hides else changed


def _to_do(plan: Plan, marks: bool) -> QuerySet[Any]:
    rows = plan.rows()
    if marks and markers(plan.declaration.model, plan.using).exists():
        rows = rows.exclude(is_marked(plan.declaration, plan.using, plan.part))
    return rows


def _ranges(rows: QuerySet[Any], size: int, expected: int = 0) -> Iterator[tuple[Any, Any]]:
    """Yield the ends of ranges of ``rows``, each up to the key that is ``size`` rows further.

    The last one has no upper end: it has the rows that came since, too.
    """
    lower, keys = None, rows.order_by("pk").values_list("pk", flat=True)
    is_one = 0 < expected <= size
    while True:
        upper = None if is_one else keys.filter(_between(lower, None))[size - 1 : size].first()
        yield lower, upper
        if upper is None:
            return
        lower = upper


def _between(lower: Any, upper: Any) -> Q:
    ends = {"pk__gt": lower, "pk__lte": upper}
    return Q(**{lookup: end for lookup, end in ends.items() if end is not None})
