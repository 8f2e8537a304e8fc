"""What is known of each row: columns and values, page by page; knows no format, and writes nothing."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from django.db.models import Model, QuerySet

from ..databases.rows import chunks, pages, takes_conditions
from ..declaring.declaration import Declaration
from ..declaring.meta import PrivacyMeta

ROWS_PER_PAGE = 2000

# What is known of one row: {column: value}
Record = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class View:
    """What somebody is shown of rows, where that is not all that is declared."""

    hidden: Collection[str] = ()
    """The columns that are left out."""

    added: Collection[str] = ()
    """The columns that stand after the declared ones."""

    shown: Callable[[Model, Record], Record] = lambda row, record: record
    """Returns what is shown of a row, of which this is known."""

    party: str = ""
    """Whom of a row of several people the rows are about: by what their model calls her."""

    def record(self, row: Model, record: Record) -> Record:
        shown = self.shown(row, record)
        return {name: value for name, value in shown.items() if name not in self.hidden}


EVERYTHING = View()


@dataclass(eq=False)
class Upload:
    """An uploaded file that a row names."""

    column: str
    name: str = field(repr=False)
    """In its storage."""

    file: str = ""
    """In the zip; empty if it could not be read."""

    error: str = ""
    """The class of the error that ended the reading."""


@dataclass(eq=False)
class Table:
    """Rows of one model, what of them is exported, and where it was written to."""

    declared: Declaration
    rows: QuerySet[Any] = field(repr=False)
    view: View = EVERYTHING
    file: str = ""
    """The file in the zip that has the rows; so are the following."""

    json: str = ""
    """The same as JSON, where ``file`` is CSV."""

    schema: str = ""
    """The JSON Schema."""

    pages: list[str] = field(default_factory=list)
    """The same to be read in a browser."""

    uploads: dict[tuple[str, str], Upload] = field(default_factory=dict, repr=False)
    """{(column, name in the storage): the file}"""

    @property
    def label(self) -> str:
        return self.declared.label

    @property
    def has_own_export(self) -> bool:
        return has_own_export(self.declared)

    @cached_property
    def columns(self) -> list[str]:
        """The declared columns; where a custom ``export`` gives others, all that any row has.

        For these, the rows are read once more.
        """
        names = [*self.declared.export_fields, *self.view.added]
        if self.has_own_export:
            names = [*dict.fromkeys(name for page in self.records() for record in page for name in record)] or names
        return [name for name in dict.fromkeys(names) if name not in self.view.hidden]

    def records(self, size: int | None = None) -> Iterator[list[Record]]:
        """Yield what ``PrivacyMeta.export`` gives of each row, as ``view`` shows it, in pages of at most ``size``.

        Of a row once, however often the queryset's joins find it.
        """
        for page in _pages(self.rows, size or ROWS_PER_PAGE):
            yield [self.view.record(row, self.declared.meta.export(row)) for row in page]


def has_own_export(declared: Declaration) -> bool:
    """Whether the project says in a method what is known of a row."""
    return type(declared.meta).export is not PrivacyMeta.export


def _pages(rows: QuerySet[Any], size: int) -> Iterator[Collection[Any]]:
    if not takes_conditions(rows):
        yield from chunks(_once(rows), size)
        return
    for page in pages(rows, size):
        yield _once(page)


def _once(rows: Iterable[Any]) -> Collection[Any]:
    return {row.pk: row for row in rows}.values()
