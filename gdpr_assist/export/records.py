"""What is known of each row: columns and values, page by page; knows no format, and writes nothing."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django.db.models import Model, QuerySet

from ..databases.rows import pages, takes_conditions
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

    def record(self, row: Model, record: Record) -> Record:
        shown = self.shown(row, record)
        return {name: value for name, value in shown.items() if name not in self.hidden}


EVERYTHING = View()


def columns(declared: Declaration, queryset: QuerySet[Any], view: View = EVERYTHING) -> list[str]:
    """Return the declared columns; where a custom ``export`` gives others, all that any row has.

    For these, the rows are read once more.
    """
    names = [*declared.export_fields, *view.added]
    if has_own_export(declared):
        given = (name for page in records(declared, queryset, view) for record in page for name in record)
        names = list(given) or names
    return [name for name in dict.fromkeys(names) if name not in view.hidden]


def has_own_export(declared: Declaration) -> bool:
    """Whether the project says in a method what is known of a row."""
    return type(declared.meta).export is not PrivacyMeta.export


def records(declared: Declaration, queryset: QuerySet[Any], view: View = EVERYTHING) -> Iterator[list[Record]]:
    """Yield what ``PrivacyMeta.export`` gives of each row, in pages, as ``view`` shows it.

    Of a row once, however often the queryset's joins find it.
    """
    for page in _pages(queryset):
        rows = {row.pk: row for row in page}
        yield [view.record(row, declared.meta.export(row)) for row in rows.values()]


def _pages(queryset: QuerySet[Any]) -> Iterable[list[Any]]:
    return pages(queryset, ROWS_PER_PAGE) if takes_conditions(queryset) else [list(queryset)]
