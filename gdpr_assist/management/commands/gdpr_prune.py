"""gdpr_prune: remove from the log what no backup can bring back any more."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from gdpr_assist.log.pruning import prune
from gdpr_assist.log.texts import hide_all
from gdpr_assist.management.log import LogCommand
from gdpr_assist.routing import here


class Command(LogCommand):
    help = "Remove settled operations older than GDPR_LOG_RETENTION from the log, and later their receipts."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="Print what would be removed and write nothing.")
        parser.add_argument(
            "--hide-keys",
            action="store_true",
            help="Put digests in the place of primary keys that are texts, which older versions have logged in clear.",
        )

    def run(self, options: dict[str, Any]) -> None:
        self.check_writes()
        operations, receipts = prune(here(), dry_run=options["dry_run"])
        outcome = "to be removed" if options["dry_run"] else "removed"
        numbers = {f"Operations {outcome}": operations, f"Receipts {outcome}": receipts}
        if options["hide_keys"]:
            numbers[f"Keys {'to be ' if options['dry_run'] else ''}hidden"] = hide_all(here(), options["dry_run"])
        self.table(numbers)
