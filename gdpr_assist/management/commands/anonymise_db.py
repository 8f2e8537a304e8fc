"""anonymise_db: scrub a copy of the database for development."""

from __future__ import annotations

from argparse import ArgumentTypeError
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser
from django.db import Error, connections
from django.utils.timezone import localtime
from django_rich.management import RichCommand
from rich.markup import escape

from gdpr_assist import compaction, scrubbing
from gdpr_assist.exceptions import AnonymiseError
from gdpr_assist.execution import begin_scrub, end_scrubs, execute_in_ranges
from gdpr_assist.planning import Plan
from gdpr_assist.progress import show


class Command(RichCommand):
    help = "Anonymise every row of every registered model. For copies of the database, never for the original."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--noinput", "--no-input", action="store_false", dest="interactive", help="Do not ask.")
        parser.add_argument("--dry-run", action="store_true", help="Print what would be done and write nothing.")
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
            help="A model to scrub; may be repeated. Default: all that are registered.",
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

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.GDPR_CAN_ANONYMISE_DATABASE and not options["dry_run"]:
            raise CommandError(
                "This database may not be anonymised: set GDPR_CAN_ANONYMISE_DATABASE = True in the settings of the "
                "copy, never in those of the original."
            )
        try:
            aliases = scrubbing.data_aliases(options["database"])
            plans = scrubbing.plans(aliases, only=options["model"], but=options["exclude_model"])
            self.show(plans, options["exclude_model"])
        except AnonymiseError as error:
            raise CommandError(f"Nothing was changed. {error}") from None
        except Error as error:
            raise CommandError(
                f"Nothing was changed. A database could not be read ({type(error).__name__}). Make reachable and "
                f"migrate {', '.join(aliases)}; or choose with --database."
            ) from None
        if options["dry_run"]:
            self.announce(plans if options["compact"] else [])
            return
        if options["interactive"]:
            self.ask(aliases)
        scrubbing.cut_loose({plan.using for plan in plans})
        if options["restart"]:
            end_scrubs(plans)
        for plan in plans:
            self.scrub(plan, options["batch_size"])
        self.compact(plans if options["compact"] else [])
        end_scrubs(plans)
        self.stdout.write(f"Anonymised {len(plans)} tables. No event was logged.")

    def show(self, plans: list[Plan], excluded: list[str]) -> None:
        for plan in plans:
            self.console.print(f"{plan.using}: {escape(str(plan))}", highlight=False, soft_wrap=True)
        for declared in scrubbing.kept():
            self.stdout.write(f"{declared.label}: kept as it is, its PrivacyMeta says can_anonymise = False.")
        for label in excluded:
            self.stdout.write(f"{label}: left as it is, with all personal data in it.")

    def ask(self, aliases: list[str]) -> None:
        names = ", ".join(f"{connections[alias].settings_dict['NAME']} ({alias})" for alias in aliases)
        self.stdout.write(
            f"This anonymises all of the above in {names}, and deletes the stored files that those rows name. "
            "It cannot be undone."
        )
        try:
            answer = input("Type 'yes' to go on: ")
        except EOFError:
            answer = ""
        if answer != "yes":
            raise CommandError("Nothing was changed. To run without a question, give --noinput.")

    def scrub(self, plan: Plan, size: int | None) -> None:
        begun = begin_scrub(plan)
        if begun is not None:
            self.stdout.write(
                f"{plan.using}: {plan.label}: resuming the run of {localtime(begun.started):%Y-%m-%d %H:%M}; what it "
                "has scrubbed is left as it is (--restart to scrub it again)"
            )
        try:
            done = show(execute_in_ranges(plan, size), plan.label, plan.count(), self.console)
        except AnonymiseError as error:
            raise CommandError(
                f"{error} The ranges before it are done; mend this and run the command again."
            ) from None
        self.stdout.write(f"{plan.using}: {plan.label}: {done} anonymised")

    def announce(self, plans: list[Plan]) -> None:
        for using in dict.fromkeys(plan.using for plan in plans):
            self.stdout.write(f"{using}: would be compacted.")

    def compact(self, plans: list[Plan]) -> None:
        for using in dict.fromkeys(plan.using for plan in plans):
            written = [model for plan in plans if plan.using == using for model in (plan.model, *plan.descendants)]
            self.stdout.write(f"{using}: compacting")
            try:
                leftovers = compaction.compact(written, using)
            except AnonymiseError as error:
                raise CommandError(str(error)) from None
            for leftover in leftovers:
                self.stderr.write(self.style.WARNING(leftover))


def positive(text: str) -> int:
    """Return the number that ``text`` is, for an argument of a command."""
    if not text.isdecimal() or int(text) == 0:
        raise ArgumentTypeError("not a whole number of at least 1")
    return int(text)
