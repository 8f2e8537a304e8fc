"""gdpr_rerun: re-apply the logged erasures after a backup was restored."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.core.management.base import CommandParser

from gdpr_assist.databases.aliases import data_aliases
from gdpr_assist.log.ownership import stakes, warnings
from gdpr_assist.management import documents
from gdpr_assist.management.arguments import add_database_id, add_json, moment, operation_id
from gdpr_assist.management.asking import check_yes
from gdpr_assist.management.ending import end
from gdpr_assist.management.log import LogCommand
from gdpr_assist.management.reports import numbers_of_replay, of_backlogs, of_replay, wrong_with_replay
from gdpr_assist.planning.superusers import with_superuser
from gdpr_assist.replay.replay import check_ready
from gdpr_assist.replay.restore import prepare, restore
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
        add_json(parser)
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
        self.ask([] if dry_run or options["noinput"] else stakes(databases), options)
        self.warn(*warnings(databases))
        work = prepare(
            databases,
            since=options["since"],
            apply_1x=options["apply_1x"],
            marked_applied=options["mark_applied"],
            marked_applied_1x=options["mark_applied_1x"],
            dry_run=dry_run,
        )
        prints = not options["json"]
        self.say(of_backlogs(work) if prints else ())
        if any(work.unclaimed):
            self.warn(
                "Events of 1.x are left alone, as nobody said whether this database has them. If it was not restored, "
                "run gdpr_upgrade. If it was, from a backup of before gdpr_upgrade, add --apply-1x: they are applied "
                "to the rows that have their keys now."
            )
        before = with_superuser(data_aliases())
        report, steps = work.report, restore(work, include_undecided=options["include_undecided"])
        try:
            self.console.follow(steps, "Operations", work.total)
        finally:  # what was done was done, also if the rest fails
            if prints:
                self.say(of_replay(report))
                self.table(numbers_of_replay(report, dry_run=dry_run))
            if gone := sorted({*before}.difference(with_superuser(data_aliases()))):
                self.warn(f"{', '.join(gone)}: no active superuser is left: nobody can log in who may do everything.")
        fails = bool(report.failed or report.undecided or report.busy)
        end(self, options, wrong_with_replay(work), lambda: documents.of_replay(work), fails=fails)

    def warn(self, *texts: str) -> None:
        for text in texts:
            self.stderr.write(self.style.WARNING(text))

    def ask(self, listed: Sequence[str], options: dict[str, Any]) -> None:
        """Before erasures under another database id are done here; rows that were never erased may have these keys."""
        if not listed:
            return
        out = self.stderr if options["json"] else self.stdout
        out.write("\n".join(["This erases here what was erased in another database:", *listed]))
        out.write(
            "Rows that have the same keys here are erased. That is right only if this database was restored from a "
            "backup of that one. If that one is in use, it deletes what nobody asked to delete."
        )
        check_yes()
