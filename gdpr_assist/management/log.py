"""What the commands for the event log have in common: they refuse without one, and turn errors into refusals."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NoReturn

from django.core.management.base import BaseCommand, CommandError
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

    def say(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.stdout.write(line)

    def table(self, lines: dict[str, int]) -> None:
        """Print numbers: as a table on a terminal, as lines elsewhere; not with ``-v 0``."""
        if self.verbosity:
            self.console.table(lines, "Operations")
