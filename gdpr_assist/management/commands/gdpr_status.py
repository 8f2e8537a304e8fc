"""gdpr_status: the state of the event log on one screen."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser
from django.utils.timezone import localtime

from gdpr_assist.management.log import LogCommand
from gdpr_assist.status import STATES, DatabaseStatus, status


class Command(LogCommand):
    help = "Show whether the log can be read, how operations ended, and whether a database or the log was restored."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--fail-on",
            nargs="+",
            choices=STATES,
            default=[],
            metavar="STATE",
            help="End with exit status 1 in one of these states: "
            + "; ".join(f"{state} ({meaning})" for state, meaning in STATES.items()),
        )

    def run(self, options: dict[str, Any]) -> None:
        found = status()
        if found.unreachable:
            self.stdout.write(f"Event log {found.log}: cannot be read ({found.unreachable})")
        else:
            self.stdout.write(f"Event log {found.log}: can be read")
            self.stdout.write(f"  rows of 1.x, without an operation: {found.legacy}")
            self.stdout.write(f"  operations of other databases: {found.foreign}")
        for each in found.databases:
            self.show(each)
        hit = [state for state in STATES if state in found.states and state in options["fail_on"]]
        if hit:
            self.fail("; ".join(f"{state}: {STATES[state]}" for state in hit))

    def show(self, each: DatabaseStatus) -> None:
        if each.unreachable:
            self.stdout.write(f"Database {each.using}: cannot be read ({each.unreachable})")
            return
        oldest = f", the oldest of {localtime(each.oldest):%Y-%m-%d %H:%M:%S}" if each.oldest else ""
        self.stdout.write(f"Database {each.using}")
        self.stdout.write(f"  committed: {each.committed}")
        self.stdout.write(f"  rolled back: {each.rolled_back}")
        self.stdout.write(f"  undecided: {each.undecided + each.unknown}{oldest}")
        if each.unknown:
            self.stdout.write(f"    of these, left over from a restore: {each.unknown}; gdpr_reconcile lists them")
        self.stdout.write(f"  missing here: {each.missing}" + self.advice(each.missing, "restored? run gdpr_rerun"))
        self.stdout.write(
            f"  missing in the log: {each.unlogged}" + self.advice(each.unlogged, "the log was restored? back up now")
        )

    def advice(self, count: int, text: str) -> str:
        return f"  <- {text}" if count else ""
