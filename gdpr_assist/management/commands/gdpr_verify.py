"""gdpr_verify: look for anonymised rows that hold something again, and for erased rows that are back.

With --all for rows that are not anonymised.
"""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error
from django.template.defaultfilters import pluralize

from gdpr_assist.databases.failures import failure
from gdpr_assist.exceptions import AnonymiseError
from gdpr_assist.pages import page
from gdpr_assist.planning.preview import Preview
from gdpr_assist.scrubbing.verification import Verification, failures, verify


class Command(BaseCommand):
    help = (
        "Count the anonymised rows of every registered model, those of them that were filled again since, and the "
        "rows that are there though the log says that they were erased."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--all",
            action="store_true",
            help="Every row must be anonymised, as after anonymise_db; else the exit status is 1.",
        )
        parser.add_argument("--database", action="append", metavar="ALIAS", help="Default: all but the log.")
        parser.add_argument(
            "--model",
            action="append",
            default=[],
            metavar="APP.MODEL",
            help="A model to look at; may be repeated. Default: all that are registered.",
        )
        parser.add_argument(
            "--exclude-model",
            action="append",
            default=[],
            metavar="APP.MODEL",
            help="A model to leave out, as one without a table; may be repeated.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            wrong = self.look(options)
        except AnonymiseError as error:
            raise CommandError(str(error)) from None
        except Error as error:
            raise CommandError(failure(error)) from None
        if wrong:
            raise CommandError(" ".join(wrong))

    def look(self, options: dict[str, Any]) -> list[str]:
        """Print the numbers of each model; return what is wrong with them."""
        verification = verify(
            options["database"], only=options["model"], but=options["exclude_model"], follow=self.print_table
        )
        self.print_unknown(verification.previews)
        self.print_returned(verification)
        return list(failures(verification, every=options["all"]))

    def print_table(self, each: Preview) -> None:
        rows = each.rows + each.left
        text = f"{rows} row{pluralize(rows)}, {each.marked} anonymised, {each.refilled} refilled"
        if each.left:
            text += f", {each.left} left out by scrub"
        if each.unknown:
            text += f"; not known of {', '.join(each.unknown)}"
        self.stdout.write(f"{each.plan.using}: {each.plan.name}: {text}")
        self.stdout.flush()  # the next table may take long

    def print_unknown(self, previews: list[Preview]) -> None:
        if unknown := dict.fromkeys(f"{each.plan.label}.{name}" for each in previews for name in each.unknown):
            self.stdout.write(
                f"Not known, and not counted as in order: whether {', '.join(unknown)} hold anything "
                "again. Nobody can tell what an anonymiser or a save() of the project, the time, chance or an "
                "encrypting field has put there."
            )

    def print_returned(self, verification: Verification) -> None:
        for place in verification.returned:
            text = f"{place.using}: {place.label}: {place.counted}, and there again"
            if not place.is_certain:
                text += "; not known whether these are other rows, as a key of this model may be used again"
            self.stdout.write(text)
        if verification.log_error:
            self.stdout.write(
                f"Not looked at: whether erased rows are there again, as the event log cannot be read "
                f"({verification.log_error}): {page('howto/protect_the_log', 'The owner')}"
            )
