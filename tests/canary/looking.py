"""Reads every column of every table, in plain SQL, and every uploaded file; knows no model."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from django.conf import settings
from django.db import connections

# A word, or an address of the net: of one length, and with digits that no database leaves out
TOKEN = re.compile(r"kq[0-9a-f]{8}z|fd0c(?::c0de){5}:[1-9][0-9a-f]{3}:[1-9][0-9a-f]{3}")
# In place of an alias
FILES = "files"
TEXTS = {"CharField", "TextField", "GenericIPAddressField", "JSONField"}


class Place(NamedTuple):
    alias: str
    table: str
    key: str
    column: str

    @property
    def column_label(self):
        return f"{self.table}.{self.column}"


@dataclass
class Seen:
    """What stood in the databases at one moment."""

    tokens: set = field(default_factory=set)
    """{(place, token)}"""

    columns: set = field(default_factory=set)
    """{(alias, table, column)}"""

    texts: set = field(default_factory=set)
    """Those of them that hold texts."""

    files: int = 0

    @property
    def tables(self):
        return {(alias, table) for alias, table, _ in self.columns}


def look():
    """Return what there is in all tables of all databases, and in the uploaded files."""
    seen = Seen()
    for alias in connections:
        with connections[alias].cursor() as cursor:
            for table in connections[alias].introspection.table_names(cursor):
                _look_at(table, alias, cursor, seen)
    for path in filter(Path.is_file, Path(settings.MEDIA_ROOT).rglob("*")):
        seen.files += 1
        for token in tokens_in(f"{path.name} {path.read_text()}"):
            seen.tokens.add((Place(FILES, path.parent.name, path.name, "content"), token))
    return seen


def _look_at(table, alias, cursor, seen):
    ask = connections[alias].introspection
    keys = set(ask.get_primary_key_columns(cursor, table) or ())
    for each in ask.get_table_description(cursor, table):
        seen.columns.add((alias, table, each.name))
        if ask.get_field_type(each.type_code, each) in TEXTS:
            seen.texts.add((alias, table, each.name))
    cursor.execute(f"SELECT * FROM {connections[alias].ops.quote_name(table)}")
    names = [each[0] for each in cursor.description]
    for row in cursor.fetchall():
        key = "-".join(str(value) for name, value in zip(names, row, strict=True) if name in keys)
        for name, value in zip(names, row, strict=True):
            for token in tokens_in(value):
                seen.tokens.add((Place(alias, table, key, name), token))


def tokens_in(value):
    """Return the tokens in a value of any type; an address may have been written in capitals."""
    if value is None or isinstance(value, (int, float)):
        return []
    text = bytes(value).decode(errors="replace") if isinstance(value, (bytes, memoryview)) else str(value)
    return TOKEN.findall(text.lower())
