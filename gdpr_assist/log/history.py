"""What was erased here, by operation: when, how much of which model, who asked for it, and its state. Reads only."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import Error, transaction
from django.db.models import Count, Max, QuerySet

from ..conf import log_database
from ..tables import NOBODY_KNOWS, EventLog, Operation, Receipt
from .identity import Databases
from .reading import of_databases
from .writing import parts_of

DONE = "done"
RESTORED = "restored"
ROLLED_BACK = "rolled back"
UNSETTLED = "unsettled"
UNREADABLE = "unreadable"


@dataclass(frozen=True, kw_only=True)
class Past:
    """One operation, in numbers."""

    operation: Operation
    state: str
    """``DONE``; ``RESTORED``: the log has it, the database has not; ``ROLLED_BACK``: nothing was erased;
    ``UNSETTLED``: it has no outcome; ``UNREADABLE``: the database does not answer.
    """

    counts: Sequence[tuple[str, str, str, int]]
    """(event, label in the log, part of the rows, rows)"""

    by: str | None
    """Who asked for it, as ``tables.who`` says; empty if nobody said so, None if it is not known any more."""

    remarks: dict[str, Any] = field(default_factory=dict)
    """What was noted of it beside the rows."""


def is_readable() -> bool:
    """Return whether there is a log that this site's role may read: with the fewest rights it may only add to it."""
    log = log_database()
    if log is None:
        return False
    try:
        with transaction.atomic(using=log):  # PostgreSQL takes nothing after an error in a transaction
            Operation.objects.using(log).exists()
    except Error:
        return False
    return True


def operations_of(databases: Databases) -> QuerySet[Operation]:
    """Return the operations of ``databases``, those that were rolled back too."""
    return Operation.objects.using(log_database()).select_related("outcome").filter(of_databases(databases))


def anonymised_at(label: str, keys: Iterable[str], using: str, databases: Databases) -> dict[str, datetime]:
    """Return {primary key: when the last operation was started that anonymised the row}, of rows on alias ``using``.

    ``label`` and ``keys`` as the log has them. What it does not know is missing; all is where it may not be read.
    It has no index for this: one query, which reads the events of a model.
    """
    events = _anonymising(label, keys, using, databases)
    return dict(events.values_list("target_pk").annotate(Max("operation__started")))


def last_anonymised(
    label: str, keys: Iterable[str], using: str, databases: Databases
) -> dict[str, tuple[datetime, uuid.UUID]]:
    """Return {primary key: (when that operation was started, its id)}; as ``anonymised_at``."""
    events = _anonymising(label, keys, using, databases).order_by("operation__started", "operation")
    return {
        key: (started, id_) for key, started, id_ in events.values_list("target_pk", "operation__started", "operation")
    }


def _anonymising(label: str, keys: Iterable[str], using: str, databases: Databases) -> QuerySet[EventLog]:
    """Return the events of rows that were anonymised; none where the log may not be read."""
    if not is_readable():
        return EventLog.objects.none()
    events = EventLog.objects.using(log_database()).filter(
        operation__in=operations_of(databases).filter(using=using).exclude(outcome__committed=False).values("pk"),
        event=EventLog.EVENT_ANONYMISE,
        target_pk__in=list(keys),
        **dict(zip(("app_label", "model_name"), label.split("."), strict=True)),
    )
    return events.order_by()


def siblings(id_: uuid.UUID, databases: Databases, aliases: Iterable[str]) -> QuerySet[Operation]:
    """Return the operations of one erasure on all databases, where the id on the last of them is known."""
    ids = {each for several in parts_of(id_, aliases).values() for each in several}
    return operations_of(databases).filter(pk__in=ids).order_by("started", "pk")


def pasts(operations: Iterable[Operation]) -> list[Past]:
    """Return what is known of ``operations``: two queries, and one for each of their databases."""
    entries = list(operations)
    counts: dict[uuid.UUID, list[tuple[str, str, str, int]]] = defaultdict(list)
    columns = ("operation", "event", "app_label", "model_name", "part")
    events = EventLog.objects.using(log_database()).filter(operation__in=[each.pk for each in entries])
    for id_, event, app_label, model_name, part, number in (
        events.order_by().values_list(*columns).annotate(rows=Count("id")).order_by(*columns[1:])
    ):
        counts[id_].append((event, f"{app_label}.{model_name}", part, number))
    receipts: dict[uuid.UUID, Receipt] = {}
    dark: set[str] = set()
    for using in {each.using for each in entries}:
        try:
            found = Receipt.objects.using(using).in_bulk([each.pk for each in entries if each.using == using])
        except Error:
            dark.add(using)
        else:
            receipts |= found
    return [_past(each, counts[each.pk], receipts.get(each.pk), each.using in dark) for each in entries]


def _past(entry: Operation, counts: list[Any], receipt: Receipt | None, is_dark: bool) -> Past:
    outcome = getattr(entry, "outcome", None)
    committed = outcome and outcome.committed
    if receipt is not None:  # it is the truth, whatever the log says
        state = DONE
    elif is_dark:
        state = UNREADABLE
    else:
        state = {True: RESTORED, False: ROLLED_BACK, None: UNSETTLED}[committed]
    return Past(
        operation=entry,
        state=state,
        counts=counts,
        by=None if receipt is None or receipt.by == NOBODY_KNOWS else receipt.by,
        remarks=(receipt and receipt.remarks) or {},
    )
