"""anonymise_db: scrub a copy of the database for development."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from gdpr_assist.conf import can_anonymise_database
from gdpr_assist.exceptions import AnonymiseError
from gdpr_assist.former import warn
from gdpr_assist.management.arguments import add_json, positive
from gdpr_assist.management.asking import check_confirmed
from gdpr_assist.management.before_after import check_values
from gdpr_assist.management.console import console
from gdpr_assist.management.hands import check_hands
from gdpr_assist.management.scrubs import describe
from gdpr_assist.planning.plans import Plan
from gdpr_assist.scrubbing.emptied import Emptied, goes
from gdpr_assist.scrubbing.preview import done, untouched, warning
from gdpr_assist.scrubbing.run import prepare, scrub
from gdpr_assist.scrubbing.spreading import Spread
from gdpr_assist.scrubbing.telling import Interrupted, told

# What a shell gives for a process that Ctrl-C has ended
INTERRUPTED = 130


class Command(BaseCommand):
    help = "Anonymise every row of every registered model. For copies of the database, never for the original."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--noinput", "--no-input", action="store_false", dest="interactive", help="Do not ask.")
        parser.add_argument("--dry-run", action="store_true", help="Print what would be done and write nothing.")
        parser.add_argument(
            "--show-values",
            action="store_true",
            help="With --dry-run: show what becomes of up to three real rows of each table. They are personal data.",
        )
        add_json(parser, "With --dry-run: write what would be done as JSON.")
        parser.add_argument(
            "--database",
            action="append",
            metavar="ALIAS",
            help="A database to scrub; may be repeated. Default: all but the log.",
        )
        parser.add_argument(
            "--no-compact",
            action="store_false",
            dest="compact",
            help="Leave the files of the databases as they are, with old values in them.",
        )
        parser.add_argument(
            "--model",
            action="append",
            default=[],
            metavar="APP.MODEL",
            help="A model to scrub; may be repeated. Default: all that are registered, or in GDPR_SCRUB_RULES.",
        )
        parser.add_argument(
            "--exclude-model",
            action="append",
            default=[],
            metavar="APP.MODEL",
            help="A model to leave as it is; may be repeated.",
        )
        parser.add_argument(
            "--batch-size",
            type=positive,
            metavar="ROWS",
            help="How many rows are scrubbed, and locked, in one transaction. Default: as many as the database likes.",
        )
        parser.add_argument(
            "--restart",
            action="store_true",
            help="Scrub all rows again, also those that an interrupted run has done.",
        )
        parser.add_argument(
            "--no-marks",
            action="store_false",
            dest="marks",
            help="Mark no row: faster, but a run that is interrupted begins anew, and gdpr_verify sees nothing of it.",
        )
        several = parser.add_mutually_exclusive_group()
        several.add_argument(
            "--workers",
            type=positive,
            default=1,
            metavar="N",
            help="How many processes of this machine scrub at once. On SQLite, with its one writer, always one.",
        )
        several.add_argument(
            "--enqueue",
            action="store_true",
            dest="in_queue",
            help="Have the workers of the site's queue (GDPR_TASK_BACKEND) scrub, of whatever machine.",
        )
        parser.add_argument(
            "--last-superuser",
            action="store_true",
            help="Without a question: scrub also the last account that may do everything.",
        )
        parser.add_argument("--bulk", action="store_true", help="Of 1.x: means nothing any more.")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["bulk"]:
            warn("anonymise_db --bulk", "Leave it out: rows are always anonymised together where that is possible.")
        check_values(options)
        check_hands(options)
        if not can_anonymise_database() and not options["dry_run"]:
            raise CommandError(
                "This database may not be anonymised: set GDPR_CAN_ANONYMISE_DATABASE = True in the settings of the "
                "copy, never in those of the original."
            )
        self.verbosity: int = options["verbosity"]
        self.console = console(self.stdout, options)
        try:
            self.run(options)
        except Interrupted as error:
            raise CommandError(str(error), returncode=INTERRUPTED) from None
        except AnonymiseError as error:
            raise CommandError(str(error)) from None

    def run(self, options: dict[str, Any]) -> None:
        dry_run = options["dry_run"]
        with told("Nothing was changed."):
            work = prepare(
                options["database"],
                only=options["model"],
                but=options["exclude_model"],
                restart=options["restart"],
                batch_size=options["batch_size"],
                marks=options["marks"],
                workers=options["workers"],
                in_queue=options["in_queue"],
                dry_run=dry_run,
            )
            describe(self, self.console, work, options)
            if not dry_run:
                check_confirmed(options, self.stdout.write, warning(work), work.last_superuser)
        if dry_run:
            return
        left = scrub(
            work,
            compact=options["compact"],
            follow=self.follow,
            compacting=lambda using: self.say(f"{using}: compacting"),
        )
        self.say(done(work))
        for line in untouched(work):
            self.say(line)
        if options["compact"] or self.verbosity:
            for text in left:
                self.stderr.write(self.style.WARNING(text))

    def say(self, text: str) -> None:
        if self.verbosity:
            self.stdout.write(text)

    def follow(self, step: Plan | Emptied | Spread, steps: Iterator[int], total: int) -> None:
        count = self.console.follow(steps, step.label, total)
        for each, number in step.counts() if isinstance(step, Spread) else [(step, count)]:
            self.say(f"{each.using}: {each.label}: {number} {'deleted' if goes(each) else 'anonymised'}")
