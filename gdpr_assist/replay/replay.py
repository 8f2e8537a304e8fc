"""Re-applies logged erasures that this database has no receipt for: it was restored."""

from __future__ import annotations

import uuid
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace

from django.db import IntegrityError, transaction
from django.db.models import Max

from ..conf import log_database
from ..databases.rows import chunks
from ..exceptions import AnonymiseError
from ..log import receipts, writing
from ..log.identity import Databases
from ..log.legacy import Backlog, check_identity, complete
from ..log.ownership import check_database_ids, check_log, needed
from ..log.reading import OPERATIONS_PER_QUERY, Kind, LoggedOperation, hold_events, logged_operations
from ..log.reconciliation import shown, with_receipts
from ..sensitive import sensitive
from ..tables import Receipt
from ..undocumented import pending_migrations
from .applying import AlreadyApplied, Blocked, CannotApply, Erased, Locked, apply, model_of
from .hidden import find_hidden

UNDER_WAY = "still in its transaction"
LOCKED = "another transaction has its rows locked"

# Of more migrations that are to be applied, the number and the first tell enough.
MIGRATIONS_NAMED = 3


@dataclass
class Report:
    """What a replay did, in operations and in rows."""

    applied: int = 0
    already: int = 0
    rows: int = 0
    absent: int = 0
    # {model label: rows that were anonymised since a key of theirs points at a deleted row, and that no event names}
    cascaded: Counter[str] = field(default_factory=Counter)
    # {model label: rows that were reached, and left as they are, since their models say can_anonymise = False}
    kept: Counter[str] = field(default_factory=Counter)
    foreign: int = 0
    # [(operation, model label, why)]
    failed: list[tuple[LoggedOperation, str, str]] = field(default_factory=list)
    undecided: list[LoggedOperation] = field(default_factory=list)
    # [(operation, which transaction it waited for in vain)]
    busy: list[tuple[LoggedOperation, str]] = field(default_factory=list)

    @property
    def seen(self) -> int:
        listed = len(self.failed) + len(self.undecided) + len(self.busy)
        return self.applied + self.already + self.foreign + listed


def check_ready(databases: Databases) -> None:
    """Raise ``AnonymiseError`` if the log is another database's, or a migration is pending."""
    for using in needed(databases):
        _check_migrated(using, None)
    _check_migrated(log_database(), "gdpr_assist")
    check_database_ids(databases)
    check_identity(databases)
    check_log(databases)


def _check_migrated(using: str | None, app_label: str | None) -> None:
    pending = pending_migrations(str(using), app_label)
    if pending:
        listed = ", ".join(pending) if len(pending) <= MIGRATIONS_NAMED else f"{len(pending)}, from {pending[0]} on"
        raise AnonymiseError(
            f"There are migrations to apply on {using!r} first: {listed}. "
            f"Run migrate --database={using}, then this command again."
        )


@sensitive
def replay(
    operations: Iterable[LoggedOperation],
    report: Report,
    *,
    include_undecided: bool = False,
    busy: Collection[uuid.UUID] = (),
    dry_run: bool = False,
) -> Iterator[Report]:
    """Apply each of ``operations`` that has no receipt, once; yield ``report`` as it grows.

    Many small operations share a transaction, with a receipt for each. What cannot be applied is noted in
    ``report.failed``, and the rest goes on; what another row blocks is tried again at the end. Undecided operations
    are noted, and applied only with ``include_undecided``. Those of ``busy``, and what waits for a transaction in
    vain, are noted in ``report.busy``. With ``dry_run`` nothing is written, and nobody waited for.
    """
    blocked: list[tuple[LoggedOperation, Blocked]] = []
    for batch in chunks(operations, OPERATIONS_PER_QUERY):
        proven = with_receipts(batch)
        report.already += len(proven)
        yield report
        missing = [each for each in batch if each.id not in proven]
        hold_events(missing)
        find_hidden(missing)
        hopeless = _hopeless(missing)
        wanted = []
        for operation in missing:
            if operation.is_committed and (error := _pruned(operation) or _first(hopeless, operation)):
                report.failed.append((operation, error.label, error.reason))
            elif operation.id in busy:
                report.busy.append((operation, UNDER_WAY))
            elif not operation.is_committed and not include_undecided:
                report.undecided.append(operation)
            elif not operation.is_committed and not dry_run and _is_under_way(operation):
                report.busy.append((operation, UNDER_WAY))
            else:
                wanted.append(operation)
        for group in _grouped(wanted):
            _try_together(group, report, blocked, dry_run)
            yield report
    yield from _try_again(blocked, report, dry_run)


def _hopeless(operations: list[LoggedOperation]) -> dict[Kind, CannotApply]:
    """Return the kinds of events that no row is looked up for: their model is gone. One would stop a whole group."""
    errors = {}
    for kind in {kind for each in operations for kind, _ in each.held or ()}:
        try:
            model_of(kind)
        except CannotApply as error:
            errors[kind] = error
    return errors


def _pruned(operation: LoggedOperation) -> CannotApply | None:
    """Return why ``operation``, which is missing here, cannot be applied if its events were pruned; None if not."""
    if operation.held is None or operation.held:
        return None
    before = Receipt.objects.using(operation.using).filter(written__lt=operation.started)
    newest = before.aggregate(Max("written"))["written__max"]
    since = f"after {shown(newest)} and " if newest else ""
    return CannotApply(
        "pruned",
        f"the backup is older than what the log still has. What was erased {since}up to {shown(operation.started)} "
        "may be back; erase it by hand, then mark this operation as applied",
    )


def _first(errors: dict[Kind, CannotApply], operation: LoggedOperation) -> CannotApply | None:
    return next((errors[kind] for kind in operation.kinds() if kind in errors), None) if errors else None


def _grouped(operations: Iterable[LoggedOperation]) -> Iterator[list[LoggedOperation]]:
    """Yield the small operations of one alias together, a large one alone; those of an alias in their order."""
    small: dict[str, list[LoggedOperation]] = defaultdict(list)
    for operation in operations:
        if operation.held is not None:
            small[operation.using].append(operation)
            continue
        if earlier := small.pop(operation.using, None):
            yield earlier
        yield [operation]
    yield from small.values()


def _is_under_way(operation: LoggedOperation) -> bool:
    return receipts.took_effect(operation.id, operation.using) is None


def _try_again(blocked: list[tuple[LoggedOperation, Blocked]], report: Report, dry_run: bool) -> Iterator[Report]:
    """Try what was blocked until a whole pass makes no difference."""
    before = None
    while blocked and len(blocked) != before:
        before, waiting = len(blocked), blocked
        blocked = []
        for operation, _ in waiting:
            _try(operation, report, blocked, dry_run)
            yield report
    report.failed += [(operation, error.label, error.reason) for operation, error in blocked]
    yield report


def complete_1x(backlogs: Iterable[Backlog], report: Report) -> None:
    """Note that the events of 1.x took effect, on each alias where all did."""
    left = [operation for operation, _, _ in report.failed] + [operation for operation, _ in report.busy]
    lacking = {operation.using for operation in left if operation.is_of_1x}
    for backlog in backlogs:
        if backlog.using not in lacking:
            complete(backlog)


@sensitive
def mark_applied(operations: Iterable[uuid.UUID], databases: Databases) -> None:
    """Write the receipts of ``operations``, and erase nothing: a person says that nothing is left to erase.

    For committed operations that cannot be applied. Raises ``AnonymiseError`` for any other; then nothing is written.
    """
    asked = set(operations)
    logged = {each.id: each for each in logged_operations(databases) if each.id in asked}
    for operation in operations:
        if operation not in logged or not logged[operation].is_committed:
            raise AnonymiseError(
                f"{operation} is not a committed operation of this database; nothing was marked. An undecided one is "
                "dismissed with gdpr_reconcile --dismiss."
            )
    if proven := with_receipts(list(logged.values())):
        listed = ", ".join(sorted(map(str, proven)))
        raise AnonymiseError(f"{listed}: applied already; nothing was marked. Leave it out.")
    for using in {each.using for each in logged.values()}:
        ours = [each for each in logged.values() if each.using == using]
        with transaction.atomic(using=using):
            receipts.write_receipts([(each.id, each.started) for each in ours], using)


def _try_together(
    operations: list[LoggedOperation], report: Report, blocked: list[tuple[LoggedOperation, Blocked]], dry_run: bool
) -> None:
    """Apply ``operations`` of one alias in one transaction; if one of them cannot be, each by itself."""
    if len(operations) == 1:
        _try(operations[0], report, blocked, dry_run)
        return
    whole = replace(operations[0], held=[event for each in operations for event in each.held or ()])
    try:
        erased = apply(whole, operations, dry_run)
    except Locked:
        # Not each by itself: on SQLite, each would wait for the one that has the whole database.
        report.busy += [(operation, LOCKED) for operation in operations]
    except (AlreadyApplied, CannotApply, IntegrityError):
        for operation in operations:
            _try(operation, report, blocked, dry_run)
    else:
        _count(operations, erased, report, dry_run)


def _try(
    operation: LoggedOperation, report: Report, blocked: list[tuple[LoggedOperation, Blocked]], dry_run: bool
) -> None:
    try:
        erased = apply(operation, [operation], dry_run)
    except AlreadyApplied:
        report.already += 1
    except Locked:
        report.busy.append((operation, LOCKED))
    except Blocked as error:
        blocked.append((operation, error))
    except CannotApply as error:
        report.failed.append((operation, error.label, error.reason))
    except IntegrityError as error:  # a constraint that is checked at COMMIT
        label = operation.kinds()[0][1]
        report.failed.append((operation, label, f"the database refused it ({type(error).__name__})"))
    else:
        _count([operation], erased, report, dry_run)


def _count(operations: list[LoggedOperation], erased: Erased, report: Report, dry_run: bool) -> None:
    report.applied += len(operations)
    report.rows += erased.rows
    report.absent += erased.absent
    report.cascaded += erased.cascaded
    report.kept += erased.kept
    undecided = [each.id for each in operations if not each.is_committed]
    if undecided and not dry_run:
        writing.decide(undecided, True)
