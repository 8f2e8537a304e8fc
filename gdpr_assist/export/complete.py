"""All formats at once, with the uploaded files, and a page that a reader begins with. Reads the rows once for each."""

from __future__ import annotations

from collections.abc import Iterator

from . import csv, json, page
from .records import Table
from .zipping import Archive


def write(archive: Archive, table: Table, stem: str, *, bom: bool) -> Iterator[None]:
    """Write the files of a table, whose names begin with ``stem``, which no other table has."""
    table.file, table.json, table.schema = f"csv/{stem}.csv", f"json/{stem}.json", f"json/{stem}.schema.json"
    yield from csv.write(archive, table, table.file, bom=bom)
    yield from json.write(archive, table, table.json, table.schema)
    yield from page.write(archive, table, stem)
