"""Several plans as one: all of them or none, with entries in the admin's history. Leaves erasing to ``execution``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import router, transaction
from django.utils.translation import gettext as _

from ..execution import Result, execute_together
from ..placement import explained
from ..planning import Plan
from ..tables import stored_key

ENTRIES_PER_INSERT = 1000


def erase(plans: Sequence[Plan], *, user_id: Any) -> list[Result]:
    """Execute ``plans`` in one transaction, and as one operation, on each of their databases; return their results.

    Raises ``AnonymiseError``; then nothing was changed.
    """
    with transaction.atomic(using=router.db_for_write(LogEntry)):
        keys = [_keys(plan) for plan in plans]
        results = execute_together(plans)
        for plan, changed, result in zip(plans, keys, results, strict=True):
            LogEntry.objects.bulk_create(_entries(plan, changed, result, user_id), batch_size=ENTRIES_PER_INSERT)
    return results


def _keys(plan: Plan) -> list[Any]:
    """The keys of the rows that the plan will change."""
    keys = dict.fromkeys(plan.rows().order_by("pk").values_list("pk", flat=True))
    with explained(plan.using):
        left = set() if plan.force else set(plan.marked().values_list("pk", flat=True))
    return [key for key in keys if key not in left]


def _entries(plan: Plan, keys: list[Any], result: Result, user_id: Any) -> Iterator[LogEntry]:
    """An entry for each row. Model and key stand for the row: ``str(obj)`` would keep the name for ever."""
    kind = ContentType.objects.get_for_model(plan.model, for_concrete_model=False)
    if result.operation is None:
        message = _("Anonymised.")
    else:
        message = _("Anonymised (operation %(operation)s).") % {"operation": result.operation}
    for key in keys:
        yield LogEntry(
            user_id=user_id,
            content_type_id=kind.pk,
            object_id=stored_key(key),
            object_repr=f"{plan.model._meta.label} {stored_key(key)}"[:200],
            action_flag=CHANGE,
            change_message=message,
        )
