"""gdpr_residue: look for values that should be gone, in every table of every database."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.template.defaultfilters import pluralize

from gdpr_assist.exceptions import AnonymiseError
from gdpr_assist.management.arguments import add_json
from gdpr_assist.management.ending import end
from gdpr_assist.residue.looking import Residue, look
from gdpr_assist.residue.values import SHORTEST, usable
from gdpr_assist.sensitive import sensitive


class Command(BaseCommand):
    help = (
        "Look for values, read from the standard input, one a line, in every text column of every table of every "
        "database. Prints where they are and in how many rows, and never a value. The exit status is 1 if there are "
        "any."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--database", action="append", metavar="ALIAS", help="May be repeated. Default: all, and the log's."
        )
        parser.add_argument("--media", action="store_true", help="Also the names and contents of stored files.")
        add_json(parser)

    @sensitive
    def handle(self, *args: Any, **options: Any) -> None:
        given = [line for line in _read().splitlines() if line.strip()]
        if not (texts := usable(given)):
            raise CommandError(
                f"There is nothing to look for: give values of at least {SHORTEST} characters on the standard input, "
                "one a line."
            )
        if short := len(given) - len(texts):
            self.stderr.write(
                f"Left out: {short} line{pluralize(short)}, shorter than {SHORTEST} characters or given twice."
            )
        try:
            residue = look(texts, databases=options["database"], in_media=options["media"])
        except AnonymiseError as error:
            raise CommandError(str(error)) from None
        self.report(residue, options)

    def report(self, residue: Residue, options: dict[str, Any]) -> None:
        """Print where they are. Raises ``CommandError`` if they are anywhere, or if something was not looked at."""
        for line in () if options["json"] else residue.lines():
            self.stdout.write(line)
        number, wrong = len(residue.found), []
        if residue.found:
            wrong = [f"Found in {number} place{pluralize(number)}."]
        elif residue.unread:
            wrong = ["Found nowhere, but not everything could be looked at."]
        end(self, options, wrong, lambda: asdict(residue))


def _read() -> str:
    """Return the standard input, which is UTF-8 whatever the terminal is: values in another are found nowhere.

    Raises ``CommandError`` if it is not. UTF-16 without a mark is UTF-8 as well, with a NUL beside each letter.
    """
    try:
        text = sys.stdin.buffer.read().decode("utf-8-sig")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise CommandError(
            "The standard input is not UTF-8, so that its values would be found nowhere. Save the file as UTF-8: > of "
            "older versions of PowerShell writes UTF-16."
        )
    return text
