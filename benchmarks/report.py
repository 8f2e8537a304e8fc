"""The figures as a table on the terminal, as JSON, and as a table for the documentation."""

from __future__ import annotations

import json
import os
import platform
import re
from pathlib import Path
from typing import Any

import django
from rich.console import Console
from rich.table import Table

from . import databases
from .figures import Figure

HEADINGS = ["Work", "Rows", "gdpr_assist", "Beside", "Figure", "Bar", ""]
GROWTH_HEADINGS = ["Work", "Rows", "gdpr_assist", "By hand", "Ratio"]
WIDTH = 150
# As code, or the documentation makes a dash of the hyphens
OPTION = re.compile(r"--[\w-]+")
COLOURS = {"met": "green", "missed": "red", "": ""}


def environment(place: str) -> dict[str, Any]:
    """Return where it was measured, without the name of the machine."""
    return {
        "database": databases.version(),
        "files": place,
        "django": django.get_version(),
        "python": platform.python_version(),
        "processors": os.cpu_count(),
        "architecture": platform.machine(),
    }


def show(figures: list[Figure], where: dict[str, Any], console: Console, headings: list[str] = HEADINGS) -> None:
    table = Table(title=sentence(where), title_justify="left")
    for at, heading in enumerate(headings):
        table.add_column(heading, justify="left" if at in (0, len(headings) - 1) else "right", no_wrap=at != 0)
    for figure in figures:
        table.add_row(*figure.cells(), style=COLOURS[figure.verdict])
    # Where the window is narrower, lines are broken by it: a table that is cut shows no figures.
    console.width = max(console.width, WIDTH)
    console.print(table)


def say_if_few(rows: int, meant_for: int, console: Console) -> None:
    if rows < meant_for:
        console.print(
            f"The bars are for {meant_for:,} rows; with fewer, what is done once weighs more.", highlight=False
        )


def sentence(where: dict[str, Any]) -> str:
    packages = f" {where['packages']}," if "packages" in where else ""
    return (
        f"{where['database']} ({where['files']}), Django {where['django']},{packages} Python {where['python']},"
        f" {where['processors']} processors ({where['architecture']})"
    )


def write(
    figures: list[Figure],
    where: dict[str, Any],
    file: Path,
    *,
    growth: bool = False,
    headings: list[str] = HEADINGS,
) -> None:
    """Write ``file``, a .json, and a .rst of the same name beside it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    content = {"environment": where, "growth": growth, "figures": [figure.as_dict() for figure in figures]}
    file.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    headings, rows = _growth_rows(figures) if growth else (headings, [figure.cells() for figure in figures])
    text = f".. Written by python -m benchmarks; do not edit.\n\n{_list_table(headings, rows)}\n{sentence(where)}.\n"
    file.with_suffix(".rst").write_text(text, encoding="utf-8")


def _growth_rows(figures: list[Figure]) -> tuple[list[str], list[list[str]]]:
    rows = []
    for each in figures:
        title, count, ours, beside, ratio, *_ = each.cells()
        rows.append([title, count, ours, beside, ratio])
    return GROWTH_HEADINGS, rows


def _list_table(headings: list[str], rows: list[list[str]]) -> str:
    lines = [".. list-table::", "    :header-rows: 1", ""]
    for row in [headings, *rows]:
        for at, cell in enumerate(row):
            text = OPTION.sub(r"``\g<0>``", cell)
            lines.append(f"    {'*' if at == 0 else ' '} - {text}".rstrip())
    return "\n".join(lines) + "\n"
