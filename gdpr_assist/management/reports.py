"""What the commands say of the log, in lines: its state, and what a replay does to a restored database.

Asks no database, and decides nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from django.template.defaultfilters import pluralize

from gdpr_assist.log.reconciliation import Settled, shown
from gdpr_assist.log.status import STATES, DatabaseStatus, Status
from gdpr_assist.management.console import Fact
from gdpr_assist.pages import page
from gdpr_assist.replay.replay import Report
from gdpr_assist.replay.restore import Restore

LOSSY = "may lose its last events in a power cut"


def of_status(report: Status) -> Iterator[tuple[str, list[Fact]]]:
    """Yield the state of the log and of each database beside it, each with a title."""
    yield f"Event log {report.log}: {report.trouble or 'can be read'}", list(_of_log(report))
    for database in report.databases:
        if database.trouble:
            yield f"Database {database.using}: {database.trouble}", []
        elif report.trouble:
            yield f"Database {database.using}: can be read; what it lacks, only the log could tell", []
        else:
            yield f"Database {database.using}", list(_of_database(database))


def _of_log(report: Status) -> Iterator[Fact]:
    if not report.trouble:
        yield Fact("rows of 1.x, without an operation", report.legacy)
        yield Fact("operations of other databases", report.foreign)
    for setting, value in report.lossy.items():
        yield Fact(LOSSY, f"set {setting} to {value} ({page('howto/protect_the_log')})")


def _of_database(each: DatabaseStatus) -> Iterator[Fact]:
    oldest = f", the oldest of {shown(each.oldest)}" if each.oldest else ""
    yield Fact("committed", each.committed)
    yield Fact("rolled back", each.rolled_back)
    yield Fact("undecided", f"{each.undecided + each.unknown}{oldest}")
    if each.unknown:
        yield Fact("of these, left over from a restore", f"{each.unknown}; gdpr_reconcile lists them", level=2)
    restored = "restored? run gdpr_rerun; cure what it lists as failed, or mark it as applied"
    yield Fact("missing here", each.missing, restored if each.missing else "")
    if each.pruned:
        older = f"the backup is older ({page('howto/restore_a_backup')})"
        yield Fact(f"also what was pruned from the log, up to {shown(each.pruned)}", advice=older, level=2)
    if each.missing_1x:
        yield Fact("events of 1.x, missing here", each.missing_1x, "restored? run gdpr_rerun")
    if each.unclaimed_1x:
        yield Fact("events of 1.x that may be missing here", each.unclaimed_1x, "run gdpr_upgrade")
    lost = "the log was restored, or is the wrong one; if it was restored, back up now"
    yield Fact("missing in the log", each.unlogged, lost if each.unlogged else "")
    yield from _out_of_order(each)


def _out_of_order(each: DatabaseStatus) -> Iterator[Fact]:
    """Yield what the log has of a database that is out of order."""
    for stray in each.strays:
        yield Fact("undecided, and of no id that this database has", stray)
    if each.contradicted:
        copy = "run gdpr_reconcile; does a copy with the same id share the log?"
        yield Fact("took effect, though the log says rolled back", each.contradicted, copy)
    if each.incomparable:
        cure = page("howto/restore_a_backup", "If something is listed as failed")
        untold = f"nobody can tell of which rows ({cure})"
        yield Fact("with digests of keys by another secret", each.incomparable, untold)
    if each.in_clear:
        yield Fact("events with keys that are texts, in clear", each.in_clear, "run gdpr_prune --hide-keys")
    if each.foreign:
        whose = "of copies or other sites, or of this database before it had its id"
        yield Fact("under other database ids, and missing here", each.foreign, whose)


def wrong_with(report: Status) -> list[str]:
    """Return a sentence for each state that the log or a database is in, and for a log that may lose events."""
    wrong = [f"{name}: {STATES[name]}." for name in STATES if name in report.states]
    return [*wrong, f"The log {LOSSY}."] if report.lossy else wrong


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


def wrong_with_replay(work: Restore) -> list[str]:
    """Return what is left to do: also what a dry run has found, and what the events of 1.x are left alone for."""
    report = work.report
    wrong = []
    if report.failed or report.undecided or report.busy:
        failed, undecided, busy = len(report.failed), len(report.undecided), len(report.busy)
        wrong.append(f"{failed} failed, {undecided} undecided and {busy} busy, listed above.")
    if work.dry_run and report.applied:
        wrong.append(f"{report.applied} to be applied: run gdpr_rerun.")
    if any(work.unclaimed):
        wrong.append("Events of 1.x are left alone.")
    return wrong


def wrong_with_settled(settled: Settled) -> list[str]:
    """Return what somebody has to look at; nothing of what the next run settles."""
    wrong = []
    if unknown := len(settled.unknown):
        wrong.append(f"Of {unknown} operation{pluralize(unknown)} only a person can tell; see the list above.")
    if corrected := len(settled.corrected):
        they = pluralize(corrected, "it was rolled back; it,they were rolled back; they")
        wrong.append(f"Of {corrected} operation{pluralize(corrected)} the log said that {they} took effect.")
    return wrong


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
