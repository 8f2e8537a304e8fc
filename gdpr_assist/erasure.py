"""One call that erases, for the admin, commands and a project's code: several plans as one, and who asked for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .databases.placement import explained
from .execution.execute import Result
from .execution.together import execute_together
from .planning.plans import Plan
from .sensitive import sensitive
from .signals import erased


@sensitive
def erase(plans: Sequence[Plan], *, by: Any = None) -> list[Result]:
    """Execute ``plans`` as one erasure, and return their results: one transaction and operation on each database.

    ``by`` is who asked for it, as a user. Where somebody is named, the receivers of ``signals.erased`` hear of each
    plan in the transaction that erases: what they raise undoes it. The log never holds a name.

    Raises ``AnonymiseError``; then nothing was changed, unless it is ``PartlyErased``.
    """
    if by is None:
        return execute_together(plans)
    pinned = [plan.pinned() for plan in plans]
    keys = [_unmarked(plan) for plan in pinned]

    def tell(results: list[Result]) -> None:
        for plan, changed, result in zip(pinned, keys, results, strict=True):
            erased.send(sender=plan.model, keys=changed, using=plan.using, operation=result.operation, by=by)

    return execute_together(pinned, before_commit=tell)


def _unmarked(plan: Plan) -> list[Any]:
    """Return the keys of the rows that the plan will change."""
    with explained(plan.using):
        left = set() if plan.force else set(plan.marked().values_list("pk", flat=True))
    return [key for key in plan.keys or () if key not in left]
