"""The rows that are one person, and the values that she is known by. Reads only."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db import connections, router
from django.db.models import BooleanField, Case, Model, Q, QuerySet, Value, When

from ..databases.presence import has_table
from ..databases.rows import batch_size, chunks
from ..declaring.clauses import Generic, Identifier
from ..declaring.meta import all_rows
from ..declaring.relations import is_blank, matching_value
from ..execution.selection import among_keys
from ..paths import Route, clauses_of, known_by, own_key, person_of, routes
from ..planning.plans import plan
from ..registry import registry

# {model of people: primary keys of the rows that are this person}
Keys = Mapping[type[Model], frozenset[Any]]


@dataclass(frozen=True, kw_only=True)
class Known:
    """A value that a person is known by. Not printed."""

    identifier: str
    """Which kind of them."""

    value: Any = field(repr=False)
    is_certain: bool
    """It is hers alone, and confirmed where the declaration says when it is."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """A model whose rows hold values of a person: it is one, or its own key leads to one."""

    model: type[Model]
    key: str
    """The lookup path to the primary key of the person."""

    person: type[Model]
    is_person: bool
    party: str = ""
    """Which party the person is in the rows: the values of the others are not hers."""

    @property
    def identifiers(self) -> Mapping[str, Identifier]:
        return clauses_of(self.model).identifiers_of(self.party)


class Tables:
    """Which tables are on an alias; asked of its catalogue once."""

    def __init__(self) -> None:
        self._names: dict[str, set[str]] = {}

    def has(self, model: type[Model], using: str) -> bool:
        if not router.allow_migrate_model(using, model):
            return False
        if using not in self._names:
            self._names[using] = {name.lower() for name in connections[using].introspection.table_names()}
        # A name with its schema is in no list.
        return model._meta.db_table.lower() in self._names[using] or has_table(model, using)

    def home(self, person: type[Model], alias: str, using: str) -> str:
        """Return where the row is that a key on ``alias`` leads to: there, or on ``using`` if there is no such table.

        Where there is one, a key 7 is somebody else than the row 7 on ``using``.
        """
        return alias if self.has(person, alias) else using

    def keys_on(self, alias: str, keys: Keys, using: str) -> Keys:
        """Return those of ``keys``, of rows on ``using``, that keys on ``alias`` lead to."""
        if alias == using:
            return keys
        return {person: those for person, those in keys.items() if self.home(person, alias, using) == using}


def joined(keys: Keys, using: str, tables: Tables) -> Keys:
    """Return ``keys`` with those of the rows that a declared key joins to them: an account and its profile."""
    joins = list(links(using, tables))
    found: dict[type[Model], set[Any]] = defaultdict(set)
    new = {model: set(those) for model, those in keys.items()}
    while any(new.values()):
        for model, added in new.items():
            found[model] |= added
        reached: dict[type[Model], set[Any]] = defaultdict(set)
        for model, person, route in joins:
            assert route.person is not None  # see links
            rows, own = all_rows(model, using), own_key(model)
            if mine := new.get(person):
                those = rows.filter(**{f"{own}__in": among_keys(person, mine, using)})
                reached[route.person].update(those.values_list(route.key, flat=True))
            if ends := new.get(route.person):
                those = rows.filter(**{f"{route.key}__in": among_keys(route.person, ends, using)})
                reached[person].update(those.values_list(own, flat=True))
        new = {model: those - found[model] - {None} for model, those in reached.items()}
    return {model: frozenset(those) for model, those in found.items() if those}


def links(using: str, tables: Tables) -> Iterator[tuple[type[Model], type[Model], Route]]:
    """Yield (model, its model of people, the way) of each key that joins a row that is a person to another one."""
    for model in registry.models:
        if (person := person_of(model)) and tables.has(model, using):
            yield from ((model, person, each) for each in routes(model) if each.lookup and each.generic is None)


def sources(using: str, tables: Tables) -> list[Source]:
    """Return the models whose rows hold values of people."""
    return [source for model in registry.models if tables.has(model, using) for source in _sources(model)]


def _sources(model: type[Model]) -> Iterator[Source]:
    if not clauses_of(model).identifiers:
        return
    if person := person_of(model):
        yield Source(model=model, key=own_key(model), person=person, is_person=True)
        return
    for path in clauses_of(model).paths:
        for route in routes(model):
            if not isinstance(path, Generic) and route.lookup == path and route.person:
                yield Source(model=model, key=route.key, person=route.person, is_person=False, party=route.party)


def known_values(keys: Keys, using: str, tables: Tables, *, certain_only: bool = False) -> list[Known]:
    """Return the values that the person is known by: of her own rows, and of those whose own key leads to her.

    One that is confirmed to be hers is certain unless another person's own row has it too: an order to her address is
    no claim to it. One of a kind that nobody confirms is certain if nobody else has it anywhere.

    None is read of a kind by which no row is found; with ``certain_only``, none that cannot be certain.
    """
    every = sources(using, tables)
    own = [source for source in every if source.is_person]
    confirmed_kinds, kinds = _confirmed_kinds(), _kinds_of_rows()
    found: dict[tuple[str, Any], bool] = {}
    for source in every:
        for kind, identifier in source.identifiers.items():
            may_be_certain = kind not in confirmed_kinds or (source.is_person and identifier.may_be_verified)
            if kind in kinds and (may_be_certain or not certain_only) and (mine := keys.get(source.person)):
                for value, is_confirmed in _values(source, identifier, mine, using):
                    found[kind, value] = found.get((kind, value), False) or is_confirmed
    claims: dict[tuple[str, bool], list[Any]] = defaultdict(list)
    for (kind, value), is_confirmed in found.items():
        if is_confirmed or kind not in confirmed_kinds:
            claims[kind, is_confirmed].append(value)
    certain: set[tuple[str, Any]] = set()
    for (kind, is_confirmed), values in claims.items():
        taken = held_by_others(kind, values, keys, own if is_confirmed else every, using)
        certain |= {(kind, value) for value in values if plain(value) not in taken}
    return [Known(identifier=kind, value=value, is_certain=(kind, value) in certain) for kind, value in found]


def _confirmed_kinds() -> set[str]:
    """Return the kinds of which a declaration says when, if ever, a value is confirmed.

    Of her who has no such row, none is.
    """
    every = (clauses_of(model).identifiers or {} for model in registry.models if person_of(model))
    return {kind for identifiers in every for kind, each in identifiers.items() if each.verified is not None}


def _kinds_of_rows() -> set[str]:
    """Return the kinds by which rows may be found that are no people themselves."""
    return {each.identifier for model in registry.models if not person_of(model) for each in known_by(model)}


def _values(source: Source, identifier: Identifier, keys: frozenset[Any], using: str) -> Iterator[tuple[Any, bool]]:
    """Yield each value, and whether somebody has confirmed it."""
    hers = {f"{source.key}__in": among_keys(source.person, keys, using)}
    rows = all_rows(source.model, using).filter(**hers).order_by()
    for lookup in identifier.lookups:
        those = somebodys(rows, lookup).values_list(lookup, _is_confirmed(source, identifier))
        for value, is_confirmed in those.distinct():
            if not is_blank(value):
                yield value, is_confirmed


def somebodys(rows: QuerySet[Any], lookup: str) -> QuerySet[Any]:
    """Return those of ``rows`` whose value at ``lookup`` no rule has made: what a rule has made is nobody's."""
    told = plan(rows).told if registry.declaration(rows.model).can_anonymise else {}
    return rows.exclude(told[lookup]) if lookup in told else rows


def _is_confirmed(source: Source, identifier: Identifier) -> Any:
    if source.is_person and isinstance(identifier.verified, Q):
        return Case(When(identifier.verified, then=True), default=False, output_field=BooleanField())
    return Value(source.is_person and identifier.verified is True, BooleanField())


def held_by_others(kind: str, values: list[Any], keys: Keys, others: Iterable[Source], using: str) -> set[Any]:
    """Return which of ``values`` somebody else has too, in plain form."""
    found = set()
    for source in others:
        if identifier := source.identifiers.get(kind):
            mine = keys.get(source.person, frozenset())
            rows = all_rows(source.model, using).filter(**{f"{source.key}__isnull": False}).order_by()
            for lookup in identifier.lookups:
                for part in chunks(values, batch_size(using)):
                    those = rows.filter(matching_value(source.model, lookup, *part))
                    pairs = those.values_list(lookup, source.key).distinct()
                    found |= {plain(value) for value, key in pairs.iterator() if key not in mine}
    return found


def plain(value: Any) -> Any:
    return value.casefold() if isinstance(value, str) else value


def nobodys(model: type[Model], using: str, party: str) -> QuerySet[Any]:
    """Return the rows of which no key leads to a person, or none that is this party's."""
    rows = all_rows(model, using)
    for route in routes(model):
        if route.lookup and route.person and route.party == party:
            rows = rows.filter(**{f"{route.lookup}__isnull": True})
    return rows
