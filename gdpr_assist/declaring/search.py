"""From a term and lookups to the queryset of the rows that match; runs no query itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from functools import reduce
from operator import and_
from typing import Any

from django.core.exceptions import ValidationError
from django.db import connections, transaction
from django.db.models import Model, Q, QuerySet, Subquery
from django.db.models.lookups import IsNull
from django.utils.text import smart_split, unescape_string_literal

from ..undocumented import first_condition, is_joined

BITS_OF_A_BIG_INTEGER = 64

# In characters. SQLite refuses a pattern of more than 50,000 bytes.
LONGEST_TERM = 1000

# Of more words, as in a text, only the whole is looked for: each word is a condition of its own.
MOST_WORDS = 10

# Of so many words, some may belong together: "Vincent van Gogh".
MOST_OF_A_NAME = 5

# {model that could not be searched: the class of the error}; what the error says may hold the term
Failed = dict[type[Model], str]


class Matches(list[tuple[type[Model], QuerySet[Any]]]):
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

    def __init__(self, *queries: QuerySet[Any]) -> None:
        # Django 6.1 has a UNION in the order of the model, and refuses it where that is by another column.
        super().__init__(queries[0].union(*queries[1:]).order_by())


def check_term(term: str) -> None:
    """Raise ``ValueError`` for a term that is too long."""
    if len(term) > LONGEST_TERM:
        raise ValueError(f"The term has {len(term)} characters. A search takes at most {LONGEST_TERM}.")


@contextmanager
def noted(
    failed: Failed | None, model: type[Model], using: str | None, *, but: tuple[type[Exception], ...] = ()
) -> Iterator[None]:
    """Note in ``failed`` that ``model`` could not be searched, in place of an error of the block; None: raise it.

    An error of ``but`` is always raised. ``using`` is the database that the block asks, if any. In a transaction, the
    block is a savepoint: after an error, PostgreSQL would refuse every further query of it.
    """
    is_begun = False
    try:
        with transaction.atomic(using) if using and _is_in_transaction(using) else nullcontext():
            is_begun = True
            yield
    except Exception as error:  # whatever a project's code or a database may raise
        if (
            failed is None or not is_begun or isinstance(error, but)
        ):  # without a savepoint, the whole transaction is lost
            raise
        failed[model] = type(error).__name__


def lookup_of(name: str) -> str:
    """Return the lookup that an entry of ``search_fields`` stands for."""
    return name if "__" in name else f"{name}__iexact"


def matching(rows: QuerySet[Any], names: Iterable[str], term: str) -> QuerySet[Any]:
    """Return those of ``rows`` that match ``term`` as a whole or in parts, each row once.

    A row matches as a whole if any of the lookups ``names`` matches the term, in parts if for each part any of them
    does. The parts are the words, or the first words of a name and the rest of it.
    """
    lookups = [lookup_of(name) for name in names]
    own, related = _conditions(rows, lookups, term)
    by_words = [each for each in lookups if not each.endswith("regex")]  # a pattern has no words
    for texts in _partings(words_of(term)):
        parts = [_conditions(rows, by_words, text) for text in texts]
        if parts and all(map(any, parts)):
            if any(over_relations for _own, over_relations in parts):
                related.append(rows.filter(*(_either(rows, *each) for each in parts)))
            else:
                own |= reduce(and_, (own_columns for own_columns, _related in parts))
    return rows.filter(_either(rows, own, related)) if own or related else rows.none()


def words_of(term: str) -> list[str]:
    """Return the words of ``term`` as Django's admin splits it: what is in quotes is one. None if it is one word."""
    bits = [
        unescape_string_literal(bit) if bit[0] in "\"'" and bit[0] == bit[-1] else bit for bit in smart_split(term)
    ]
    words = list(dict.fromkeys(bit for bit in bits if bit.strip()))
    return [] if words == [term] or len(words) > MOST_WORDS else words


def _partings(words: list[str]) -> Iterator[list[str]]:
    """Yield the parts that may stand in fields of their own."""
    yield words
    for end in range(1, len(words)) if 2 < len(words) <= MOST_OF_A_NAME else ():
        yield [" ".join(words[:end]), " ".join(words[end:])]


def _conditions(rows: QuerySet[Any], lookups: Iterable[str], term: str) -> tuple[Q, list[QuerySet[Any]]]:
    """Return what matches ``term`` as one condition on columns of the table, and as queries over relations.

    These are queries of their own: no database uses an index for an OR over several tables.
    """
    own, related = Q(), []
    for lookup in lookups:
        for value in _values(rows, lookup, term):
            condition = Q(**{lookup: value})
            matches = rows.filter(condition)
            if is_joined(matches):
                related.append(matches)
            else:
                own |= condition
    return own, related


def _values(rows: QuerySet[Any], lookup: str, term: str) -> Iterator[str]:
    """Yield what ``lookup`` is to compare: nothing if its field cannot hold the term, a word, say, in a number."""
    try:
        comparison = first_condition(rows.filter(**{lookup: term}))
    except (ValueError, TypeError, ValidationError):
        return
    if not _is_no_value(comparison):
        yield term
        yield from _prepared(comparison, term)


def _prepared(comparison: Any, term: str) -> list[str]:
    """What the field itself makes of ``term`` where Django does not ask it: a telephone number without its blanks.

    Not for a part of a value: of a name such a field may leave nothing, which would be a part of every value.
    """
    if getattr(comparison, "lookup_name", "") != "iexact":
        return []
    try:
        prepared = comparison.lhs.output_field.get_prep_value(term)
    except Exception:  # noqa: BLE001  (whatever a project's field raises for what is none of its values)
        return []
    return [prepared] if isinstance(prepared, str) and prepared not in {term, ""} else []


def _either(rows: QuerySet[Any], own: Q, related: list[QuerySet[Any]]) -> Q:
    """Return the condition that ``own`` holds or that one of ``related`` finds the row."""
    if not related:
        return own
    queries = [query.order_by().values("pk") for query in ([rows.filter(own)] if own else []) + related]
    return Q(pk__in=Matching(*queries))


def _is_in_transaction(using: str) -> bool:
    """Opens no connection: one that cannot be opened fails for the models of that database alone."""
    if using not in connections:
        return False
    connection = connections[using]
    commits = connection.autocommit if connection.connection else connection.settings_dict["AUTOCOMMIT"]
    return connection.in_atomic_block or not commits


def _is_no_value(comparison: Any) -> bool:
    """Whether the field's own preparation has left nothing of the term, or an integer that no column holds.

    What is empty would be compared with every empty column; SQLite would not even take such an integer.
    """
    value = getattr(comparison, "rhs", None)
    is_huge = isinstance(value, int) and value.bit_length() >= BITS_OF_A_BIG_INTEGER
    return is_huge or value == "" or isinstance(comparison, IsNull)
