"""Reads every row of every table in SQL, uploaded files, caches, mails and log output. Judges nothing."""

import logging
from collections import defaultdict
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from django.conf import settings
from django.core import mail
from django.core.cache import caches
from django.db import connections

FILES, CACHE, MAIL, OUTPUT = "uploaded files", "cache", "mail outbox", "log output"


@dataclass
class Seen:
    rows: dict = field(default_factory=dict)
    """{(alias, table, key): {column: text}}"""

    keys: dict = field(default_factory=dict)
    """{(alias, table): {column: (table, column) that it points to}}"""

    elsewhere: dict = field(default_factory=lambda: defaultdict(list))
    """{a place that is no column: [text]}"""

    def rows_of(self, person):
        """Return the keys of the rows that have a value of theirs, and of those that lead to one of these by keys."""
        found = {key for key, row in self.rows.items() if any(map(person.are_in, row.values()))}
        new = found
        while new:
            values = {
                (alias, table, column, text)
                for alias, table, key in new
                for column, text in self.rows[alias, table, key].items()
            }
            new = {each for each in self.rows if each not in found and self._points_to(each, values)}
            found = found | new
        return found

    def _points_to(self, key, values):
        alias, table, _ = key
        row = self.rows[key]
        return any((alias, *other, row[column]) in values for column, other in self.keys[alias, table].items())


def look(output=()):
    """Return all that there is; ``output`` are lines that were logged."""
    seen = Seen()
    for alias in connections:
        with connections[alias].cursor() as cursor:
            for table in connections[alias].introspection.table_names(cursor):
                _look_at(table, alias, cursor, seen)
    for path in filter(Path.is_file, Path(settings.MEDIA_ROOT).rglob("*")):
        seen.elsewhere[FILES] += [path.name, _text(path.read_bytes())]
    for cache in caches.all():
        seen.elsewhere[CACHE] += [f"{key} {_text(value)}" for key, value in cache._cache.items()]
    seen.elsewhere[MAIL] += [each.message().as_string() for each in mail.outbox]
    seen.elsewhere[OUTPUT] += output
    return seen


def _look_at(table, alias, cursor, seen):
    ask = connections[alias].introspection
    primary = ask.get_primary_key_columns(cursor, table)
    relations = ask.get_relations(cursor, table).items()
    seen.keys[alias, table] = {column: (other[1], other[0]) for column, other in relations}
    cursor.execute(f"SELECT * FROM {connections[alias].ops.quote_name(table)}")
    names = [each[0] for each in cursor.description]
    for values in cursor.fetchall():
        row = {name: _text(value) for name, value in zip(names, values, strict=True)}
        seen.rows[alias, table, tuple(row[name] for name in primary or names)] = row


def _text(value):
    if isinstance(value, (bytes, memoryview)):
        return bytes(value).decode("latin-1")
    return "" if value is None else str(value)


@contextmanager
def logged():
    """Collect what is logged meanwhile, at any level, with tracebacks."""
    lines = []

    class Collecting(logging.Handler):
        def emit(self, record):
            lines.append(self.format(record))

    handler, root = Collecting(), logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield lines
    finally:
        root.setLevel(before)
        root.removeHandler(handler)
