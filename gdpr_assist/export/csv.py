"""CSV, for spreadsheets: a line for each record, and no formulas; reads no rows."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import IO, Any

from .cleaning import cell
from .records import Record


def write(file: IO[str], columns: list[str], pages: Iterable[list[Record]]) -> Iterator[int]:
    """Write ``columns`` and then the records, as they are read; yield the number of each page."""
    writer = csv.DictWriter(file, columns, restval="")
    writer.writerow({name: _cell(name) for name in columns})
    for page in pages:
        writer.writerows({name: _cell(value) for name, value in record.items()} for record in page)
        yield len(page)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, (dict, list)):
        return cell(json.dumps(value, default=str, ensure_ascii=False))
    text = str(value)
    return text if isinstance(value, (int, float, Decimal)) and _is_number(text) else cell(text)


def _is_number(text: str) -> bool:
    """Whether ``text`` is a number, also as Python writes a small one; a class may have a text of its own."""
    try:
        float(text)
    except ValueError:
        return False
    return True
