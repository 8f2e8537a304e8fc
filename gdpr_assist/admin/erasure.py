"""Several plans as one: all of them or none, with entries in the admin's history. Leaves erasing to ``execution``."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import DatabaseError, connections, router, transaction
from django.db.models import Model
from django.utils.translation import gettext as _

from ..exceptions import PartlyErased
from ..execution.execute import Result
from ..execution.together import execute_together
from ..placement import explained
from ..planning.plans import Plan
from ..tables import stored_key

logger = logging.getLogger(__name__)

ENTRIES_PER_INSERT = 1000


def erase(plans: Sequence[Plan], *, user_id: Any) -> list[Result]:
    """Execute ``plans`` in one transaction, and as one operation, on each of their databases; return their results.

    Raises ``AnonymiseError``; then nothing was changed, unless it is ``PartlyErased``.
    """
    keys = [_keys(plan) for plan in plans]
    history = router.db_for_write(LogEntry)
    if {plan.using for plan in plans} == {history}:
        with transaction.atomic(using=history):
            results = execute_together(plans)
            _write_history(plans, keys, results, user_id)
        return results
    try:
        results = execute_together(plans)
    except PartlyErased as error:
        there = [
            each for each in zip(plans, keys, strict=True) if each[0].using in {done.using for done in error.done}
        ]
        _note([plan for plan, _ in there], [changed for _, changed in there], error.done, user_id)
        raise
    _note(plans, keys, results, user_id)
    return results


def outside_transactions(view: Any) -> Any:
    """Return ``view`` without what ATOMIC_REQUESTS would put around it: an erasure ends its own transactions."""
    for using in connections:
        view = transaction.non_atomic_requests(using)(view)
    return view


@contextmanager
def with_history(model: type[Model]) -> Iterator[None]:
    """Undo the admin's history together with the rows if the block raises: Django writes it before it deletes."""
    with ExitStack() as transactions:
        # The history is committed last.
        for using in dict.fromkeys([router.db_for_write(LogEntry), router.db_for_write(model)]):
            transactions.enter_context(transaction.atomic(using=using))
        yield


def _note(plans: Sequence[Plan], keys: Sequence[list[Any]], results: Sequence[Result], user_id: Any) -> None:
    """Write the history of what is committed elsewhere: without it, that is done all the same."""
    try:
        with transaction.atomic(using=router.db_for_write(LogEntry)):
            _write_history(plans, keys, results, user_id)
    except DatabaseError as error:
        logger.error("The admin's history of an erasure could not be written (%s).", type(error).__name__)


def _write_history(plans: Sequence[Plan], keys: Sequence[list[Any]], results: Sequence[Result], user_id: Any) -> None:
    for plan, changed, result in zip(plans, keys, results, strict=True):
        LogEntry.objects.bulk_create(_entries(plan, changed, result, user_id), batch_size=ENTRIES_PER_INSERT)


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
