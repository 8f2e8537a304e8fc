"""The steps after a backup was restored, in their order. Writes through ``replay`` and what that is made of."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain

from ..log import legacy
from ..log.identity import Databases
from ..log.legacy import Backlog
from ..log.ownership import needed
from ..log.reading import count_foreign, count_operations, logged_operations
from ..log.reconciliation import reconcile
from .replay import Report, complete_1x, mark_applied, replay
from .sequences import raise_sequences


@dataclass(frozen=True, kw_only=True)
class Restore:
    """What is to be done, and the report that grows while it is done."""

    databases: Databases
    since: datetime | None
    dry_run: bool
    backlogs: list[Backlog]
    """Events of 1.x that are applied."""
    unclaimed: list[Backlog]
    """Events of 1.x that are left alone: nobody said whether the database had them."""
    report: Report = field(default_factory=Report)

    @property
    def total(self) -> int:
        """How many operations there are to look at."""
        return sum(map(len, self.backlogs)) + count_operations(self.since)


def prepare(
    databases: Databases,
    *,
    since: datetime | None = None,
    apply_1x: bool = False,
    marked_applied: Collection[uuid.UUID] = (),
    marked_applied_1x: Collection[str] = (),
    dry_run: bool = False,
) -> Restore:
    """Return what is to be done to ``databases``, which ``replay.check_ready`` has let pass.

    A database that lost its id gets the one that a person named for it. ``marked_applied`` are operations, and
    ``marked_applied_1x`` labels of models, of which a person says that nothing is left to erase. ``since`` leaves out
    what was started before, and the events of 1.x, which have no time. Nothing is written with ``dry_run``.

    Raises ``AnonymiseError`` for an operation that cannot be marked as applied, and for a label without events of 1.x.
    """
    if not dry_run:
        databases = legacy.adopt(databases)
        if marked_applied:
            mark_applied(marked_applied, databases)
        legacy.mark_applied(marked_applied_1x, databases)
    aliases = [] if since else needed(databases)
    applied = legacy.everything if apply_1x else legacy.due
    return Restore(
        databases=databases,
        since=since,
        dry_run=dry_run,
        backlogs=[applied(using, databases) for using in aliases],
        unclaimed=[] if apply_1x else [legacy.unclaimed(using, databases) for using in aliases],
    )


def restore(work: Restore, *, include_undecided: bool = False) -> Iterator[int]:
    """Settle what was under way, apply what is missing, raise the sequences; yield how many operations were looked at.

    With ``include_undecided`` also the operations are applied of which nobody knows whether they took effect.
    """
    report, databases = work.report, work.databases
    report.foreign = count_foreign(databases, work.since)
    busy = set()
    if not work.dry_run:
        # A backup was restored: what has no receipt may have been lost with it.
        busy = {each.id for each in reconcile(databases, is_restored=True).busy}
    operations = chain(legacy.operations(work.backlogs), logged_operations(databases, since=work.since))
    for _ in replay(operations, report, include_undecided=include_undecided, busy=busy, dry_run=work.dry_run):
        yield report.seen
    if not work.dry_run:
        complete_1x(work.backlogs, report)
        if not report.busy:  # raising them would have to wait too
            raise_sequences(databases)
