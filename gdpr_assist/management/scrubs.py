"""What anonymise_db says of a scrub before it does it, or instead of it. Writes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.core.management.base import BaseCommand

from ..conf import can_anonymise_database
from ..scrubbing.preview import Table, beside, tables
from ..scrubbing.run import Scrubbing
from .console import Drawings, Lines
from .documents import of_table
from .ending import end

HEADER = ("database", "model", "rows", "what is done with them")


def describe(command: BaseCommand, shown: Lines | Drawings, work: Scrubbing, options: Mapping[str, Any]) -> None:
    """Print what is to be done; for a dry run, also which databases would be compacted, and the verdict."""
    is_dry = options["dry_run"]
    compacted = work.aliases if options["compact"] and is_dry else []
    if options["json"]:
        planned, others = list(tables(work)), list(beside(work))
        facts = {"tables": list(map(of_table, planned)), "others": others, "compacted": compacted}
        end(command, options, wrong_with(work), lambda: facts, fails=False)
        return
    if options["verbosity"]:
        with shown.growing(HEADER) as add:
            for each in tables(work):
                add(_cells(each), str(each))
        for line in (*beside(work), *(f"{using}: would be compacted." for using in compacted)):
            command.stdout.write(line)
    if is_dry:
        end(command, options, wrong_with(work), fails=False)


def _cells(table: Table) -> list[str]:
    """Return the row of a table: what the line says, without what other cells have of it."""
    plan = table.plan
    rest = str(table).removeprefix(f"{plan.using}: {plan.name}: ").partition(", ")[2]
    return [plan.using, plan.name, str(table.rows), rest]


def wrong_with(work: Scrubbing) -> list[str]:
    """Return what a dry run says of the run itself: that it would be refused, or leaves nobody in charge."""
    refused = "Without --dry-run it is refused here, as GDPR_CAN_ANONYMISE_DATABASE is not True."
    return [*([] if can_anonymise_database() else [refused]), *filter(None, [work.last_superuser])]
