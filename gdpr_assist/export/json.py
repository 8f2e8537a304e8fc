"""JSON that loses nothing, and a JSON Schema that says what each column holds; reads no rows."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from django.core.exceptions import FieldDoesNotExist

from .records import Table
from .values import encoded, kinds_of, schema_of, text
from .zipping import Archive

DIALECT = "https://json-schema.org/draft/2020-12/schema"

# {column: the kinds of values that it has}
Kinds = dict[str, set[str]]


def write(archive: Archive, table: Table, name: str, schema: str) -> Iterator[None]:
    """Write a list of the records, as they are read, to the file ``name``, and then its JSON Schema to ``schema``.

    Pauses after each page.
    """
    kinds: Kinds = defaultdict(set)
    archive.counts[name] = 0
    with archive.text(name) as file:
        yield
        kinds |= _declared(table)
        before = "[\n"
        for page in table.records():
            for record in page:
                file.write(before + json.dumps(_object(record, kinds), ensure_ascii=False, allow_nan=False))
                before = ",\n"
            archive.counts[name] += len(page)
            yield
        file.write("\n]\n" if archive.counts[name] else "[]\n")
    archive.write(schema, json.dumps(_schema(table, kinds), ensure_ascii=False, indent=2) + "\n")


def _object(record: dict[str, Any], kinds: Kinds) -> dict[str, Any]:
    known = {}
    for name, value in record.items():
        column = text(name)
        known[column], kind = encoded(value)
        kinds[column].add(kind)
    return known


def _declared(table: Table) -> Kinds:
    """Return what the classes of the fields say, so that the schema is the same however few rows there are."""
    if table.has_own_export:
        return {column: set() for column in table.columns}
    return {column: _kinds(table, column) for column in table.columns}


def _kinds(table: Table, column: str) -> set[str]:
    try:
        return kinds_of(table.declared.model._meta.get_field(column))
    except FieldDoesNotExist:
        return set()


def _schema(table: Table, kinds: Kinds) -> dict[str, Any]:
    return {
        "$schema": DIALECT,
        "title": table.label,
        "type": "array",
        "items": {
            "type": "object",
            "properties": {column: schema_of(those) for column, those in kinds.items()},
            # What a project's own method gives of a row may be more or less than of another.
            "required": [] if table.has_own_export else list(kinds),
            "additionalProperties": False,
        },
    }
