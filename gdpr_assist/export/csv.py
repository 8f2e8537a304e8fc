"""CSV, for spreadsheets: a line for each record, and no formulas; reads no rows."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from .cleaning import cell
from .records import Table
from .values import text
from .zipping import Archive

# The mark by which spreadsheets know UTF-8
BYTE_ORDER_MARK = "\ufeff"


def write(archive: Archive, table: Table, name: str, *, bom: bool) -> Iterator[None]:
    """Write the columns and then the records, as they are read, to the file ``name``; pause after each page.

    With ``bom``, the file begins with a byte order mark.
    """
    archive.counts[name] = 0
    with archive.text(name) as file:
        yield
        if bom:
            file.write(BYTE_ORDER_MARK)
        writer = csv.DictWriter(file, table.columns, restval="")
        writer.writerow({column: _cell(column) for column in table.columns})
        for page in table.records():
            writer.writerows({column: _cell(value) for column, value in record.items()} for record in page)
            archive.counts[name] += len(page)
            yield


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, (dict, list)):
        return cell(json.dumps(value, default=text, ensure_ascii=False))
    # An address in memory is all the text that PostgreSQL's older driver has for the bytes of a column.
    written = text(bytes(value) if isinstance(value, memoryview) else value)
    return written if isinstance(value, (int, float, Decimal)) and _is_number(written) else cell(written)


def _is_number(text: str) -> bool:
    """Whether ``text`` is a number, also as Python writes a small one; a class may have a text of its own."""
    try:
        float(text)
    except ValueError:
        return False
    return True
