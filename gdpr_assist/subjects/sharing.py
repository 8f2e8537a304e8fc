"""Rows about several people: which of them are somebody else's too, and the links that are the person's own.

Reads only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from django.db.models import CASCADE, F, ManyToManyField, Model, Q, QuerySet
from django.db.models.constants import LOOKUP_SEP

from ..declaring.clauses import FREE
from ..declaring.meta import all_rows
from ..declaring.relations import follow, is_multi_valued
from ..declaring.search import Matching
from ..execution.selection import among_keys
from ..paths import Route, clauses_of, known_by, routes
from ..planning.markers import is_marked
from ..registry import registry
from ..undocumented import through_keys
from .person import Keys, Tables, somebodys


def may_be_shared(model: type[Model], part: str) -> bool:
    """Whether paths may lead from a row, or from this part of it, to several people."""
    ways = [route for route in routes(model) if (route.lookup or route.generic) and route.party == part]
    return len(ways) > 1 or any(is_multi_valued(model, way.lookup) for way in ways if way.lookup)


def of_others_too(model: type[Model], alias: str, keys: Keys, part: str, tables: Tables) -> Any:
    """Return a query for the keys of the rows from which a path leads to somebody else; None where none may.

    Who is erased is nobody any more, also where a link is still there.
    """
    if not _to_people(model, part) or not may_be_shared(model, part):
        return None
    # No query around it: the parser of SQLite has a stack of 100.
    return _any_of(list(leading_to_others(model, alias, keys, part, tables)))


def without_others(
    rows: QuerySet[Any], part: str, hers: Mapping[str, list[QuerySet[Any]]], tables: Tables
) -> Iterator[tuple[str, QuerySet[Any]]]:
    """Yield each other party that owns something, and those of ``rows`` where it is nobody.

    Nobody has neither a key nor a value, and can never ask. What is theirs goes with the last of the people: in these
    rows, each other party than ``part`` is nobody too, or erased, or the person again: {party: [rows]} are ``hers``.
    """
    model, parts = rows.model, registry.declaration(rows.model).parts
    others = [party for party in clauses_of(model).parties if party != part]
    for party in others:
        if party in parts:
            present = [*_with_key(model, rows.db, party), *_with_value(model, rows.db, party)]
            for third in others:
                if third != party:
                    there = [
                        *leading_to_others(model, rows.db, {}, third, tables),
                        *_with_value(model, rows.db, third),
                    ]
                    for mine in hers.get(third, ()):
                        there = [each.exclude(pk__in=mine.values("pk")) for each in there]
                    present += there
            yield party, rows.exclude(pk__in=_any_of(present)) if present else rows


def with_another_party(
    model: type[Model], alias: str, keys: Keys, part: str, hers: Mapping[str, QuerySet[Any]], tables: Tables
) -> Any:
    """Return a query for the keys of the rows in which another party than ``part`` is somebody else; None for no rows.

    ``hers`` are the rows in which a party is the person herself: {party: rows}.
    """
    others = [party for party in clauses_of(model).parties if party != part]
    present = [each for party in others for each in leading_to_others(model, alias, keys, party, tables)]
    for party in others:
        mine = hers.get(party)
        by_value = _with_value(model, alias, party)
        present += by_value if mine is None else (each.exclude(pk__in=mine.values("pk")) for each in by_value)
    return _any_of(present) if present else None


def _any_of(queries: list[QuerySet[Any]]) -> Any:
    return Matching(*queries) if len(queries) > 1 else queries[0]


def leading_to_others(
    model: type[Model], alias: str, keys: Keys, part: str, tables: Tables
) -> Iterator[QuerySet[Any]]:
    """Yield queries for the rows from which a path of ``part`` leads to somebody who has none of ``keys``."""
    for person, route in _to_people(model, part):
        # Each pair of a row and an end of its path: what exclude() asks of a path with several ends is another thing.
        ends = all_rows(model, alias).annotate(end_of_path=F(route.key)).order_by()
        hers = among_keys(person, keys.get(person, frozenset()), alias)
        others = ends.filter(~Q(end_of_path__in=hers), end_of_path__isnull=False)
        if tables.has(person, alias):
            others = others.exclude(_is_erased(person, alias, key="end_of_path"))
        yield others.values("pk")


def _with_key(model: type[Model], alias: str, party: str) -> Iterator[QuerySet[Any]]:
    """Yield queries for the keys of the rows that have a key to this party."""
    for route in routes(model):
        if route.party == party:
            key = LOOKUP_SEP.join(filter(None, [route.lookup, route.generic.object_id if route.generic else ""]))
            yield all_rows(model, alias).filter(**{f"{key}__isnull": False}).order_by().values("pk")


def _with_value(model: type[Model], alias: str, party: str) -> Iterator[QuerySet[Any]]:
    """Yield queries for the keys of the rows that have a value by which this party is known."""
    for each in known_by(model):
        if each.party == party:
            rows = somebodys(all_rows(model, alias), each.lookup).filter(**{f"{each.lookup}__isnull": False})
            yield rows.exclude(**{each.lookup: ""}).order_by().values("pk")


def link_rows(rows: QuerySet[Any], keys: Keys, part: str, *, people_go: bool = False) -> Iterator[QuerySet[Any]]:
    """Yield the rows between ``rows`` and the person that stand for nothing else: of a many-to-many relation.

    Not those of a model that says itself whose they are. Where all rows of the person go (``people_go``), not those
    that go with them either.
    """
    for person, route in _to_people(rows.model, part):
        found = _last_link(rows.model, route)
        if found is None or not (mine := keys.get(person)):
            continue
        before, field, is_forwards, after = found
        here, there = through_keys(field) if is_forwards else reversed(through_keys(field))
        through: type[Model] = field.remote_field.through
        key: Any = through._meta.get_field(there)
        is_next_to_her = route.lookup.count(LOOKUP_SEP) == len(before)
        goes_too = people_go and is_next_to_her and key.remote_field.on_delete is CASCADE
        if not clauses_of(through).says_whose and not goes_too:
            ends = {f"{LOOKUP_SEP.join([there, *after])}__in": among_keys(person, mine, rows.db)}
            near = rows.order_by().values(LOOKUP_SEP.join([*before, "pk"]))
            yield all_rows(through, rows.db).filter(**ends, **{f"{here}__in": near})


def _to_people(model: type[Model], part: str) -> list[tuple[type[Model], Route]]:
    """Return the paths of this part that lead to people, not the row itself, each with its model of people."""
    return [(each.person, each) for each in routes(model) if each.lookup and each.person and each.party == part]


def _is_erased(person: type[Model], alias: str, key: str) -> Any:
    """Return the condition that ``key`` is that of somebody who is erased."""
    return is_marked(registry.declaration(person), alias, FREE, key=key)


def _last_link(model: type[Model], route: Route) -> tuple[list[str], Any, bool, list[str]] | None:
    """Return the last many-to-many relation on ``route``, if behind it each row has one end.

    That is (names of the steps before it, the field, whether it is passed forwards, names from there to the key).
    """
    names, steps = route.key.split(LOOKUP_SEP), follow(model, route.lookup)
    for number in reversed(range(len(steps))):
        step = steps[number]
        if step.many_to_many:
            is_forwards = isinstance(step, ManyToManyField)
            return names[:number], step if is_forwards else step.field, is_forwards, names[number + 1 :]
        if step.one_to_many:
            return None  # a row of its own is between the two
    return None
