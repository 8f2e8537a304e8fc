"""gdpr_rerun: re-apply the logged erasures after a backup was restored."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import Error, connections
from django_rich.management import RichCommand
from rich.table import Table

from gdpr_assist.conf import log_database
from gdpr_assist.progress import show
from gdpr_assist.replay import Report, count_operations, logged_operations, replay


class Command(RichCommand):
    help = "Re-apply every logged erasure that this database does not have: run it after restoring a backup."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="Print what would be done and write nothing.")

    def handle(self, *args: Any, **options: Any) -> None:
        log = log_database()
        if log is None:
            raise CommandError("There is no event log to re-apply: GDPR_LOG_DATABASE_NAME is None.")
        if log not in connections:
            raise CommandError(f"The event log's database {log!r} (GDPR_LOG_DATABASE_NAME) is not in DATABASES.")
        report = Report()
        try:
            total = count_operations()
            counts = self.counts(report, options["dry_run"])
            show(counts, "Operations", total, self.console)
        except Error as error:
            raise CommandError(
                f"A database could not be used ({type(error).__name__}). Make both databases reachable and "
                f"migrate them (migrate, and migrate --database={log}), then "
                "run the command again: what was applied is not applied twice."
            ) from None
        self.print(report, options["dry_run"])
        if report.failed:
            raise CommandError(f"{len(report.failed)} operations could not be applied; they are listed above.")

    def counts(self, report: Report, dry_run: bool) -> Iterator[int]:
        for done in replay(logged_operations(report), report, dry_run=dry_run):
            yield done.applied + done.already + len(done.failed)

    def print(self, report: Report, dry_run: bool) -> None:
        lines = {
            "To be applied" if dry_run else "Applied": report.applied,
            "Already applied": report.already,
            "Failed": len(report.failed),
            "Undecided, left alone": report.undecided,
            "Of other databases, left alone": report.foreign,
            "Rows to be erased" if dry_run else "Rows erased": report.rows,
            "Rows that were not there": report.absent,
        }
        for operation, label, reason in report.failed:
            self.stdout.write(f"{operation} {label}: {reason}")
        if not self.console.is_terminal:
            for name, count in lines.items():
                self.stdout.write(f"{name}: {count}")
            return
        table = Table("Operations", "Number")
        for name, count in lines.items():
            table.add_row(name, str(count))
        self.console.print(table)
