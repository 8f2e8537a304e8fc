"""From a term and lookups to the queryset of the rows that match; asks no database."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet, Subquery

BITS_OF_A_BIG_INTEGER = 64


class Matching(Subquery):
    """The keys that any of several queries finds.

    One SELECT further in than Django would write it: MariaDB runs an ``IN`` over a bare UNION for each row anew.
    """

    template = "(SELECT * FROM (%(subquery)s) matching)"


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
        if _is_huge(getattr(found.query.where.children[0], "rhs", None)):
            continue  # nor this one; SQLite would not even take it as a parameter
        if _is_joined(found):
            related.append(found)
        else:
            own |= condition
    if not related:
        return rows.filter(own) if own else rows.none()
    queries = [query.order_by().values("pk") for query in ([rows.filter(own)] if own else []) + related]
    return rows.filter(pk__in=Matching(queries[0].union(*queries[1:])))


def _is_huge(value: Any) -> bool:
    return isinstance(value, int) and value.bit_length() >= BITS_OF_A_BIG_INTEGER


def _is_joined(found: QuerySet[Any]) -> bool:
    return sum(map(bool, found.query.alias_refcount.values())) > 1
