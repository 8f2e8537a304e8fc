"""Removes from the log what no backup can bring back any more: events first, receipts later, never the reverse."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import datetime

from django.db.models import QuerySet
from django.utils import timezone

from ..conf import log_database
from ..databases.aliases import data_aliases
from ..databases.rows import chunks, pages
from ..tables import Operation, Receipt
from . import receipts, writing
from .identity import Databases
from .ownership import is_migrated
from .reconciliation import OPERATIONS_PER_QUERY, log_retention, logged, with_receipts


def prune(databases: Databases, *, dry_run: bool = False) -> tuple[int, int]:
    """Remove settled operations older than the retention time; return how many, and how many receipts.

    An operation that was committed stays while its database has no receipt: it is still to be applied there. A
    receipt stays for twice the time, and while the log knows its operation: a backup of the log, which is kept as
    long as any other, may bring back the one that was just removed.

    Of each database the last operation to be removed stays, without its events. It says up to when the log was pruned:
    a database without its receipt was restored from an older backup (``reconciliation.pruned``).

    Raises ``AnonymiseError`` if GDPR_LOG_RETENTION is not a time.
    """
    now, retention = timezone.now(), log_retention()
    aliases = [using for using in data_aliases() if is_migrated(using)]
    old = _settled_before(now - retention, aliases)
    last = {newest for using in aliases if (newest := _last(old.filter(using=using), databases))}
    if not dry_run:
        writing.remove_events(last)  # before those that it stands for
    old = old.exclude(pk__in=last)
    removed = _prune_operations(old, databases, dry_run)
    return removed, sum(_prune_receipts(using, now - 2 * retention, old, databases, dry_run) for using in aliases)


def _settled_before(moment: datetime, aliases: list[str]) -> QuerySet[Operation]:
    operations = Operation.objects.using(log_database()).filter(started__lt=moment, using__in=aliases)
    return operations.exclude(outcome__committed=None).select_related("outcome")


def _done_with(operations: Iterable[Operation], databases: Databases) -> list[uuid.UUID]:
    """Those of ``operations``, all settled, that are not still to be applied."""
    ours = [each for each in operations if databases.own(each)]
    proven = with_receipts(ours)
    return [each.id for each in ours if each.id in proven or not each.outcome.committed]


def _last(old: QuerySet[Operation], databases: Databases) -> uuid.UUID | None:
    """Return the newest of ``old`` that took effect in its database."""
    newest = old.filter(outcome__committed=True).order_by("-started", "-pk")
    for batch in chunks(newest.iterator(), OPERATIONS_PER_QUERY):
        proven = with_receipts(each for each in batch if databases.own(each))
        if last := next((each.id for each in batch if each.id in proven), None):
            return last
    return None


def _prune_operations(old: QuerySet[Operation], databases: Databases, dry_run: bool) -> int:
    removed = 0
    for page in pages(old, OPERATIONS_PER_QUERY):
        surplus = _done_with(page, databases)
        removed += len(surplus)
        if not dry_run:
            writing.remove_operations(surplus)
    return removed


def _prune_receipts(
    using: str, before: datetime, old: QuerySet[Operation], databases: Databases, dry_run: bool
) -> int:
    removed = 0
    for page in pages(Receipt.objects.using(using).filter(written__lt=before), OPERATIONS_PER_QUERY):
        keys = [each.operation for each in page if not receipts.is_legacy(each.operation)]
        needed = logged(keys)
        if dry_run:
            needed.difference_update(_done_with(old.filter(pk__in=keys), databases))
        surplus = [key for key in keys if key not in needed]
        removed += len(surplus)
        if not dry_run:
            receipts.remove_receipts(surplus, using)
    return removed
