"""The rows to which a person only did something: they are about others, and are left as they are. Reads only."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from django.db.models import Model, QuerySet
from django.db.models.constants import LOOKUP_SEP
from django.utils.translation import gettext_noop

from ..databases.aliases import data_aliases, mirrored
from ..declaring.clauses import Generic
from ..declaring.meta import all_rows
from ..declaring.relations import generic_keys
from ..paths import Route, clauses_of, end_of, own_key, person_of, routes
from ..phrases import Phrase
from ..registry import registry
from .finding import Found, FoundBy, joined_ways, pointing
from .person import Keys, Tables

# The way by a key in ``actors``
ACTED = gettext_noop("only acted (%(key)s)")


def acted_rows(keys: Keys, using: str, found: Iterable[Found], tables: Tables) -> list[Found]:
    """Return the rows of which a key in ``actors`` leads to the person whose own rows, on ``using``, have ``keys``.

    Those that are ``found`` to be hers in another way are left out. Asks no more than which tables there are.
    """
    hers = list(found)
    return [
        replace(each, rows=_without(each, hers))
        for alias in data_aliases()
        for model in registry.models
        if keys and clauses_of(model).actors and not mirrored(alias) and tables.has(model, alias)
        for each in joined_ways(model, alias, list(_ways(model, alias, tables.keys_on(alias, keys, using), hers)))
    ]


def _without(acted: Found, hers: list[Found]) -> QuerySet[Any]:
    # Each row once, also where a key has several ends.
    rows = all_rows(acted.model, acted.using).filter(pk__in=acted.rows.order_by().values("pk"))
    same = (each for each in hers if each.model is acted.model and each.using == acted.using)
    for way in dict.fromkeys(way for each in same for way in each.by_way):
        rows = rows.exclude(pk__in=way.rows.order_by().values("pk"))
    return rows


def _ways(model: type[Model], alias: str, keys: Keys, hers: list[Found]) -> Iterator[FoundBy]:
    for name in clauses_of(model).actors:
        words = Phrase(ACTED, key=name)
        for route in _routes(model, name):
            if route.generic:
                there = [each.rows for each in hers if each.using == alias and not each.part and not each.is_shared]
                yield from (replace(each, words=words, part="") for each in pointing(model, alias, route, there))
            elif route.person and route.person in keys:
                rows = all_rows(model, alias).filter(**{f"{route.key}__in": keys[route.person]})
                yield FoundBy(part="", words=words, rows=rows, route=route)


def _routes(model: type[Model], name: str) -> Iterator[Route]:
    """Yield the ways from a row to those who acted: where the key leads to no person, on by the paths of that row."""
    for key in generic_keys(model):
        if key.name == name:
            yield Route(lookup="", person=None, generic=Generic(key.ct_field, key.fk_field))
            return
    end = end_of(model, name)
    if person := person_of(end):
        yield Route(lookup=name, person=person, key=LOOKUP_SEP.join([name, own_key(end)]))
        return
    for route in routes(end):
        lookup = LOOKUP_SEP.join(filter(None, [name, route.lookup]))
        yield replace(route, lookup=lookup, key=f"{name}{LOOKUP_SEP}{route.key}", party="")
