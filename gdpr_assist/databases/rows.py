"""Long lists in pieces: of values, and of rows by their primary key. Knows nothing of personal data."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import islice
from operator import attrgetter, itemgetter
from typing import Any, TypeVar

from django.core.exceptions import EmptyResultSet
from django.db import connections
from django.db.models import QuerySet

from ..undocumented import compiled, is_combined, is_distinct_on, is_sliced, multi_table_parents

T = TypeVar("T")

LARGEST_BATCH = 2000

# In characters, of several queries as one: a server takes 16 MB at once by default (max_allowed_packet of MariaDB).
LONGEST_STATEMENT = 1_000_000


# Between two keys, in one statement, for whose length they are locked. SQLite, which has one writer anyhow, is faster
# with larger ones: each transaction writes the same pages of the indexes again.
ROWS_PER_RANGE = 20_000
RANGES = {"sqlite": 500_000}


def range_size(using: str) -> int:
    """Return how many rows one statement is to change on this database, where Python reads none of them."""
    return RANGES.get(connections[using].vendor, ROWS_PER_RANGE)


def batch_size(using: str) -> int:
    """Return how many primary keys fit into one statement on this database, with room for other parameters."""
    most = connections[using].features.max_query_params
    return min(LARGEST_BATCH, most * 9 // 10) if most else LARGEST_BATCH


def chunks(values: Iterable[T], size: int) -> Iterator[list[T]]:
    """Yield ``values`` in lists of ``size``, the last one shorter."""
    iterator = iter(values)
    while chunk := list(islice(iterator, size)):
        yield chunk


def with_rows(queries: Sequence[QuerySet[Any]]) -> list[bool]:
    """Return of each of ``queries`` whether it finds a row: one statement for as many of an alias as fit into it."""
    # Of each statement: {number of the query: its SQL}, and all parameters
    statements: dict[str, list[tuple[dict[int, str], list[Any]]]] = defaultdict(lambda: [({}, [])])
    for at, query in enumerate(queries):
        with suppress(EmptyResultSet):  # Django itself sees that it finds none
            sql, values = compiled(query.order_by().values("pk"), query.db)
            asked, parameters = statements[query.db][-1]
            length = len(sql) + sum(map(len, asked.values()))
            if len(parameters) + len(values) > batch_size(query.db) or length > LONGEST_STATEMENT:
                asked, parameters = {}, []
                statements[query.db].append((asked, parameters))
            asked[at] = f"EXISTS({sql})"
            parameters.extend(values)
    found = [False] * len(queries)
    for using, those in statements.items():
        for asked, parameters in filter(itemgetter(0), those):
            with connections[using].cursor() as cursor:
                cursor.execute(f"SELECT {', '.join(asked.values())}", parameters)
                for at, is_there in zip(asked, cursor.fetchone(), strict=True):
                    found[at] = bool(is_there)
    return found


def takes_conditions(rows: QuerySet[Any]) -> bool:
    """Whether ``rows`` can be narrowed down further: a slice, a combination and DISTINCT ON (...) cannot."""
    return not (is_sliced(rows) or is_combined(rows) or is_distinct_on(rows))


def locked(rows: QuerySet[Any], using: str) -> QuerySet[Any]:
    """Return ``rows`` of one table, to be locked when they are read, where the database can do that."""
    features = connections[using].features
    # PostgreSQL takes no name with a schema (db_table = 's"."t') after OF.
    has_schema = any('"' in each._meta.db_table for each in (rows.model, *multi_table_parents(rows.model)))
    if features.has_select_for_update_of and not has_schema:
        return rows.select_for_update(of=("self",))
    return rows.select_for_update() if features.has_select_for_update else rows


def nests_little(using: str) -> bool:
    """Return whether the parser of the database has a small stack: subqueries may not stand within many others."""
    return connections[using].vendor == "sqlite"


def locks_rows(using: str) -> bool:
    """Return whether the database can lock rows that are read: SQLite locks all of itself, at the first write."""
    return bool(connections[using].features.has_select_for_update)


def pages(rows: QuerySet[Any], size: int, *, key: Callable[[Any], Any] = attrgetter("pk")) -> Iterator[list[Any]]:
    """Yield ``rows`` in lists of ``size``, by ascending primary key, each read when it is asked for.

    ``key`` gives the primary key of a row. No cursor is left open between the lists: it would lock others, and on
    MariaDB the client would hold all rows at once.
    """
    rows = rows.order_by("pk")
    page = list(rows[:size])
    while page:
        yield page
        page = list(rows.filter(pk__gt=key(page[-1]))[:size]) if len(page) == size else []
