"""gdpr_prune: remove from the log what no backup can bring back any more."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from gdpr_assist.conf import task_backend
from gdpr_assist.jobs.settling import sweep
from gdpr_assist.log.pruning import prune
from gdpr_assist.log.texts import hide_all
from gdpr_assist.management.arguments import add_json
from gdpr_assist.management.ending import write_document
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
        add_json(parser)

    def run(self, options: dict[str, Any]) -> None:
        self.check_writes()
        dry_run = options["dry_run"]
        operations, receipts = prune(here(), dry_run=dry_run)
        hidden = hide_all(here(), dry_run) if options["hide_keys"] else None
        if task_backend() is not None and not dry_run:
            sweep()
        if options["json"]:
            facts = {"dry_run": dry_run, "operations": operations, "receipts": receipts, "hidden_keys": hidden}
            write_document(self, facts)
            return
        outcome = "to be removed" if dry_run else "removed"
        numbers = {f"Operations {outcome}": operations, f"Receipts {outcome}": receipts}
        if hidden is not None:
            numbers[f"Keys {'to be ' if dry_run else ''}hidden"] = hidden
        self.table(numbers)
