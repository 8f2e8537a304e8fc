"""gdpr_reconcile: settle the operations whose outcome did not reach the log."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.core.management.base import CommandParser

from gdpr_assist.log.ownership import check_database_ids
from gdpr_assist.log.reconciliation import Settled, describe, dismiss, kinds, reconcile
from gdpr_assist.management import documents
from gdpr_assist.management.arguments import add_database_id, add_json, operation_id
from gdpr_assist.management.ending import end
from gdpr_assist.management.log import LogCommand
from gdpr_assist.management.reports import wrong_with_settled
from gdpr_assist.routing import here


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
            help="Note of this undecided operation that it did not take effect, for good; may be repeated.",
        )
        add_json(parser)
        add_database_id(parser, "Look also at the operations under this other id of the database; may be repeated.")

    def run(self, options: dict[str, Any]) -> None:
        if options["dry_run"] and options["dismiss"]:
            self.fail("--dry-run writes nothing: leave out --dismiss.")
        self.check_writes()
        databases = here(options["database_id"])
        check_database_ids(databases)
        if options["dismiss"]:
            dismiss(options["dismiss"], databases)
        settled = reconcile(databases, dry_run=options["dry_run"])
        if not options["json"]:
            self.print(settled, options["dry_run"])
        facts = partial(documents.of_settled, settled, dry_run=options["dry_run"])
        end(self, options, wrong_with_settled(settled), facts, fails=bool(settled.unknown))

    def print(self, settled: Settled, dry_run: bool) -> None:
        for operation in settled.unknown:
            self.stdout.write(
                f"{describe(operation.id, operation.started, kinds(operation.id))}: unknown; the database was "
                "restored. Apply all that are with gdpr_rerun --include-undecided, or say that this one did not take "
                f"effect with gdpr_reconcile --dismiss {operation.id}"
            )
        if self.verbosity:
            for operation in settled.busy:
                listed = describe(operation.id, operation.started, kinds(operation.id))
                self.stdout.write(f"{listed}: still in a transaction; the next run settles it")
        for operation in settled.corrected:
            self.stdout.write(
                f"{describe(operation.id, operation.started, kinds(operation.id))}: took effect, though the log said "
                "rolled back; does a copy of the database with the same id share the log? (gdpr_new_id)"
            )
        lines = {
            "Committed": settled.committed,
            "Rolled back, or still in a transaction" if dry_run else "Rolled back": settled.rolled_back,
            "Unknown": len(settled.unknown),
            **({"Corrected": len(settled.corrected)} if settled.corrected else {}),
            "Of other databases, left alone": settled.foreign,
        }
        self.table(lines if dry_run else {**lines, "Still in a transaction": len(settled.busy)})
