"""From values, and from rows, to people. Reads only."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from django.db import DEFAULT_DB_ALIAS
from django.db.models import Model, QuerySet

from ..databases.aliases import data_aliases, mirrored
from ..declaring.meta import all_rows
from ..declaring.relations import matching_value
from ..exceptions import AnonymiseError
from ..paths import clauses_of, known_by, person_of, routes
from ..registry import concrete, registry
from .person import Keys, Known, Source, Tables, joined, nobodys, sources

# A value of more people than this is no identifier.
MOST_PEOPLE = 1000


def find_people(identifiers: Mapping[str, Any], tables: Tables) -> Iterator[tuple[str, Keys]]:
    """Yield (alias, keys) of each person that has all of these values, or has a row with them.

    Raises ``AnonymiseError`` for a kind that no model declares, for an empty value, or one of too many people.
    """
    _check(identifiers)
    for using in data_aliases():
        if mirrored(using):
            continue
        every = sources(using, tables)
        found = [_having(kind, value, every, using) for kind, value in identifiers.items()]
        for person, key in sorted(set.intersection(*found), key=lambda each: (each[0]._meta.label, each[1])):
            yield using, joined({person: frozenset([key])}, using, tables)


def _check(identifiers: Mapping[str, Any]) -> None:
    kinds = {kind for model in registry.models for kind in clauses_of(model).identifiers or {}}
    if not identifiers:
        raise AnonymiseError(
            f"Nobody is looked for without a value. The kinds are {', '.join(sorted(kinds)) or 'none'}."
        )
    for kind, value in identifiers.items():
        if kind not in kinds:
            raise AnonymiseError(
                f"No model has the identifier {kind}. The kinds are {', '.join(sorted(kinds)) or 'none'}."
            )
        if value is None or not str(value).strip():
            raise AnonymiseError(f"The value of {kind} is empty: it would be that of everybody who has none.")


def _having(kind: str, value: Any, every: Iterable[Source], using: str) -> set[tuple[type[Model], Any]]:
    found: set[tuple[type[Model], Any]] = set()
    for source in every:
        if identifier := source.identifiers.get(kind):
            for lookup in identifier.lookups:
                rows = all_rows(source.model, using).filter(matching_value(source.model, lookup, value))
                ends = (
                    rows.filter(**{f"{source.lookup}__isnull": False}).order_by().values_list(source.lookup, flat=True)
                )
                found |= {(source.person, key) for key in ends.distinct()[: MOST_PEOPLE + 1]}
    if len(found) > MOST_PEOPLE:
        raise AnonymiseError(f"More than {MOST_PEOPLE} people have this {kind}: it is no identifier of one.")
    return found


def guests(identifiers: Mapping[str, Any], tables: Tables) -> list[Known]:
    """Return the values as those of somebody without a row of her own, if a row that is nobody's has one of them."""
    for using in data_aliases():
        for model in registry.models:
            if not person_of(model) and tables.has(model, using):
                for each in known_by(model):
                    if each.identifier in identifiers:
                        condition = matching_value(model, each.lookup, identifiers[each.identifier])
                        if nobodys(model, using).filter(condition).exists():
                            return [
                                Known(identifier=kind, value=value, is_certain=True)
                                for kind, value in identifiers.items()
                            ]
    return []


# -- from a row ---------------------------------------------------------------------------------


def person_behind(row: Model) -> Keys:
    """Return the person that ``row`` is, or leads to."""
    model = concrete(type(row))
    if row.pk is None or row._state.adding:
        raise AnonymiseError(f"{model._meta.label}: the object is not saved, so nothing leads from it to a person.")
    if person := person_of(model):
        return {person: frozenset([row.pk])}
    parties = clauses_of(model).parties
    if parties:
        raise AnonymiseError(
            f"{model._meta.label} is about several people. Write Subject.of(row, {next(iter(parties))!r}); its "
            f"parties are {', '.join(parties)}."
        )
    return ends_of(row, "")


def ends_of(row: Model, party: str) -> Keys:
    """Return the person that the paths of this party lead to. Raises ``AnonymiseError`` for none or several."""
    model, using = concrete(type(row)), str(row._state.db or DEFAULT_DB_ALIAS)
    found: dict[type[Model], set[Any]] = defaultdict(set)
    for route in routes(model):
        if route.party == party and route.person and route.lookup:
            ends = all_rows(model, using).filter(pk=row.pk).values_list(f"{route.lookup}__pk", flat=True)
            found[route.person].update(key for key in ends if key is not None)
    number = sum(map(len, found.values()))
    if number != 1:
        what = f"{number} people" if number else "nobody"
        raise AnonymiseError(
            f"{model._meta.label}: the row leads to {what}. Write Subject(...) with a row that is the person, or "
            "Subject.find(...) with what the person is known by."
        )
    return {person: frozenset(keys) for person, keys in found.items() if keys}


def led_to(rows: QuerySet[Any], most: int) -> Iterator[Keys]:
    """Yield the people whom declared keys of ``rows`` lead to, at most so many of each path."""
    model = concrete(rows.model)
    for route in routes(model):
        if route.person and route.generic is None:
            lookup = f"{route.lookup}__pk" if route.lookup else "pk"
            there = all_rows(model, rows.db).filter(pk__in=rows.order_by().values("pk"))
            ends = there.filter(**{f"{lookup}__isnull": False}).order_by(lookup).values_list(lookup, flat=True)
            yield from ({route.person: frozenset([key])} for key in ends.distinct()[:most])


def overlap(one: Keys, other: Keys) -> bool:
    return any(keys & other.get(model, frozenset()) for model, keys in one.items())
