"""gdpr_verify: look for anonymised rows that hold something again, and with --all for rows that are not anonymised."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import Error
from django.template.defaultfilters import pluralize
from django_rich.management import RichCommand

from gdpr_assist import scrubbing
from gdpr_assist.exceptions import AnonymiseError
from gdpr_assist.management.log import failure
from gdpr_assist.pages import page
from gdpr_assist.planning import Plan


class Command(RichCommand):
    help = "Count the anonymised rows of every registered model, and those of them that were filled again since."

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
            failures = self.look(options)
        except AnonymiseError as error:
            raise CommandError(str(error)) from None
        except Error as error:
            raise CommandError(failure(error)) from None
        if failures:
            raise CommandError(" ".join(failures))

    def look(self, options: dict[str, Any]) -> list[str]:
        """Print the numbers of each model; return what is wrong with them."""
        plans = scrubbing.plans(
            options["database"], only=options["model"], but=options["exclude_model"], children=True
        )
        refilled, left, unknown = [], [], []
        for plan in plans:
            count, marked, again = plan.count(), plan.marked().count(), plan.refilled().count()
            text = f"{plan.using}: {plan.label}: {_rows(count)}, {marked} anonymised, {again} refilled"
            if marked and (names := _unknown(plan)):
                text += f"; not known of {', '.join(names)}"
                unknown += [f"{plan.label}.{name}" for name in names]
            self.stdout.write(text)
            if again:
                refilled.append(f"{_rows(again)} of {_table(plan)}")
            if marked < count:
                left.append(f"{count - marked} of {_rows(count)} of {_table(plan)}")
        if unknown:
            self.stdout.write(
                f"Not known, and not counted as in order: whether {', '.join(dict.fromkeys(unknown))} hold anything "
                "again. Nobody can tell what an anonymiser or a save() of the project, the time, chance or an "
                "encrypting field has put there."
            )
        failures = []
        if left and options["all"]:
            failures.append(f"Not anonymised: {', '.join(left)}. On a copy, run anonymise_db.")
        if refilled:
            failures.append(
                f"Filled again since they were anonymised: {', '.join(refilled)}. On a copy, run anonymise_db; "
                f"elsewhere, anonymise these rows with force=True ({page('reference/methods', 'Refilled rows')})."
            )
        return failures


def _unknown(plan: Plan) -> list[str]:
    """Return the columns of which nobody can tell whether they were filled again, in all rows or in some."""
    computed = {name: None for note in plan.computed() for name in note.split(",")}
    return [*plan.untold, *(f"{name} (where save() has computed it)" for name in computed if name in plan.told)]


def _rows(count: int) -> str:
    return f"{count} row{pluralize(count)}"


def _table(plan: Plan) -> str:
    return f"{plan.label} on {plan.using}"
