"""gdpr_status: the state of the event log on one screen."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from gdpr_assist.log.reconciliation import shown
from gdpr_assist.log.status import STATES, DatabaseStatus, Status, status
from gdpr_assist.management.log import LogCommand
from gdpr_assist.pages import page
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

    def run(self, options: dict[str, Any]) -> None:
        found = status(here())
        if self.verbosity:
            self.print(found)
        asked = {*options["fail_on"], "unreachable"} if options["fail_on"] else set()
        if hit := [state for state in STATES if state in found.states & asked]:
            self.fail("; ".join(f"{state}: {STATES[state]}" for state in hit))

    def print(self, report: Status) -> None:
        if report.trouble:
            self.stdout.write(f"Event log {report.log}: {report.trouble}")
        else:
            self.stdout.write(f"Event log {report.log}: can be read")
            self.stdout.write(f"  rows of 1.x, without an operation: {report.legacy}")
            self.stdout.write(f"  operations of other databases: {report.foreign}")
        for setting, value in report.lossy.items():
            self.stdout.write(
                f"  may lose its last events in a power cut: set {setting} to {value} "
                f"({page('howto/protect_the_log')})"
            )
        for each in report.databases:
            if each.trouble:
                self.stdout.write(f"Database {each.using}: {each.trouble}")
            elif report.trouble:
                self.stdout.write(f"Database {each.using}: can be read; what it lacks, only the log could tell")
            else:
                self.show(each)

    def show(self, each: DatabaseStatus) -> None:
        oldest = f", the oldest of {shown(each.oldest)}" if each.oldest else ""
        self.stdout.write(f"Database {each.using}")
        self.stdout.write(f"  committed: {each.committed}")
        self.stdout.write(f"  rolled back: {each.rolled_back}")
        self.stdout.write(f"  undecided: {each.undecided + each.unknown}{oldest}")
        if each.unknown:
            self.stdout.write(f"    of these, left over from a restore: {each.unknown}; gdpr_reconcile lists them")
        self.stdout.write(
            f"  missing here: {each.missing}"
            + self.advice(
                each.missing, "restored? run gdpr_rerun; cure what it lists as failed, or mark it as applied"
            )
        )
        if each.pruned:
            self.stdout.write(
                f"    also what was pruned from the log, up to {shown(each.pruned)}  <- the backup is older "
                f"({page('howto/restore_a_backup')})"
            )
        if each.missing_1x:
            self.stdout.write(f"  events of 1.x, missing here: {each.missing_1x}  <- restored? run gdpr_rerun")
        if each.unclaimed_1x:
            self.stdout.write(f"  events of 1.x that may be missing here: {each.unclaimed_1x}  <- run gdpr_upgrade")
        self.stdout.write(
            f"  missing in the log: {each.unlogged}"
            + self.advice(each.unlogged, "the log was restored, or is the wrong one; if it was restored, back up now")
        )
        for stray in each.strays:
            self.stdout.write(f"  undecided, and of no id that this database has: {stray}")
        if each.contradicted:
            self.stdout.write(
                f"  took effect, though the log says rolled back: {each.contradicted}  <- run gdpr_reconcile; does a "
                "copy with the same id share the log?"
            )
        if each.foreign:
            self.stdout.write(
                f"  under other database ids, and missing here: {each.foreign}"
                "  <- of copies or other sites, or of this database before it had its id"
            )

    def advice(self, count: int, text: str) -> str:
        return f"  <- {text}" if count else ""
