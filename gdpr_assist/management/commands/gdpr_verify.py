"""gdpr_verify: look for anonymised rows that hold something again, and for erased rows that are back.

With --all for rows that are not anonymised.
"""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error
from django.db.models import Model
from django.template.defaultfilters import pluralize

from gdpr_assist import scrubbing
from gdpr_assist.conf import log_database
from gdpr_assist.exceptions import AnonymiseError
from gdpr_assist.interference import raised_by
from gdpr_assist.management.log import failure
from gdpr_assist.pages import page
from gdpr_assist.planning.plans import Plan
from gdpr_assist.planning.preview import preview
from gdpr_assist.registry import registry
from gdpr_assist.returned import Returned, returned


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
        refilled, left = self.count(plans)
        back = self.back(plans, options)
        failures = []
        if back:
            failures.append(
                f"There again, as it seems, though the log says that they were erased: {', '.join(back)}. Was a table "
                "restored, or data loaded? Erase these rows again "
                f"({page('howto/restore_a_backup', 'If only a table was restored')})."
            )
        if left and options["all"]:
            failures.append(f"Not anonymised: {', '.join(left)}. On a copy, run anonymise_db.")
        if refilled:
            failures.append(
                f"Filled again since they were anonymised: {', '.join(refilled)}. On a copy, run anonymise_db; "
                f"elsewhere, anonymise these rows with force=True ({page('reference/methods', 'Refilled rows')})."
            )
        return failures

    def count(self, plans: list[Plan]) -> tuple[list[str], list[str]]:
        """Print the numbers of the rows that are there; return how many are refilled, and not anonymised, by model."""
        refilled, left, unknown = [], [], []
        for plan in plans:
            numbers = preview(plan)
            count, marked, again = numbers.rows, numbers.marked, numbers.refilled
            text = f"{plan.using}: {plan.label}: {_rows(count)}, {marked} anonymised, {again} refilled"
            if names := numbers.unknown:
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
        return refilled, left

    def back(self, plans: list[Plan], options: dict[str, Any]) -> list[str]:
        """Print how many erased rows are there again; return those of models whose keys are used only once."""
        try:
            found = returned(options["database"], _models(plans, is_chosen=bool(options["model"])))
        except Error as error:
            if raised_by(error) != log_database():
                raise
            self.stdout.write(
                f"Not looked at: whether erased rows are there again, as the event log cannot be read "
                f"({type(error).__name__}): {page('howto/protect_the_log', 'The owner')}"
            )
            return []
        for each in found:
            text = f"{each.using}: {each.label}: {_erased(each)}, and there again"
            if not each.is_certain:
                text += "; not known whether these are other rows, as a key of this model may be used again"
            self.stdout.write(text)
        return [f"{_erased(each)} of {each.label} on {each.using}" for each in found if each.is_certain]


def _models(plans: list[Plan], *, is_chosen: bool) -> set[type[Model]]:
    """Return the models whose events are looked at: those of the plans, and what goes or stays beside them."""
    found = {each.declaration.model for each in plans}
    if not is_chosen:
        found |= {each.model for each in scrubbing.kept()}
    return found.union(*(registry.unregistered_parents(model) for model in found))


def _erased(each: Returned) -> str:
    numbers = {"deleted": len(each.deleted_keys), "anonymised": len(each.anonymised_keys)}
    return " and ".join(f"{number} {event}" for event, number in numbers.items() if number)


def _rows(count: int) -> str:
    return f"{count} row{pluralize(count)}"


def _table(plan: Plan) -> str:
    return f"{plan.label} on {plan.using}"
