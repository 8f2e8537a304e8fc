"""What a scrub would do, in words: for a dry run, and for whoever is asked. Writes nothing."""

from __future__ import annotations

from collections.abc import Iterator

from django.db import connections
from django.template.defaultfilters import pluralize

from ..copies import keeper
from ..coverage import not_registered, staying
from ..databases.aliases import twin
from ..log.reconciliation import shown
from ..planning.plans import Plan
from ..planning.preview import preview
from ..registry import registry
from .choice import never_scrubbed_rows
from .leaving import with_left
from .run import Scrubbing


def described(work: Scrubbing) -> Iterator[str]:
    """Yield a line for each table with its numbers, for what is left as it is, and for what goes with the rows."""
    for plan in work.plans:
        yield f"{plan.using}: {_numbers(work, plan)}"
    for using, label, count in never_scrubbed_rows(work.asked):
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
    for text in keeper.describe(work.plans):
        yield f"Erased with the rows: {text}."
    if work.last_superuser:
        yield work.last_superuser


def _numbers(work: Scrubbing, plan: Plan) -> str:
    started, numbers = work.begun.get((plan.using, plan.label)), with_left(preview(plan))
    left = f"; {numbers.left} row{pluralize(numbers.left)} left out by scrub" if numbers.left else ""
    if started is None:
        return f"{numbers}{left}"
    scrubbed = numbers.marked - numbers.refilled
    return (
        f"{numbers.counted}{left}; goes on where the run of {shown(started)} stopped: {scrubbed} of {numbers.rows} "
        "rows are done (--restart scrubs them again)"
    )


def untouched(work: Scrubbing) -> Iterator[str]:
    """Yield what a scrub leaves as it is: columns of its tables, other registered models, and those that are not."""
    scrubbed = list(dict.fromkeys(model for plan in work.plans for model in (plan.model, *plan.descendants)))
    for declared in map(registry.declaration, scrubbed):
        if columns := staying(declared):
            yield f"{declared.label}: left as they are: {', '.join(columns)}."
    for what, models in (
        ("Registered, and not scrubbed", [model for model in registry.models if model not in scrubbed]),
        ("Not registered, so left as they are", not_registered()),
    ):
        if models:
            yield f"{what}: {', '.join(model._meta.label for model in models)}."


def warning(work: Scrubbing) -> str:
    """Return what somebody has to know who is asked whether to do it."""
    names = ", ".join(f"{connections[using].settings_dict['NAME']} ({using})" for using in work.aliases)
    copies = keeper.describe(work.plans)
    also = f", and erases with the rows {'; '.join(copies)}" if copies else ""
    text = f"This anonymises all of the above in {names}{also}. It cannot be undone."
    return f"{text} {work.last_superuser}".rstrip()
