"""What the commands say of the log and of a scrub, as values for JSON: the same facts as in lines. Reads only."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from ..log.reading import LoggedOperation
from ..log.reconciliation import Settled, kinds
from ..log.status import STATES, Status
from ..planning.plans import Plan
from ..replay.replay import Report
from ..replay.restore import Restore
from ..scrubbing.preview import Table
from ..tables import Operation


def of_status(report: Status) -> dict[str, Any]:
    """Return the state of the log and of each database beside it, each with the states that ``--fail-on`` takes."""
    facts = asdict(report)
    for each, database in zip(facts["databases"], report.databases, strict=True):
        each["states"] = [state for state in STATES if state in database.states]
    return {**facts, "states": [state for state in STATES if state in report.states]}


def of_replay(work: Restore) -> dict[str, Any]:
    """Return what a replay does, or has done, in operations and rows."""
    report: Report = work.report
    return {
        "dry_run": work.dry_run,
        "applied": report.applied,
        "already_applied": report.already,
        "rows": report.rows,
        "absent": report.absent,
        "foreign": report.foreign,
        "failed": [{**_logged(each), "model": label, "reason": reason} for each, label, reason in report.failed],
        "undecided": list(map(_logged, report.undecided)),
        "busy": [{**_logged(each), "reason": reason} for each, reason in report.busy],
        "cascaded": dict(sorted(report.cascaded.items())),
        "kept": dict(sorted(report.kept.items())),
        "events_of_1x": {each.using: each.counts for each in work.backlogs if each},
        "events_of_1x_left_alone": {each.using: each.counts for each in work.unclaimed if each},
    }


def _logged(operation: LoggedOperation) -> dict[str, Any]:
    started = None if operation.is_of_1x else operation.started  # of rows of 1.x nobody knows
    return {**_named(operation), "started": started, "events": _events(operation.kinds())}


def of_settled(settled: Settled, *, dry_run: bool) -> dict[str, Any]:
    """Return what a reconciliation found out."""
    return {
        "dry_run": dry_run,
        "committed": settled.committed,
        "rolled_back": settled.rolled_back,
        "foreign": settled.foreign,
        **{name: list(map(_operation, getattr(settled, name))) for name in ("unknown", "busy", "corrected")},
    }


def _operation(operation: Operation) -> dict[str, Any]:
    return {**_named(operation), "started": operation.started, "events": _events(kinds(operation.id))}


def _named(operation: LoggedOperation | Operation) -> dict[str, Any]:
    return {"operation": operation.id, "database": operation.using}


def _events(kinds: Iterable[tuple[str, str, str]]) -> list[dict[str, str]]:
    return [{"event": event, "model": label, "part": part} for event, label, part in kinds]


def of_table(table: Table) -> dict[str, Any]:
    """Return what a scrub does with one table: models, names of fields, and numbers."""
    numbers = table.numbers
    return {
        "database": table.plan.using,
        "model": table.plan.label,
        "does": table.does,
        "way": str(numbers.plan.way) if numbers else None,
        "rows": table.rows,
        "left": table.left,
        "fields": list(numbers.plan.fields) if numbers else [],
        "fields_by_rules": numbers.plan.ruled if numbers else [],
        "with": _with(numbers.plan) if numbers else list(table.going),
        "nulled": list(table.nulled),
        "marked": numbers.marked if numbers else 0,
        "refilled": numbers.refilled if numbers else 0,
        "unknown": numbers.unknown if numbers else [],
        "kept": numbers.kept if numbers else {},
        "goes_on_from": table.started,
        "done": table.done,
    }


def _with(plan: Plan) -> list[str]:
    return [each._meta.label for each in (*plan.parents, *plan.children)]
