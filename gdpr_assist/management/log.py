"""What the commands for the event log have in common: they refuse without one, and turn errors into refusals."""

from __future__ import annotations

import uuid
from argparse import ArgumentTypeError
from typing import Any, NoReturn

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error, connections

from gdpr_assist.conf import log_database
from gdpr_assist.databases.aliases import data_aliases
from gdpr_assist.databases.failures import failure
from gdpr_assist.databases.isolation import check_commits
from gdpr_assist.exceptions import AnonymiseError
from gdpr_assist.management.console import console


class LogCommand(BaseCommand):
    """A command on the event log. Subclasses write ``run``."""

    def handle(self, *args: Any, **options: Any) -> None:
        log = log_database()
        if log is None:
            raise CommandError("There is no event log: GDPR_LOG_DATABASE_NAME is None.")
        if log not in connections:
            raise CommandError(f"The event log's database {log!r} (GDPR_LOG_DATABASE_NAME) is not in DATABASES.")
        self.verbosity: int = options["verbosity"]
        self.console = console(self.stdout, options)
        try:
            self.run(options)
        except AnonymiseError as error:
            raise CommandError(str(error)) from None
        except Error as error:
            raise CommandError(
                f"{failure(error)} Then run the command again: what is done is not done twice."
            ) from None

    def run(self, options: dict[str, Any]) -> None:
        raise NotImplementedError

    def check_writes(self) -> None:
        """Raise ``AnonymiseError`` if what is written would not be committed."""
        check_commits([*data_aliases(), str(log_database())])

    def fail(self, text: str) -> NoReturn:
        raise CommandError(text)

    def table(self, lines: dict[str, int]) -> None:
        """Print numbers: as a table on a terminal, as lines elsewhere; not with ``-v 0``."""
        if self.verbosity:
            self.console.table(lines, "Operations")


def add_database_id(parser: CommandParser, help_: str) -> None:
    """Add ``--database-id``, formerly ``--instance``: other ids of the database that count as its own."""
    parser.add_argument(
        "--database-id",
        "--instance",
        dest="database_id",
        action="append",
        default=[],
        type=operation_id,
        metavar="UUID",
        help=help_,
    )


def operation_id(text: str) -> uuid.UUID:
    """Return the uuid that ``text`` is, for an argument of a command."""
    try:
        return uuid.UUID(text)
    except ValueError:
        raise ArgumentTypeError("not an id as gdpr_rerun prints it") from None
