"""gdpr_status: the state of the event log on one screen."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from gdpr_assist.log.status import STATES, status
from gdpr_assist.management import documents
from gdpr_assist.management.arguments import add_json
from gdpr_assist.management.ending import end
from gdpr_assist.management.log import LogCommand
from gdpr_assist.management.reports import of_status, wrong_with
from gdpr_assist.routing import here


class Command(LogCommand):
    help = "Show whether the log can be read, how operations ended, and whether a database or the log was restored."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--fail-on",
            action="extend",
            nargs="+",
            choices=STATES,
            default=[],
            metavar="STATE",
            help="End with exit status 1 in one of these states: "
            + "; ".join(f"{state} ({meaning})" for state, meaning in STATES.items())
            + ". What cannot be read may be in any of them, so unreachable is always one.",
        )
        add_json(parser)

    def run(self, options: dict[str, Any]) -> None:
        state = status(here())
        if self.verbosity and not options["json"]:
            for title, facts in of_status(state):
                self.console.facts(title, facts)
        asked = {*options["fail_on"], "unreachable"} if options["fail_on"] else set()
        end(self, options, wrong_with(state), lambda: documents.of_status(state), fails=bool(state.states & asked))
