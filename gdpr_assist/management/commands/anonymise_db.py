"""anonymise_db: scrub a copy of the database for development."""

from __future__ import annotations

from argparse import ArgumentTypeError
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error, connections
from django.template.defaultfilters import pluralize

from gdpr_assist import compaction, scrubbing
from gdpr_assist.exceptions import AnonymiseError
from gdpr_assist.execution.ranges import begin_scrub, end_scrubs, execute_in_ranges
from gdpr_assist.files import deletions
from gdpr_assist.former import warn
from gdpr_assist.isolation import check_commits
from gdpr_assist.management.asking import check_yes
from gdpr_assist.management.console import console
from gdpr_assist.management.log import failure
from gdpr_assist.planning.plans import Plan
from gdpr_assist.planning.preview import preview
from gdpr_assist.reconciliation import shown

# What a shell gives for a process that Ctrl-C has ended
INTERRUPTED = 130

NOTHING = "left as it is, none of the tables is there"

AGAIN = "Run the command again, without --restart: it goes on where it stopped."


class Command(BaseCommand):
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

        parser.add_argument("--bulk", action="store_true", help="Of 1.x: means nothing any more.")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["bulk"]:
            warn("anonymise_db --bulk", "Leave it out: rows are always anonymised together where that is possible.")
        if not settings.GDPR_CAN_ANONYMISE_DATABASE and not options["dry_run"]:
            raise CommandError(
                "This database may not be anonymised: set GDPR_CAN_ANONYMISE_DATABASE = True in the settings of the "
                "copy, never in those of the original."
            )
        self.verbosity: int = options["verbosity"]
        self.console = console(self.stdout, options)
        with told("Nothing was changed."):
            plans = scrubbing.plans(options["database"], only=options["model"], but=options["exclude_model"])
            begun = {} if options["restart"] else scrubbing.interrupted(plans)
            self.show(plans, begun, options)
            if options["dry_run"]:
                self.announce(plans if options["compact"] else [])
                return
            check_commits(aliases(plans))
            if options["interactive"]:
                self.ask(plans)
        self.prepare(plans, options["restart"])
        for plan in plans:
            self.scrub(plan, options["batch_size"])
        # Before the files: whoever fills the copy again after a compaction that failed must find it scrubbed anew.
        with told(f"All rows are anonymised, but it could not be noted that the run has ended. {AGAIN}"):
            end_scrubs(plans)
        self.compact(plans, options["compact"])
        self.say(f"Anonymised {len(plans)} table{pluralize(len(plans))}. No event was logged.")
        if not options["compact"] and self.verbosity:
            self.warn(compaction.left_out(using) for using in aliases(plans))

    def say(self, text: str) -> None:
        if self.verbosity:
            self.stdout.write(text)

    def warn(self, texts: Iterable[str]) -> None:
        for text in texts:
            self.stderr.write(self.style.WARNING(text))

    def show(self, plans: list[Plan], begun: dict[tuple[str, str], datetime], options: dict[str, Any]) -> None:
        for plan in plans:
            started, numbers = begun.get((plan.using, plan.label)), preview(plan)
            text = str(numbers)
            if started is not None:
                done = numbers.marked - numbers.refilled
                text = (
                    f"{numbers.counted}; goes on where the run of {shown(started)} stopped: {done} of {numbers.rows} "
                    "rows are done (--restart scrubs them again)"
                )
            self.say(f"{plan.using}: {text}")
        for declared in scrubbing.kept():
            self.say(f"{declared.label}: kept as it is, its PrivacyMeta says can_anonymise = False.")
        for label in options["exclude_model"]:
            self.say(f"{label}: left as it is, with all personal data in it.")
        for using in sorted(set(scrubbing.data_aliases(options["database"])) - set(aliases(plans))):
            same = scrubbing.twin(using, aliases(plans))
            why = f"the same database as {same}, which is scrubbed once" if same else NOTHING
            self.say(f"{using}: {why}.")
        for text in deletions(plans):
            self.say(f"Stored files are deleted from {text}.")

    def ask(self, plans: list[Plan]) -> None:
        names = ", ".join(f"{connections[using].settings_dict['NAME']} ({using})" for using in aliases(plans))
        files = deletions(plans)
        also = f", and deletes the stored files that those rows name from {'; from '.join(files)}" if files else ""
        self.stdout.write(f"This anonymises all of the above in {names}{also}. It cannot be undone.")
        check_yes()

    def prepare(self, plans: list[Plan], restart: bool) -> None:
        with told(
            "No row was changed, though the databases may have a new instance id by now, which does no harm. Run the "
            "command again."
        ):
            scrubbing.cut_loose(aliases(plans))
            if restart:
                end_scrubs(plans)

    def scrub(self, plan: Plan, size: int | None) -> None:
        tally = Tally(plan)
        with told(tally, AGAIN):
            tally.total = plan.count()
            if begin_scrub(plan) is not None:
                tally.before = plan.marked().count()
            try:
                count = self.console.follow(tally.follow(size), plan.label, tally.total - tally.before)
            except AnonymiseError as error:
                # What is true of the one transaction of an erasure is not of a scrub.
                text = str(error).replace(" Nothing was changed.", "")
                raise CommandError(f"{text} {tally} Mend this. {AGAIN}") from None
        self.say(f"{plan.using}: {plan.label}: {count} anonymised")

    def announce(self, plans: list[Plan]) -> None:
        for using in aliases(plans):
            self.say(f"{using}: would be compacted.")

    def compact(self, plans: list[Plan], wanted: bool) -> None:
        for using in aliases(plans) if wanted else []:
            written = [model for plan in plans if plan.using == using for model in (plan.model, *plan.descendants)]
            self.say(f"{using}: compacting")
            with told(
                f"All rows are anonymised, but the files of {using} still hold old values. Run the command again: it "
                "anonymises them once more, and compacts."
            ):
                try:
                    self.warn(compaction.compact(written, using))
                except AnonymiseError as error:
                    raise CommandError(str(error)) from None


@dataclass
class Tally:
    """How far the scrub of one table is; as text, what to say of it when it breaks off."""

    plan: Plan
    total: int | None = None
    before: int = 0
    """How many rows an interrupted run has done."""
    done: int = 0

    def follow(self, size: int | None) -> Iterator[int]:
        for done in execute_in_ranges(self.plan, size):
            self.done = done
            yield done

    def __str__(self) -> str:
        table = f"{self.plan.label} on {self.plan.using}"
        if self.total is None:
            return f"{table}: this run has changed no row yet."
        are = pluralize(self.total, "row is,rows are")
        return (
            f"{table}: {self.before + self.done} of {self.total} {are} done; what was in the making was rolled back."
        )


@contextmanager
def told(done: str | Tally, again: str = "") -> Iterator[None]:
    """Turn what breaks the block off into an error that says what is done, and how to go on."""
    try:
        yield
    except KeyboardInterrupt:
        raise CommandError(f"Interrupted. {done} {again}".rstrip(), returncode=INTERRUPTED) from None
    except AnonymiseError as error:
        raise CommandError(f"{done} {error}") from None
    except Error as error:
        raise CommandError(f"{failure(error)} {done} {again}".rstrip()) from None


def aliases(plans: list[Plan]) -> list[str]:
    return list(dict.fromkeys(plan.using for plan in plans))


def positive(text: str) -> int:
    """Return the number that ``text`` is, for an argument of a command."""
    if not text.isdecimal() or int(text) == 0:
        raise ArgumentTypeError("not a whole number of at least 1")
    return int(text)
