"""Looks for values in every table of every database, whatever made it, and in stored files. Writes nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from typing import Any

from django.db import Error, transaction
from django.utils.translation import gettext_noop

from ..conf import log_database
from ..databases.aliases import data_aliases, mirrored, twin
from ..databases.errors import cause
from ..databases.texts import Table, are_texts_known, rows_that_may_hold, tables_of_texts
from ..exceptions import AnonymiseError
from ..phrases import Phrase
from ..sensitive import sensitive
from . import media
from .values import Values

# So many values are looked for at once: a statement has them all, in each way of writing them.
MOST = 1000


@dataclass(frozen=True, kw_only=True)
class Residue:
    """Where values were found: places and numbers, and never a value."""

    found: dict[str, int] = field(default_factory=dict)
    """{"table.column on alias": rows with one of the values}"""

    unread: dict[str, str] = field(default_factory=dict)
    """{"table on alias", or a place of files: why it was not looked at}"""

    def lines(self) -> Iterator[str]:
        """Yield it in words."""
        yield from (f"{place}: {count}" for place, count in self.found.items())
        yield from (f"Not looked at: {place}: {why}" for place, why in self.unread.items())


@sensitive
def look(texts: Iterable[str], *, databases: Iterable[str] | None = None, in_media: bool = False) -> Residue:
    """Return where one of ``texts`` still stands: one pass of each table. Those that are too short are left out.

    Looked at are the databases of these aliases, by default all and the log's; with ``in_media``, also the names and
    contents of stored files. What cannot be read is named, and the rest is looked at. Raises ``AnonymiseError`` for an
    alias that there is not, and for more than 1,000 values.
    """
    values, found, unread = Values(texts), Counter[str](), dict[str, str]()
    chosen = list(_aliases(databases))
    if len(values) > MOST:
        raise AnonymiseError(f"{len(values)} values are too many for one statement. Look for at most {MOST} at once.")
    if values:
        for using in chosen:
            _look_at_database(using, values, found, unread)
        if in_media:
            media.look(values, found, unread)
    return Residue(found=dict(found), unread=unread)


def _aliases(databases: Iterable[str] | None) -> Iterator[str]:
    """Yield each database once: an alias may be a replica of another one, or another name for it."""
    chosen = data_aliases(databases)
    if not databases and (log := log_database()):
        chosen = [*chosen, log]
    for at, using in enumerate(chosen):
        if not mirrored(using) and twin(using, chosen[:at]) is None:
            yield using


def _look_at_database(using: str, values: Values, found: Counter[str], unread: dict[str, str]) -> None:
    if not are_texts_known(using):
        unread[using] = Phrase(gettext_noop("its columns are known on SQLite, PostgreSQL and MariaDB only"))
        return
    try:
        tables = tables_of_texts(using)
    except Error as error:
        unread[using] = _why(error, using)
        return
    for table in tables:
        try:
            with transaction.atomic(using=using):  # PostgreSQL takes nothing after an error in a transaction
                found.update(_counted(table, values))
        except Error as error:
            unread[f"{table.name} on {using}"] = _why(error, using)


def _why(error: Error, using: str) -> str:
    """What the error itself says may hold values."""
    return cause(error, using) or type(error).__name__


def _counted(table: Table, values: Values) -> Counter[str]:
    """Return {"table.column on alias": rows}."""
    names = [each.name for each in table.columns]
    found: Counter[str] = Counter()
    for row in filter(partial(_may_hold, values), rows_that_may_hold(table, values.patterns())):
        found.update(f"{table.name}.{column} on {table.using}" for column in _columns_with(values, names, row))
    return found


def _may_hold(values: Values, row: Iterable[Any]) -> bool:
    """Return False for most rows: of texts alone, and with none of the values."""
    try:
        return values.are_in(" ".join(filter(None, row)))
    except TypeError:  # bytes, or on SQLite a number where a text was meant
        return True


def _columns_with(values: Values, names: Iterable[str], row: Iterable[Any]) -> Iterator[str]:
    """Yield the columns of a row that hold one of the values; two of them together where a name stands in both."""
    cells = {name: _content(cell) for name, cell in zip(names, row, strict=True) if cell}
    texts = {name: cell for name, cell in cells.items() if isinstance(cell, str)}
    binary = [name for name, cell in cells.items() if name not in texts and values.are_in(cell)]
    yield from binary
    if not values.are_in(" ".join(texts.values())):
        return
    whole = {name for name, text in texts.items() if values.are_in(text)}
    yield from sorted(whole)
    for (one, before), (other, after) in pairwise(texts.items()):
        if not {one, other} & whole and values.are_in(f"{before} {after}"):
            yield f"{one} and {other}"


def _content(cell: Any) -> str | bytes:
    """Return what a driver has given as a text or as bytes; SQLite has numbers where a text was meant."""
    return bytes(cell) if isinstance(cell, (bytes, bytearray, memoryview)) else str(cell)
