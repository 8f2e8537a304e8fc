"""Reads rows in pages by their primary key, so that memory does not grow with their number; writes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db.models import QuerySet

ROWS_PER_PAGE = 500


def takes_conditions(rows: QuerySet[Any]) -> bool:
    """Whether ``rows`` can be narrowed down further: a slice, a combination and DISTINCT ON (...) cannot."""
    return not (rows.query.is_sliced or rows.query.combinator or rows.query.distinct_fields)


def pages(rows: QuerySet[Any], size: int = ROWS_PER_PAGE) -> Iterator[list[Any]]:
    """Yield ``rows`` in lists, by ascending primary key. No cursor is left open between them: it would lock others.

    ``iterator()`` would not do: the client of MariaDB holds the whole result.
    """
    rows = rows.order_by("pk")
    page = list(rows[:size])
    while page:
        yield page
        page = list(rows.filter(pk__gt=page[-1].pk)[:size]) if len(page) == size else []
