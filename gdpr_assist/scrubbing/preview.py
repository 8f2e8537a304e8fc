"""What a scrub would do, in words: for a dry run, and for whoever is asked. Writes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from django.db import connections
from django.template.defaultfilters import pluralize

from ..copies import keeper
from ..coverage import not_registered, staying
from ..databases.aliases import twin
from ..declaring.meta import all_rows
from ..declaring.rules import field_label
from ..log.reconciliation import shown
from ..planning.plans import Plan
from ..planning.preview import Preview, preview
from ..registry import registry
from .choice import never_scrubbed_rows
from .deleting import going_with, is_deleted
from .emptied import Emptied
from .leaving import with_left
from .work import Scrubbing


@dataclass(frozen=True, kw_only=True)
class Table:
    """What a scrub does with the rows of one table. As text, a line of plain words; printing it asks no database."""

    plan: Plan | Emptied
    rows: int
    left: int = 0
    """How many rows of it stay, as ``PrivacyMeta.scrub`` says."""

    numbers: Preview | None = None
    """None where the rows are deleted."""

    going: tuple[str, ...] = ()
    """Labels of the models of which rows go with deleted ones by cascade."""

    nulled: tuple[str, ...] = ()
    """Labels of the keys that become NULL where a table is emptied."""

    started: datetime | None = None
    """When the interrupted run was started that is gone on with."""

    @property
    def does(self) -> str:
        """Return what is done with the rows, in a word for JSON."""
        if self.numbers:
            return "anonymise"
        return "empty" if isinstance(self.plan, Emptied) else "delete"

    @property
    def done(self) -> int:
        """How many rows such a run has done."""
        return self.numbers.marked - self.numbers.refilled if self.numbers and self.started else 0

    def __str__(self) -> str:
        left = f"; {self.left} row{pluralize(self.left)} left out by scrub" if self.left else ""
        if self.numbers is None:
            how = "all deleted (the table is emptied)" if isinstance(self.plan, Emptied) else "deleted (on_erasure)"
            text = f"{self.plan.label}: {self.rows} row{pluralize(self.rows)}, {how}"
            with_ = "with the rows" if isinstance(self.plan, Emptied) else "with what goes by cascade: rows"
            also = f", {with_} of {', '.join(self.going)}" if self.going else ""
            if self.nulled:
                also += f"; {', '.join(self.nulled)} {pluralize(len(self.nulled), 'becomes,become')} NULL"
            return f"{self.plan.using}: {text}{also}{left}"
        if self.started is None:
            return f"{self.plan.using}: {self.numbers}{left}"
        done = f"{self.done} of {self.rows} rows are done (--restart scrubs them again)"
        goes_on = f"goes on where the run of {shown(self.started)} stopped: {done}"
        return f"{self.plan.using}: {self.numbers.counted}{left}; {goes_on}"


def described(work: Scrubbing) -> Iterator[str]:
    """Yield a line for each table with its numbers, for what is left as it is, and for what goes with the rows."""
    yield from map(str, tables(work))
    yield from beside(work)


def tables(work: Scrubbing) -> Iterator[Table]:
    """Yield what is done with each table."""
    for plan in work.steps:
        if isinstance(plan, Emptied):
            going = tuple(each._meta.label for each in plan.tables if each is not plan.model)
            yield Table(plan=plan, rows=plan.count(), going=going, nulled=tuple(map(field_label, plan.keys)))
        elif is_deleted(plan.declaration):
            count = plan.count()
            left = 0 if plan.is_for_all else all_rows(plan.declaration.model, plan.using).count() - count
            going = tuple(sorted(each._meta.label for each in going_with(plan)))
            yield Table(plan=plan, rows=count, left=left, going=going)
        else:
            numbers = with_left(preview(plan))
            started = work.begun.get((plan.using, plan.label))
            yield Table(plan=plan, rows=numbers.rows, left=numbers.left, numbers=numbers, started=started)


def beside(work: Scrubbing) -> Iterator[str]:
    """Yield a line for what is left as it is, and for what goes with the rows."""
    for using, label, count in never_scrubbed_rows(work.asked, [table.model for table in work.emptied]):
        are = pluralize(count, "it is,they are")
        yield (
            f"{using}: {label}: {count} row{pluralize(count)} kept as {are}, as its PrivacyMeta says "
            "can_anonymise = False."
        )
    for label in work.left_out:
        yield f"{label}: left as it is, with all personal data in it."
    for using in sorted(set(work.asked) - set(work.aliases)):
        same = twin(using, work.aliases)
        if same:
            yield f"{using}: the same database as {same}, which is scrubbed once."
        else:
            yield f"{using}: left as it is, none of the tables is there."
    yield from _spread(work)
    for text in _beside_rows(work):
        yield f"Erased with the rows: {text}."
    for each in work.emptied:
        yield from each.lines_of_files_left()
    if work.last_superuser:
        yield work.last_superuser


def _spread(work: Scrubbing) -> Iterator[str]:
    """Yield which tables are scrubbed by several processes, and of the others why not."""
    if not work.is_spread:
        return
    who = "the workers of the queue" if work.in_queue else f"{work.workers} processes"
    reasons: dict[str, list[str]] = {}
    for step in work.steps:
        reasons.setdefault(work.why_alone(step), []).append(f"{step.label} on {step.using}")
    for why, tables in sorted(reasons.items()):
        by_whom = f"the command alone, as {why}" if why else f"{who} at once"
        yield f"Done by {by_whom}: {', '.join(tables)}."


def _beside_rows(work: Scrubbing) -> list[str]:
    return keeper.describe([*work.plans, *(each.plan for each in work.emptied if each.plan)])


def untouched(work: Scrubbing) -> Iterator[str]:
    """Yield what a scrub leaves as it is: columns of its tables, other registered models, and those that are not."""
    declarations = {each: plan.declared(each) for plan in work.plans for each in (plan.model, *plan.descendants)}
    for declared in declarations.values():
        if not is_deleted(declared) and (columns := staying(declared)):
            yield f"{declared.label}: left as they are: {', '.join(columns)}."
    scrubbed = [*declarations, *(model for table in work.emptied for model in table.tables)]
    for what, models in (
        ("Registered, and not scrubbed", [model for model in registry.models if model not in scrubbed]),
        ("Not registered, so left as they are", [model for model in not_registered() if model not in scrubbed]),
    ):
        if models:
            yield f"{what}: {', '.join(model._meta.label for model in models)}."


def warning(work: Scrubbing) -> str:
    """Return what somebody has to know who is asked whether to do it."""
    names = ", ".join(f"{connections[using].settings_dict['NAME']} ({using})" for using in work.aliases)
    copies = _beside_rows(work)
    also = f", and erases with the rows {'; '.join(copies)}" if copies else ""
    does = "anonymises, or deletes," if work.deleting or work.emptied else "anonymises"
    text = f"This {does} all of the above in {names}{also}. It cannot be undone."
    return f"{text} {work.last_superuser}".rstrip()


def done(work: Scrubbing) -> str:
    """Return what was done, in a line."""
    deleted = len(work.deleting)
    anonymised = len(work.plans) - deleted
    also = f", and deleted the rows of {deleted}" if deleted else ""
    if emptied := len(work.emptied):
        also += f", and emptied {emptied} table{pluralize(emptied)}"
    unmarked = "" if work.marks else " Rows are not marked: gdpr_verify does not know that they are anonymised."
    return f"Anonymised {anonymised} table{pluralize(anonymised)}{also}. No event was logged.{unmarked}"
