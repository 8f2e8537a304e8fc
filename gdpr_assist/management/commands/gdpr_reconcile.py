"""gdpr_reconcile: settle the operations whose outcome did not reach the log."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from gdpr_assist.management.log import LogCommand, operation_id
from gdpr_assist.reconciliation import Databases, dismiss, labels, reconcile


class Command(LogCommand):
    help = "Find out of each operation without an outcome whether it took effect: run it every few minutes."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="Print what would be found and write nothing.")
        parser.add_argument(
            "--dismiss",
            action="append",
            default=[],
            type=operation_id,
            metavar="OPERATION",
            help="Note of this undecided operation that it did not take effect; may be repeated.",
        )

    def run(self, options: dict[str, Any]) -> None:
        databases = Databases()
        if not options["dry_run"]:
            for operation in options["dismiss"]:
                dismiss(operation, databases)
        settled = reconcile(databases, dry_run=options["dry_run"])
        for operation in settled.unknown:
            self.stdout.write(
                f"{operation} {labels(operation)}: unknown; the database was restored. Apply it with gdpr_rerun "
                f"--include-undecided, or say that it did not take effect with gdpr_reconcile --dismiss {operation}"
            )
        self.table(
            {
                "Committed": settled.committed,
                "Rolled back": settled.rolled_back,
                "Unknown": len(settled.unknown),
                "Still in a transaction": settled.busy,
            }
        )
