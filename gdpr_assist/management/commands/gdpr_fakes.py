"""``manage.py gdpr_fakes``: pools of invented values, for ``Pseudonym``."""

from __future__ import annotations

import json
from typing import Any

from django.core.management import BaseCommand, CommandError, CommandParser

from gdpr_assist.exceptions import AnonymiseError
from gdpr_assist.management.arguments import positive
from gdpr_assist.management.fakes import FIELDS, pools


class Command(BaseCommand):
    help = (
        "Print pools of invented names, towns and the like as JSON, for Pseudonym to pick from. It is done once, by "
        "who develops the site: gdpr_fakes --locale de_DE --rows 1000 > pools.json. Takes Faker (the extra fakes)."
    )
    # It is made before the setting that needs it
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--locale", default="en_US", help="As de_DE, of Faker. Default: en_US.")
        parser.add_argument(
            "--rows", type=positive, default=1000, metavar="NUMBER", help="Values of each pool. Default: 1000."
        )
        parser.add_argument(
            "--field",
            nargs="+",
            action="extend",
            metavar="NAME",
            help=f"A provider of Faker; may be repeated. Default: {', '.join(FIELDS)}.",
        )
        parser.add_argument("--seed", type=int, metavar="NUMBER", help="For the same values each time.")

    def handle(self, *args: Any, **options: Any) -> None:
        rows = options["rows"]
        try:
            made = pools(options["locale"], rows, options["field"] or FIELDS, options["seed"])
        except AnonymiseError as error:
            raise CommandError(str(error)) from None
        for name, values in made.items():
            if len(values) < rows:
                self.stderr.write(f"{name}: {len(values)} different values, not {rows}: there are hardly more.")
        self.stdout.write(json.dumps(made, ensure_ascii=False, indent=1))
