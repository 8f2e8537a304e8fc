"""An inventory as text, in a format that a file can be compared with. Reads no declarations."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, fields
from difflib import unified_diff
from io import StringIO
from itertools import groupby

from .held import Held

NAMES = [each.name for each in fields(Held)]

# The columns of the table of a model; what is left is said of the model as a whole.
COLUMNS = {
    "Field": "field",
    "Class": "field_class",
    "Becomes": "becomes",
    "On erasure": "on_erasure",
    "Path to the person": "path",
    "Exported": "exported",
    "Searched": "searched",
}
FACTS = {"Purpose": "purpose", "Recipients": "recipients", "Known by": "known_by", "Copies kept by": "keepers"}

RECORD = """\
# Personal data

What is held of people, by declaration. This is the data half of a record of processing activities under Article 30(1)
of the GDPR: the data, and purposes and recipients where they are declared. Who is responsible, transfers to third
countries, time limits and security measures have to be added.
"""


def by_model(held: Iterable[Held]) -> Iterator[tuple[str, dict[str, str], list[list[str]]]]:
    """Yield of each model: its label, what is said of it as a whole, and a row of ``COLUMNS`` for each field."""
    for label, group in groupby(held, key=lambda each: each.model):
        theirs = list(group)
        facts = {
            title: "; ".join(dict.fromkeys(getattr(each, name) for each in theirs)) for title, name in FACTS.items()
        }
        rows = [[getattr(each, name) for name in COLUMNS.values()] for each in theirs]
        yield label, {title: text for title, text in facts.items() if text}, rows


def as_csv(held: Iterable[Held]) -> str:
    """Return a line for each field, and one above with the names of the columns."""
    out = StringIO()
    writer = csv.DictWriter(out, NAMES, lineterminator="\n")
    writer.writeheader()
    writer.writerows(map(asdict, held))
    return out.getvalue()


def as_json(held: Iterable[Held]) -> str:
    """Return a list of objects, each on a line of its own, so that a comparison by lines tells which field differs."""
    lines = ",\n".join(json.dumps(asdict(each), ensure_ascii=False) for each in held)
    return f"[\n{lines}\n]\n"


def as_markdown(held: Iterable[Held]) -> str:
    """Return a page with a table for each model."""
    return "\n".join([RECORD, *(line for model in by_model(held) for line in _section(*model))])


def _section(label: str, facts: dict[str, str], rows: list[list[str]]) -> Iterator[str]:
    yield f"## {label}\n"
    if facts:
        yield "\n".join(f"* {title}: {text}" for title, text in facts.items()) + "\n"
    yield _line(COLUMNS)
    yield _line("---" for _ in COLUMNS)
    yield from map(_line, rows)
    yield ""


def _line(cells: Iterable[str]) -> str:
    escaped = (cell.replace("|", r"\|").replace("_", r"\_").replace("*", r"\*") for cell in cells)
    return f"| {' | '.join(escaped)} |"


FORMATS: dict[str, Callable[[Iterable[Held]], str]] = {"csv": as_csv, "json": as_json, "markdown": as_markdown}


def differences(old: str, new: str) -> list[str]:
    """Return the lines that are only in the one (``-``) or only in the other (``+``)."""
    compared = unified_diff(old.splitlines(), new.splitlines(), lineterm="", n=0)
    return [line for line in compared if not line.startswith(("---", "+++", "@@"))]
