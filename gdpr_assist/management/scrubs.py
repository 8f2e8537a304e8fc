"""What anonymise_db says of a scrub before it does it, or instead of it. Writes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.core.management.base import BaseCommand

from ..conf import can_anonymise_database
from ..scrubbing.preview import Table, beside, tables
from ..scrubbing.work import Scrubbing
from . import before_after
from .console import Drawings, Lines
from .documents import of_table
from .ending import write_document

HEADER = ("database", "model", "rows", "what is done with them")

# The last line of a dry run. It is no verdict: nothing is wrong with a database that is not to be scrubbed.
NOT_HINDERED = "Nothing is in the way of the run itself."


def describe(command: BaseCommand, shown: Lines | Drawings, work: Scrubbing, options: Mapping[str, Any]) -> None:
    """Print what is to be done; for a dry run, also which databases would be compacted, and what is in the way."""
    is_dry = options["dry_run"]
    compacted = work.aliases if options["compact"] and is_dry else []
    if options["json"]:
        planned, others = list(tables(work)), list(beside(work))
        documents = [of_table(each) | {"sample": before_after.of_table(each)} for each in planned]
        facts = {"in_the_way": in_the_way(work), "tables": documents, "others": others, "compacted": compacted}
        write_document(command, facts)
        return
    if options["verbosity"]:
        printed: list[Table] = []
        with shown.growing(HEADER) as add:
            for each in tables(work):
                add(_cells(each), str(each))
                printed.append(each)
        if is_dry:
            before_after.show(shown, printed, are_real=options["show_values"])
        for line in (*beside(work), *(f"{using}: would be compacted." for using in compacted)):
            command.stdout.write(line)
        if is_dry:
            command.stdout.write(" ".join(in_the_way(work)) or NOT_HINDERED)


def _cells(table: Table) -> list[str]:
    """Return the row of a table: what the line says, without what other cells have of it."""
    plan = table.plan
    rest = str(table).removeprefix(f"{plan.using}: {plan.name}: ").partition(", ")[2]
    return [plan.using, plan.name, str(table.rows), rest]


def in_the_way(work: Scrubbing) -> list[str]:
    """Return what a dry run says of the run itself: that it would be refused, or leaves nobody in charge."""
    refused = "Without --dry-run it is refused here, as GDPR_CAN_ANONYMISE_DATABASE is not True."
    return [*([] if can_anonymise_database() else [refused]), *filter(None, [work.last_superuser])]
