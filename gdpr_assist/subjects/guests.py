"""People without a row of their own, known by values alone; several who share one are told apart. Reads only."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from django.core.exceptions import FieldDoesNotExist
from django.db.models import Case, EmailField, F, Model, QuerySet, When
from django.db.models.constants import LOOKUP_SEP

from ..databases.aliases import data_aliases, mirrored
from ..declaring.relations import follow, is_blank, is_multi_valued, matching_value
from ..exceptions import TooManyPeople
from ..paths import KnownBy, clauses_of, known_by, person_of
from ..planning.plans import plan
from ..registry import registry
from .person import Known, Tables, held_by_others, nobodys, plain, somebodys, sources
from .searching import EVERYTHING, MOST_PEOPLE, Sight, too_many

# ((kind, value), ...) by which one person is known
Values = tuple[tuple[str, Any], ...]

# The same in plain form, to be compared
Plain = frozenset[tuple[str, Any]]


@dataclass(frozen=True, kw_only=True)
class Rows:
    """Rows that are nobody's by key, and hold a value."""

    model: type[Model]
    using: str
    rows: QuerySet[Any]
    others: list[KnownBy]
    """What else each of them may be known by."""


@dataclass(frozen=True, kw_only=True)
class Group:
    """The rows of one person, as far as their values tell."""

    by: frozenset[Any]
    """What they have in common: addresses, or all of their values."""

    values: Plain


def guests(kind: str, value: Any, tables: Tables, sight: Sight) -> list[Values]:
    """Return what each person is known by of whom a row that is nobody's, and can be seen, has this value.

    Whoever has an address is one person. Any other value may be that of several, as the telephone of a household: they
    are told apart where their rows contradict one another, and what tells them apart comes first. Raises
    ``TooManyPeople``.
    """
    if kind in _addresses():
        return [((kind, value),)] if _is_seen(kind, value, tables, sight) else []
    several, seen = _told_apart(kind, value, tables, sight)
    if several:
        return [(*its, (kind, value)) for group, its in several if any(each and each <= group for each in seen)]
    return [((kind, value),)] if seen else []


def guest_values(values: Values, tables: Tables) -> list[Known]:
    """Return what such a person is known by. A value is certain if the rows tell of nobody else who has it."""
    return [Known(identifier=kind, value=each, is_certain=_is_alone(kind, each, tables)) for kind, each in values]


def _is_alone(kind: str, value: Any, tables: Tables) -> bool:
    for using in _aliases():
        own = (source for source in sources(using, tables) if source.is_person)
        if held_by_others(kind, [value], {}, own, using):
            return False
    if kind in _addresses():
        return True
    with suppress(TooManyPeople):
        return not _told_apart(kind, value, tables, EVERYTHING)[0]
    return False


def _addresses() -> frozenset[str]:
    """Return the kinds of which values are addresses of e-mail: what is written to one, one person gets."""
    return frozenset(
        kind
        for model in registry.models
        for kind, identifier in (clauses_of(model).identifiers or {}).items()
        if any(_is_email_field(model, lookup) for lookup in identifier.lookups)
    )


def _is_email_field(model: type[Model], lookup: str) -> bool:
    *steps, name = lookup.split(LOOKUP_SEP)
    try:
        end = follow(model, LOOKUP_SEP.join(steps))[-1].related_model if steps else model
    except FieldDoesNotExist:
        return False  # a key of a JSON column
    return isinstance(end._meta.get_field(name), EmailField)


def _is_seen(kind: str, value: Any, tables: Tables, sight: Sight) -> bool:
    for each in _rows_with(kind, value, tables):
        with sight.reading(each.model, each.using):
            if sight.shown(each.rows).exists():
                return True
    return False


def _told_apart(kind: str, value: Any, tables: Tables, sight: Sight) -> tuple[list[tuple[Plain, Values]], set[Plain]]:
    """Return the people who share a value, with all that their rows hold and what tells them apart; none if it is one.

    And which of the rows can be seen, by what they hold besides.
    """
    held: dict[Plain, Values] = {}
    seen: set[Plain] = set()
    for each in _rows_with(kind, value, tables):
        with sight.reading(each.model, each.using):
            held |= _held(each.rows, each.others)
            seen |= set(_held(sight.shown(each.rows), each.others))
    if len(held) > MOST_PEOPLE:
        raise too_many(kind)
    groups = _grouped(held)
    if not any(_contradict(one.values, other.values) for one, other in combinations(groups, 2)):
        return [], seen
    values = {(kind, plain(value)): (kind, value) for those in held.values() for kind, value in those}
    return [(each.values, tuple(values[pair] for pair in _telling(each))) for each in groups], seen


def _rows_with(kind: str, value: Any, tables: Tables) -> Iterator[Rows]:
    for using in _aliases():
        for model in registry.models:
            clauses = clauses_of(model)
            identifier = (clauses.identifiers or {}).get(kind)
            if identifier is None or person_of(model) or not tables.has(model, using):
                continue
            for lookup in identifier.lookups:
                party = clauses.party_of(lookup)
                rows = somebodys(nobodys(model, using, party), lookup).filter(matching_value(model, lookup, value))
                others = [
                    each
                    for each in known_by(model)
                    if each.identifier != kind and each.party == party and not is_multi_valued(model, each.lookup)
                ]
                yield Rows(model=model, using=using, rows=rows, others=others)


def _aliases() -> list[str]:
    return [using for using in data_aliases() if not mirrored(using)]


def _held(rows: QuerySet[Any], others: list[KnownBy]) -> dict[Plain, Values]:
    """Return what else the rows hold, each combination once: no more of them than are too many."""
    if not others:
        return {frozenset(): ()} if rows.exists() else {}
    columns = {f"gdpr_value_{number}": _unless_made(rows, each.lookup) for number, each in enumerate(others)}
    combinations = rows.annotate(**columns).order_by().values_list(*columns).distinct()[: MOST_PEOPLE + 1]
    found = {}
    for row in combinations:
        pairs = zip((each.identifier for each in others), row, strict=True)
        values = tuple(pair for pair in pairs if not is_blank(pair[1]))
        found[_in_plain(values)] = values
    return found


def _unless_made(rows: QuerySet[Any], lookup: str) -> Any:
    """Return what stands at ``lookup``; NULL for what a rule has made."""
    told = plan(rows).told if registry.declaration(rows.model).can_anonymise else {}
    return Case(When(told[lookup], then=None), default=F(lookup)) if lookup in told else F(lookup)


def _in_plain(values: Values) -> Plain:
    return frozenset((kind, plain(value)) for kind, value in values)


def _grouped(held: dict[Plain, Values]) -> list[Group]:
    """Return the people: rows are of one if they have an address in common; without one, if they hold the same."""
    groups: list[Group] = []
    addresses = _addresses()
    for values in filter(None, held):
        by: frozenset[Any] = frozenset(pair for pair in values if pair[0] in addresses) or frozenset([values])
        same = [each for each in groups if each.by & by]
        groups = [each for each in groups if each not in same]
        groups.append(
            Group(by=by.union(*(each.by for each in same)), values=values.union(*(each.values for each in same)))
        )
    return groups


def _telling(group: Group) -> list[tuple[str, Any]]:
    """Return the addresses of a person, or all that the rows hold, in one order."""
    addresses = _addresses()
    return sorted([pair for pair in group.values if pair[0] in addresses] or group.values, key=repr)


def _contradict(one: Plain, other: Plain) -> bool:
    """Whether both have values of one kind, and none in common."""
    kinds = {kind for kind, _ in one} & {kind for kind, _ in other}
    same = {kind for kind, _ in one & other}
    return bool(kinds - same)
