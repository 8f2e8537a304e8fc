"""Removes from the log what no backup can bring back any more: events first, receipts later, never the reverse."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.utils import timezone

from . import eventlog
from .conf import log_database, settings
from .exceptions import AnonymiseError
from .paging import pages
from .reconciliation import Databases, logged, receipts
from .scrubbing import data_aliases
from .tables import Operation, Receipt


def retention() -> timedelta:
    """Return GDPR_LOG_RETENTION. Raises ``AnonymiseError`` unless it is a positive timedelta."""
    value = settings.GDPR_LOG_RETENTION
    if not isinstance(value, timedelta) or value <= timedelta(0):
        raise AnonymiseError(
            "GDPR_LOG_RETENTION says how long the log is kept, and is not a timedelta of more than 0: nothing was "
            "removed. Set it to at least the time that your oldest backup is kept, as in timedelta(days=90)."
        )
    return value


def prune(*, dry_run: bool = False) -> tuple[int, int]:
    """Remove settled operations older than the retention time; return how many, and how many receipts.

    An operation that was committed stays while its database has no receipt: it is still to be applied there. A
    receipt stays for twice the time, and while the log knows its operation: a backup of the log, which is kept as
    long as any other, may bring back the one that was just removed.
    """
    now, kept = timezone.now(), retention()
    removed = _prune_operations(now - kept, dry_run)
    return removed, sum(_prune_receipts(using, now - 2 * kept, dry_run) for using in _aliases())


def _aliases() -> list[str]:
    return [using for using in data_aliases() if Databases().ids(using)]


def _prune_operations(before: datetime, dry_run: bool) -> int:
    databases, removed = Databases(), 0
    old = Operation.objects.using(log_database()).filter(started__lt=before).exclude(outcome__committed=None)
    for page in pages(old.select_related("outcome")):
        ours = [each for each in page if databases.own(each)]
        there = receipts(ours)
        done = [each.id for each in ours if each.id in there or not each.outcome.committed]
        removed += len(done)
        if not dry_run:
            eventlog.remove_operations(done)
    return removed


def _prune_receipts(using: str, before: datetime, dry_run: bool) -> int:
    removed = 0
    for page in pages(Receipt.objects.using(using).filter(written__lt=before)):
        keys = [each.operation for each in page if not eventlog.is_legacy(each.operation)]
        there = logged(keys)
        done = [key for key in keys if key not in there]
        removed += len(done)
        if not dry_run:
            eventlog.remove_receipts(done, using)
    return removed
