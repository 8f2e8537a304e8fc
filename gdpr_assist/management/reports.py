"""What the commands say of the log, in lines: its state, and what a replay does to a restored database.

Asks no database, and decides nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from gdpr_assist.log.reconciliation import shown
from gdpr_assist.log.status import DatabaseStatus, Status
from gdpr_assist.pages import page
from gdpr_assist.replay.replay import Report
from gdpr_assist.replay.restore import Restore


def of_status(report: Status) -> Iterator[str]:
    """Yield the state of the log and of each database beside it."""
    if report.trouble:
        yield f"Event log {report.log}: {report.trouble}"
    else:
        yield f"Event log {report.log}: can be read"
        yield f"  rows of 1.x, without an operation: {report.legacy}"
        yield f"  operations of other databases: {report.foreign}"
    for setting, value in report.lossy.items():
        yield (
            f"  may lose its last events in a power cut: set {setting} to {value} ({page('howto/protect_the_log')})"
        )
    for database in report.databases:
        if database.trouble:
            yield f"Database {database.using}: {database.trouble}"
        elif report.trouble:
            yield f"Database {database.using}: can be read; what it lacks, only the log could tell"
        else:
            yield from _of_database(database)


def _of_database(each: DatabaseStatus) -> Iterator[str]:
    oldest = f", the oldest of {shown(each.oldest)}" if each.oldest else ""
    yield f"Database {each.using}"
    yield f"  committed: {each.committed}"
    yield f"  rolled back: {each.rolled_back}"
    yield f"  undecided: {each.undecided + each.unknown}{oldest}"
    if each.unknown:
        yield f"    of these, left over from a restore: {each.unknown}; gdpr_reconcile lists them"
    yield (
        f"  missing here: {each.missing}"
        + _advice(each.missing, "restored? run gdpr_rerun; cure what it lists as failed, or mark it as applied")
    )
    if each.pruned:
        yield (
            f"    also what was pruned from the log, up to {shown(each.pruned)}  <- the backup is older "
            f"({page('howto/restore_a_backup')})"
        )
    if each.missing_1x:
        yield f"  events of 1.x, missing here: {each.missing_1x}  <- restored? run gdpr_rerun"
    if each.unclaimed_1x:
        yield f"  events of 1.x that may be missing here: {each.unclaimed_1x}  <- run gdpr_upgrade"
    yield (
        f"  missing in the log: {each.unlogged}"
        + _advice(each.unlogged, "the log was restored, or is the wrong one; if it was restored, back up now")
    )
    yield from _of_log(each)


def _of_log(each: DatabaseStatus) -> Iterator[str]:
    """Yield what the log has of a database that is out of order."""
    for stray in each.strays:
        yield f"  undecided, and of no id that this database has: {stray}"
    if each.contradicted:
        yield (
            f"  took effect, though the log says rolled back: {each.contradicted}  <- run gdpr_reconcile; does a "
            "copy with the same id share the log?"
        )
    if each.incomparable:
        yield (
            f"  with digests of keys by another secret: {each.incomparable}  <- nobody can tell of which rows "
            f"({page('howto/restore_a_backup', 'If something is listed as failed')})"
        )
    if each.in_clear:
        yield f"  events with keys that are texts, in clear: {each.in_clear}  <- run gdpr_prune --hide-keys"
    if each.foreign:
        yield (
            f"  under other database ids, and missing here: {each.foreign}"
            "  <- of copies or other sites, or of this database before it had its id"
        )


def _advice(count: int, text: str) -> str:
    return f"  <- {text}" if count else ""


def of_backlogs(work: Restore) -> Iterator[str]:
    """Yield the events of 1.x by model: those to be applied, and those that are left alone."""
    for what, backlogs in (("to be applied", work.backlogs), ("left alone", work.unclaimed)):
        for backlog in backlogs:
            for label, number in backlog.counts.items():
                yield f"Events of 1.x, {what} on {backlog.using}: {label}: {number}"


def of_replay(report: Report) -> Iterator[str]:
    """Yield what a replay could not apply, with the cure, and what it did beside the log."""
    old: Counter[tuple[str, str]] = Counter()
    for operation, label, reason in report.failed:
        if operation.is_of_1x:
            old[label, reason] += 1
        else:
            yield f"Failed: {operation}: {label}: {reason}"
    for (label, reason), number in old.items():
        yield f"Failed: {label}: {number} of 1.x: {reason}, or add --mark-applied-1x {label}"
    for operation, reason in report.busy:
        yield f"Busy: {operation}: {reason}; run again later"
    for operation in report.undecided:
        yield f"Undecided: {operation}"
    if report.undecided:
        yield (
            "Say of each undecided operation that did not take effect: gdpr_reconcile --dismiss OPERATION. "
            "Then apply all that are left with gdpr_rerun --include-undecided."
        )
    for what, counts in (
        ("Also anonymised by cascade, or as a part of the same object", report.cascaded),
        ("Reached and left as they are, as can_anonymise = False says", report.kept),
    ):
        yield from (f"{what}: {label}: {count}" for label, count in sorted(counts.items()))


def numbers_of_replay(report: Report, *, dry_run: bool) -> dict[str, int]:
    return {
        "To be applied" if dry_run else "Applied": report.applied,
        "Already applied": report.already,
        "Failed": len(report.failed),
        "Undecided": len(report.undecided),
        "Busy": len(report.busy),
        "Of other databases, left alone": report.foreign,
        "Rows to be erased" if dry_run else "Rows erased": report.rows,
        "Rows that were not there": report.absent,
    }
