"""What a dry run shows of single rows: before and after, of invented ones unless real ones are asked for."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError
from django.utils.translation import override

from ..invented import invented
from ..planning.plans import Plan
from ..samples import MOST_SAMPLES, FieldSample, Sample, samples
from ..scrubbing.preview import Table
from .console import Drawings, Lines

HEADER = ("field", "now", "afterwards")


def check_values(options: dict[str, Any]) -> None:
    """Raise ``CommandError`` where a document, or real values, are asked for and have no place."""
    if options["json"] and not options["dry_run"]:
        raise CommandError("--json is for what would be done: add --dry-run.")
    if options["show_values"] and not options["dry_run"]:
        raise CommandError("--show-values is for what would be done: add --dry-run.")
    if options["show_values"] and options["json"]:
        raise CommandError(
            "--show-values is for somebody who looks, and not with --json: documents are kept, and the values are "
            "personal data. Without it, --json has invented rows."
        )


def of_plan(plan: Plan, *, are_real: bool) -> list[Sample]:
    """Return what becomes of one invented row, or of the first real ones; in English, as all that commands print."""
    rows = list(plan.rows().order_by("pk")[:MOST_SAMPLES]) if are_real else [invented(plan.declaration.model)]
    with override(None):
        return samples(plan, rows, are_invented=not are_real)


def show(shown: Lines | Drawings, tables: list[Table], *, are_real: bool) -> None:
    """Print it row by row; nothing of tables of which the rows are deleted, or that are emptied."""
    for each in tables:
        for sample in of_plan(each.numbers.plan, are_real=are_real) if each.numbers else ():
            row = f"row {sample.name}" if are_real else "an invented row"
            shown.rows(list(map(_cells, sample.fields)), HEADER, f"{each.plan.using}: {each.plan.name}: {row}")


def of_table(table: Table) -> list[dict[str, str]]:
    """Return what becomes of an invented row, for JSON."""
    if table.numbers is None:
        return []
    [sample] = of_plan(table.numbers.plan, are_real=False)
    return [{"field": each.name, "before": each.before, "after": each.after} for each in sample.fields]


def _cells(sample: FieldSample) -> tuple[str, str, str]:
    file = "; its file will be deleted, unless another row names it" if sample.file else ""
    return sample.name, sample.before, f"{sample.after}{file}"
