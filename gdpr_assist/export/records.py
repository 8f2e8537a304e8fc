"""What is known of each row: columns and values, page by page; knows no format, and writes nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Any

from django.db.models import QuerySet

from ..databases.rows import pages, takes_conditions
from ..declaring.declaration import Declaration
from ..declaring.meta import PrivacyMeta

ROWS_PER_PAGE = 2000

# What is known of one row: {column: value}
Record = dict[str, Any]


def columns(declared: Declaration, queryset: QuerySet[Any]) -> list[str]:
    """Return the declared columns; where a custom ``export`` gives others, all that any row has.

    For these, the rows are read once more.
    """
    names = list(declared.export_fields)
    if type(declared.meta).export is PrivacyMeta.export:
        return names
    given = (name for page in records(declared, queryset) for record in page for name in record)
    return list(dict.fromkeys(given)) or names


def records(declared: Declaration, queryset: QuerySet[Any]) -> Iterator[list[Record]]:
    """Yield what ``PrivacyMeta.export`` gives of each row, in pages.

    Of a row once, however often the queryset's joins find it.
    """
    for page in _pages(queryset):
        rows = {row.pk: row for row in page}
        yield [declared.meta.export(row) for row in rows.values()]


def without(names: Collection[str], pages: Iterable[list[Record]]) -> Iterator[list[Record]]:
    """Yield the ``pages``, their records without these columns."""
    for page in pages:
        yield [{name: value for name, value in each.items() if name not in names} for each in page] if names else page


def _pages(queryset: QuerySet[Any]) -> Iterable[list[Any]]:
    return pages(queryset, ROWS_PER_PAGE) if takes_conditions(queryset) else [list(queryset)]
