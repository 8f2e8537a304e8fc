"""What the commands for the event log have in common: they refuse without one, and turn errors into refusals."""

from __future__ import annotations

import uuid
from argparse import ArgumentTypeError
from typing import Any, NoReturn

from django.core.management.base import CommandError
from django.db import Error, connections
from django_rich.management import RichCommand
from rich.table import Table

from gdpr_assist.conf import log_database
from gdpr_assist.exceptions import AnonymiseError


class LogCommand(RichCommand):
    """A command on the event log. Subclasses write ``run``."""

    def handle(self, *args: Any, **options: Any) -> None:
        log = log_database()
        if log is None:
            raise CommandError("There is no event log: GDPR_LOG_DATABASE_NAME is None.")
        if log not in connections:
            raise CommandError(f"The event log's database {log!r} (GDPR_LOG_DATABASE_NAME) is not in DATABASES.")
        try:
            self.run(options)
        except AnonymiseError as error:
            raise CommandError(str(error)) from None
        except Error as error:
            raise CommandError(
                f"A database could not be used ({type(error).__name__}). Make both databases reachable and "
                f"migrate them (migrate, and migrate --database={log}), then "
                "run the command again: what is done is not done twice."
            ) from None

    def run(self, options: dict[str, Any]) -> None:
        raise NotImplementedError

    def fail(self, text: str) -> NoReturn:
        raise CommandError(text)

    def table(self, lines: dict[str, int]) -> None:
        """Print numbers: as a table on a terminal, as lines elsewhere."""
        if not self.console.is_terminal:
            for name, count in lines.items():
                self.stdout.write(f"{name}: {count}")
            return
        table = Table("Operations", "Number")
        for name, count in lines.items():
            table.add_row(name, str(count))
        self.console.print(table)


def operation_id(text: str) -> uuid.UUID:
    """Return the uuid that ``text`` is, for an argument of a command."""
    try:
        return uuid.UUID(text)
    except ValueError:
        raise ArgumentTypeError("not a uuid") from None
