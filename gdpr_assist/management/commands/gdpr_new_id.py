"""gdpr_new_id: make a copy of a database another one, before it is scrubbed."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error, connections

from gdpr_assist.conf import can_anonymise_database
from gdpr_assist.databases.aliases import data_aliases
from gdpr_assist.databases.failures import failure
from gdpr_assist.databases.isolation import check_commits
from gdpr_assist.exceptions import AnonymiseError
from gdpr_assist.log.identity import cut_loose
from gdpr_assist.log.ownership import is_migrated
from gdpr_assist.management.asking import check_yes


class Command(BaseCommand):
    help = "Give a copy an id of its own, as anonymise_db does: no operation in the log is then taken for the copy's."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--database", action="append", metavar="ALIAS", help="Default: all but the log.")
        parser.add_argument("--noinput", "--no-input", action="store_true", help="Do not ask.")

    def handle(self, *args: Any, **options: Any) -> None:
        if not can_anonymise_database():
            raise CommandError(
                "Only a copy gets a new id, and this may be the original, whose logged erasures would be nobody's: "
                "set GDPR_CAN_ANONYMISE_DATABASE = True in the settings of the copy, never in those of the original."
            )
        try:
            self.renew(options)
        except AnonymiseError as error:
            raise CommandError(str(error)) from None
        except Error as error:
            raise CommandError(failure(error)) from None

    def renew(self, options: dict[str, Any]) -> None:
        aliases = [using for using in data_aliases(options["database"]) if is_migrated(using)]
        check_commits(aliases)
        names = ", ".join(f"{connections[using].settings_dict['NAME']} ({using})" for using in aliases)
        if not options["noinput"]:
            self.stdout.write(
                f"This gives a new id to {names}, and forgets which logged erasures were made there. On the original "
                "that would be the end of gdpr_rerun. It cannot be undone."
            )
            check_yes()
        cut_loose(aliases)
        if options["verbosity"]:
            self.stdout.write(f"New id: {names}")
