"""From a term and lookups to the queryset of the rows that match; runs no query itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

from django.core.exceptions import ValidationError
from django.db import connections, transaction
from django.db.models import Model, Q, QuerySet, Subquery
from django.db.models.lookups import IsNull

BITS_OF_A_BIG_INTEGER = 64

# In characters. SQLite refuses a pattern of more than 50,000 bytes.
LONGEST_TERM = 1000

# {model that could not be searched: the class of the error}; what the error says may hold the term
Failed = dict[type[Model], str]


class Found(list[tuple[type[Model], QuerySet[Any]]]):
    """The models with a row that matches, each with its matching rows."""

    def __init__(self) -> None:
        super().__init__()
        self.failed: Failed = {}
        """The models that could not be searched, each with the name of the error's class."""


class Matching(Subquery):
    """The keys that any of several queries finds.

    One SELECT further in than Django would write it: MariaDB runs an ``IN`` over a bare UNION for each row anew.
    """

    template = "(SELECT * FROM (%(subquery)s) matching)"


def check_term(term: str) -> None:
    """Raise ``ValueError`` for a term that is too long."""
    if len(term) > LONGEST_TERM:
        raise ValueError(f"The term has {len(term)} characters. A search takes at most {LONGEST_TERM}.")


@contextmanager
def noted(failed: Failed | None, model: type[Model], using: str | None) -> Iterator[None]:
    """Note in ``failed`` that ``model`` could not be searched, in place of an error of the block; None: raise it.

    ``using`` is the database that the block asks, if any. In a transaction, the block is a savepoint: after an error,
    PostgreSQL would refuse every further query of it.
    """
    try:
        with transaction.atomic(using) if using and _is_in_transaction(using) else nullcontext():
            yield
    except Exception as error:  # whatever a project's code or a database may raise
        if failed is None:
            raise
        failed[model] = type(error).__name__


def lookup_of(name: str) -> str:
    """Return the lookup that an entry of ``search_fields`` stands for."""
    return name if "__" in name else f"{name}__iexact"


def matching(rows: QuerySet[Any], names: Iterable[str], term: str) -> QuerySet[Any]:
    """Return those of ``rows`` of which any of the lookups ``names`` matches ``term``, each row once.

    Lookups over relations are queries of their own: no database uses an index for an OR over several tables.
    """
    own, related = Q(), []
    for lookup in map(lookup_of, names):
        condition = Q(**{lookup: term})
        try:
            found = rows.filter(condition)
        except (ValueError, TypeError, ValidationError):
            continue  # this column cannot hold such a term: a word, say, in a number
        if _is_no_value(found.query.where.children[0]):
            continue
        if _is_joined(found):
            related.append(found)
        else:
            own |= condition
    if not related:
        return rows.filter(own) if own else rows.none()
    queries = [query.order_by().values("pk") for query in ([rows.filter(own)] if own else []) + related]
    return rows.filter(pk__in=Matching(queries[0].union(*queries[1:])))


def _is_in_transaction(using: str) -> bool:
    return connections[using].in_atomic_block or not connections[using].get_autocommit()


def _is_no_value(comparison: Any) -> bool:
    """Whether the field's own preparation has left nothing of the term, or an integer that no column holds.

    What is empty would be compared with every empty column; SQLite would not even take such an integer.
    """
    value = getattr(comparison, "rhs", None)
    is_huge = isinstance(value, int) and value.bit_length() >= BITS_OF_A_BIG_INTEGER
    return is_huge or value == "" or isinstance(comparison, IsNull)


def _is_joined(found: QuerySet[Any]) -> bool:
    return sum(map(bool, found.query.alias_refcount.values())) > 1
