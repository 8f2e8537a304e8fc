"""``manage.py gdpr_inventory``: what is held of people, by declaration."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management import BaseCommand, CommandError, CommandParser
from django.template.defaultfilters import pluralize

from gdpr_assist.exceptions import AnonymiseError
from gdpr_assist.inventory.cascade import edges
from gdpr_assist.inventory.drawing import drawing
from gdpr_assist.inventory.formats import COLUMNS, FORMATS, by_model, differences
from gdpr_assist.inventory.held import Held, inventory
from gdpr_assist.management.console import console

SUFFIXES = {".csv": "csv", ".json": "json", ".md": "markdown"}


class Command(BaseCommand):
    help = (
        "List the personal data that is held, as it is declared: each field with what it becomes and the path to its "
        "person. It is the data half of a record of processing activities (GDPR, Article 30(1))."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--format",
            choices=["table", *FORMATS, "svg"],
            help="Default: table. With svg a drawing of what goes with what when a row is deleted or erased.",
        )
        parser.add_argument(
            "--check",
            type=Path,
            metavar="FILE",
            help="Compare with this file, a csv, json or markdown, and end with exit status 1 if it is not the same.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        file, name = options["check"], options["format"]
        try:
            if file:
                self.compare(file, name or SUFFIXES.get(file.suffix, ""))
            elif name == "svg":
                self.stdout.write(drawing(edges()))
            elif name in FORMATS:
                self.stdout.write(FORMATS[name](inventory()))
            else:
                self.print_tables(inventory(), options)
        except AnonymiseError as error:
            raise CommandError(str(error)) from None

    def print_tables(self, held: list[Held], options: dict[str, Any]) -> None:
        shown = console(self.stdout, options)
        for label, facts, rows in by_model(held):
            said = "".join(f"\n{title}: {text}" for title, text in facts.items())
            shown.rows(rows, list(COLUMNS), title=label + said)

    def compare(self, file: Path, name: str) -> None:
        if name not in FORMATS:
            raise CommandError(f"{file.name}: say with --format which one of {', '.join(FORMATS)} it is.")
        try:
            written = file.read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            raise CommandError(f"{file.name} cannot be read ({type(error).__name__}).") from None
        if lines := differences(written, FORMATS[name](inventory())):
            for line in lines:
                self.stdout.write(line)
            raise CommandError(
                f"{file.name} is not what is held now: {len(lines)} line{pluralize(len(lines))} of difference. "
                f"If what is held is right, write the file anew: gdpr_inventory --format {name} > {file.name}"
            )
