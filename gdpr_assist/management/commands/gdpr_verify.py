"""gdpr_verify: look for anonymised rows that hold something again."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import Error
from django_rich.management import RichCommand

from gdpr_assist import scrubbing
from gdpr_assist.exceptions import AnonymiseError


class Command(RichCommand):
    help = "Count the anonymised rows of every registered model, and those of them that were filled again since."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--database", action="append", metavar="ALIAS", help="Default: all but the log.")
        parser.add_argument(
            "--exclude-model",
            action="append",
            default=[],
            metavar="APP.MODEL",
            help="A model to leave out, as one without a table; may be repeated.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        refilled = 0
        try:
            plans = scrubbing.plans(options["database"], but=options["exclude_model"], children=True)
        except AnonymiseError as error:
            raise CommandError(str(error)) from None
        except Error as error:
            names = ", ".join(options["database"] or scrubbing.data_aliases())
            raise CommandError(
                f"A database could not be read ({type(error).__name__}). Make reachable {names}; or choose with "
                "--database."
            ) from None
        for plan in plans:
            try:
                count, marked, again = plan.count(), plan.marked().count(), plan.refilled().count()
            except Error as error:
                raise CommandError(
                    f"{plan.label} could not be read on {plan.using} ({type(error).__name__}). "
                    f"Make the database reachable and migrate it (migrate --database={plan.using})."
                ) from None
            refilled += again
            self.stdout.write(f"{plan.using}: {plan.label}: {count} rows, {marked} anonymised, {again} refilled")
        if refilled:
            raise CommandError(
                f"{refilled} of the anonymised rows were filled again. gdpr_assist.planning.plan(Model.objects.all())"
                ".refilled() gives them; anonymise them with force=True."
            )
