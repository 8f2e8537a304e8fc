"""gdpr_rerun: re-apply the logged erasures after a backup was restored."""

from __future__ import annotations

from argparse import ArgumentTypeError
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, time
from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime

from gdpr_assist.log.ownership import stakes, warnings
from gdpr_assist.management.asking import check_yes
from gdpr_assist.management.log import LogCommand, add_database_id, operation_id
from gdpr_assist.replay.replay import Report, check_ready
from gdpr_assist.replay.restore import Restore, prepare, restore
from gdpr_assist.routing import here


class Command(LogCommand):
    help = "Re-apply every logged erasure that this database does not have: run it after restoring a backup."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="Print what would be done and write nothing.")
        parser.add_argument(
            "--since",
            type=moment,
            metavar="WHEN",
            help="Leave out what was started before this date or time (2026-11-24, 2026-11-24T03:00), and rows of "
            "1.x, which have no time.",
        )
        parser.add_argument(
            "--include-undecided",
            action="store_true",
            help="Apply also the operations of which nobody knows whether they took effect.",
        )
        parser.add_argument("--noinput", "--no-input", action="store_true", help="Do not ask about --database-id.")
        add_database_id(parser, "Apply also the operations under this other id of the database; may be repeated.")
        parser.add_argument(
            "--apply-1x",
            action="store_true",
            help="Apply also the events of 1.x of which nobody said, with gdpr_upgrade, that this database had them. "
            "1.x logged also what was rolled back; they are applied to the rows that have these keys now.",
        )
        parser.add_argument(
            "--mark-applied-1x",
            "--settle-1x",
            dest="mark_applied_1x",
            action="append",
            default=[],
            metavar="APP.MODEL",
            help="Count the events of 1.x of this model that are not applied yet as applied: its rows are gone or "
            "erased by hand. Cannot be taken back; may be repeated.",
        )
        parser.add_argument(
            "--mark-applied",
            "--settle",
            dest="mark_applied",
            action="append",
            default=[],
            type=operation_id,
            metavar="OPERATION",
            help="Count this operation, which cannot be applied, as applied: its rows are gone or erased by hand. "
            "Cannot be taken back; may be repeated.",
        )

    def run(self, options: dict[str, Any]) -> None:
        self.check_writes()
        databases, dry_run = here(options["database_id"]), options["dry_run"]
        check_ready(databases)
        self.ask([] if dry_run or options["noinput"] else stakes(databases))
        self.warn(*warnings(databases))
        work = prepare(
            databases,
            since=options["since"],
            apply_1x=options["apply_1x"],
            marked_applied=options["mark_applied"],
            marked_applied_1x=options["mark_applied_1x"],
            dry_run=dry_run,
        )
        self.list(work)
        report, steps = work.report, restore(work, include_undecided=options["include_undecided"])
        try:
            self.console.follow(steps, "Operations", work.total)
        finally:  # what was done was done, also if the rest fails
            self.print(report, dry_run)
        if report.failed or report.undecided or report.busy:
            self.fail(
                f"Not everything is done: {len(report.failed)} failed, {len(report.undecided)} undecided and "
                f"{len(report.busy)} busy, listed above."
            )

    def warn(self, *texts: str) -> None:
        for text in texts:
            self.stderr.write(self.style.WARNING(text))

    def list(self, work: Restore) -> None:
        """Print the events of 1.x by model: those to be applied, and those that are left alone."""
        for what, backlogs in (("to be applied", work.backlogs), ("left alone", work.unclaimed)):
            for backlog in backlogs:
                for label, number in backlog.counts.items():
                    self.stdout.write(f"Events of 1.x, {what} on {backlog.using}: {label}: {number}")
        if any(work.unclaimed):
            self.warn(
                "Events of 1.x are left alone, as nobody said whether this database has them. If it was not restored, "
                "run gdpr_upgrade. If it was, from a backup of before gdpr_upgrade, add --apply-1x: they are applied "
                "to the rows that have their keys now."
            )

    def ask(self, listed: Sequence[str]) -> None:
        """Before erasures under another database id are done here; rows that were never erased may have these keys."""
        if not listed:
            return
        self.stdout.write("\n".join(["This erases here what was erased in another database:", *listed]))
        self.stdout.write(
            "Rows that have the same keys here are erased. That is right only if this database was restored from a "
            "backup of that one. If that one is in use, it deletes what nobody asked to delete."
        )
        check_yes()

    def print(self, report: Report, dry_run: bool) -> None:
        old: Counter[tuple[str, str]] = Counter()
        for operation, label, reason in report.failed:
            if operation.is_of_1x:
                old[label, reason] += 1
            else:
                self.stdout.write(f"Failed: {operation}: {label}: {reason}")
        for (label, reason), number in old.items():
            self.stdout.write(f"Failed: {label}: {number} of 1.x: {reason}, or add --mark-applied-1x {label}")
        for operation, reason in report.busy:
            self.stdout.write(f"Busy: {operation}: {reason}; run again later")
        for operation in report.undecided:
            self.stdout.write(f"Undecided: {operation}")
        if report.undecided:
            self.stdout.write(
                "Say of each undecided operation that did not take effect: gdpr_reconcile --dismiss OPERATION. "
                "Then apply all that are left with gdpr_rerun --include-undecided."
            )
        for label, count in sorted(report.cascaded.items()):
            self.stdout.write(f"Also anonymised by cascade, or as a part of the same object: {label}: {count}")
        self.table(
            {
                "To be applied" if dry_run else "Applied": report.applied,
                "Already applied": report.already,
                "Failed": len(report.failed),
                "Undecided": len(report.undecided),
                "Busy": len(report.busy),
                "Of other databases, left alone": report.foreign,
                "Rows to be erased" if dry_run else "Rows erased": report.rows,
                "Rows that were not there": report.absent,
            }
        )


def moment(text: str) -> datetime:
    """Return the moment that ``text`` names, in the current time zone unless it says another."""
    try:
        day = parse_date(text)
        found = datetime.combine(day, time()) if day else parse_datetime(text)
    except ValueError:  # a day that there is not
        found = None
    if found is None:
        raise ArgumentTypeError("not a date or time; write 2026-11-24 or 2026-11-24T03:00")
    return timezone.make_aware(found) if timezone.is_naive(found) else found
