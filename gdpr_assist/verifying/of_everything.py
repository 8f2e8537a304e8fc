"""What ``gdpr_verify`` finds in all rows of all models, as findings of the same kind as of a person. Reads only."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from ..conf import log_database
from ..planning.plans import Plan
from ..planning.preview import Preview
from ..scrubbing.verification import Verification
from .findings import ANONYMISED, MISSED, REFILLED, Finding, again, joined
from .of_operation import PERHAPS, THERE, UNKNOWN


def of_everything(verification: Verification, *, every: bool) -> list[Finding]:
    """Return what was found; with ``every``, rows that are not anonymised are wrong."""
    found = joined([*_of_rows(verification.previews, every), *_of_returned(verification)])
    if verification.log_error:
        what = f"not looked at: {verification.log_error}"
        found.append(Finding(using=str(log_database()), label="the event log", what=what, count=0))
    return found


def _of_rows(previews: list[Preview], every: bool) -> Iterator[Finding]:
    whole = {(each.plan.using, each.plan.label): each.plan for each in previews if not each.plan.part}
    for each in previews:
        found = partial(Finding, using=each.plan.using, label=each.plan.name)
        yield found(what=ANONYMISED, count=each.marked - each.refilled)
        if not each.plan.part:
            yield found(what=MISSED, count=each.unmarked, is_wrong=every)
        if each.refilled:
            cure = _cure(each.plan, whole[each.plan.using, each.plan.label])
            yield found(what=REFILLED, count=each.refilled, is_wrong=True, plans=(cure,))
        if each.unknown:
            yield found(what=f"not known of {', '.join(each.unknown)}", count=each.marked)


def _cure(plan: Plan, whole: Plan) -> Plan:
    """Return the plan for the refilled rows of ``plan``; of a part, without those that ``whole`` does anyway."""
    rows = plan.refilled()
    return again(plan, rows.exclude(pk__in=whole.refilled().values("pk")) if plan.part else rows)


def _of_returned(verification: Verification) -> Iterator[Finding]:
    for each in verification.returned:
        what = THERE if each.is_certain else PERHAPS
        found = partial(Finding, using=each.using, label=each.label, what=what, is_wrong=each.is_certain)
        yield Finding(using=each.using, label=each.label, what=UNKNOWN, count=each.unknown)
        yield found(count=len(each.deleted_keys))
        yield found(count=len(each.anonymised_keys), plans=tuple(each.plans()) if each.is_certain else ())
