"""The rows that hold a value of a person, and are not taken to be hers. Reads only."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import compress
from typing import Any

from django.db.models import Model, Q, QuerySet
from django.utils.translation import gettext_noop

from ..databases.aliases import data_aliases, mirrored
from ..databases.rows import with_rows
from ..declaring.meta import all_rows
from ..declaring.relations import matching_value
from ..paths import known_by, person_of, routes
from ..phrases import Phrase
from ..registry import registry
from .finding import by_value, doubt_name, is_found_by
from .person import Keys, Known, Tables, nobodys


@dataclass(frozen=True, kw_only=True)
class Doubt:
    """Rows that hold a value of the person, and are not taken to be hers."""

    model: type[Model]
    identifier: str
    rows: QuerySet[Any] = field(repr=False)
    is_claimed: bool
    """Whether a key of theirs leads to somebody else; otherwise the value is not certain to be hers alone."""

    can_include: bool = False
    """Whether they can be counted as hers nevertheless."""

    @property
    def name(self) -> str:
        """What ``Subject.including`` takes."""
        return doubt_name(self.model, self.identifier)

    @property
    def reason(self) -> str:
        claimed = gettext_noop("by %(kind)s, but about somebody else")
        uncertain = gettext_noop("by %(kind)s, which is not certain to be this person's alone")
        return Phrase(claimed if self.is_claimed else uncertain, kind=self.identifier)


def doubts(
    keys: Keys, using: str, values: Iterable[Known], tables: Tables, included: Collection[str] = ()
) -> list[Doubt]:
    """Return the rows that hold a value of the person, and are not taken to be hers: none of ``included``.

    The value is not certain, or a key of the row leads to somebody else: her own rows, on ``using``, have ``keys``.
    There is at least one row of each.
    """
    values = list(values)
    every = [
        doubt
        for alias in data_aliases()
        for model in registry.models
        if not mirrored(alias) and tables.has(model, alias) and not person_of(model)
        for doubt in _doubts(model, alias, tables.keys_on(alias, keys, using), values, included)
        if not (doubt.can_include and doubt.name in included)
    ]
    return list(compress(every, with_rows([each.rows for each in every])))


def _doubts(
    model: type[Model], alias: str, keys: Keys, values: list[Known], included: Collection[str]
) -> Iterator[Doubt]:
    for each in known_by(model):
        hers = [value for value in values if value.identifier == each.identifier]
        if not hers:
            continue
        condition = {is_certain: _any_of(model, each.lookup, hers, is_certain) for is_certain in (True, False)}
        if condition[False]:
            rows = nobodys(model, alias, each.party).filter(condition[False])
            for way in by_value(model, alias, values, included):
                rows = rows.exclude(pk__in=way.rows.order_by().values("pk")) if way.part == each.party else rows
            can_include = is_found_by(model, each)
            yield Doubt(model=model, identifier=each.identifier, rows=rows, is_claimed=False, can_include=can_include)
        others = _of_others(model, alias, each.party, keys).filter(condition[True] | condition[False])
        yield Doubt(model=model, identifier=each.identifier, rows=others, is_claimed=True)


def _of_others(model: type[Model], alias: str, party: str, keys: Keys) -> QuerySet[Any]:
    """Return the rows of which a key of this party leads to somebody, and none to the person."""
    others = all_rows(model, alias).exclude(pk__in=nobodys(model, alias, party).values("pk"))
    for route in routes(model):
        if route.person and route.lookup and route.party == party and (mine := keys.get(route.person)):
            others = others.exclude(pk__in=all_rows(model, alias).filter(**{f"{route.key}__in": mine}).values("pk"))
    return others


def _any_of(model: type[Model], lookup: str, values: list[Known], is_certain: bool) -> Q:
    those = [each.value for each in values if each.is_certain is is_certain]
    return matching_value(model, lookup, *those) if those else Q()
