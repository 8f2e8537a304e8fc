"""gdpr_upgrade: say, once after the upgrade from 1.x, that this database has what 1.x logged."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from gdpr_assist.log.legacy import upgrade
from gdpr_assist.management.log import LogCommand
from gdpr_assist.routing import here


class Command(LogCommand):
    help = (
        "Note that this database has every erasure that 1.x logged: run it once, after the upgrade from 1.x and its "
        "migrations. After that, gdpr_rerun applies them only if an older backup is restored."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--another-database",
            action="store_true",
            help="Say that this database was never restored from a backup of the one that the log has under its "
            "alias: it is another one, as of another tenant.",
        )

    def run(self, options: dict[str, Any]) -> None:
        self.check_writes()
        for backlog in upgrade(here(), is_another=options["another_database"]):
            if self.verbosity:
                self.stdout.write(f"{backlog.using}: has all events of 1.x, {len(backlog)} of them noted now")
