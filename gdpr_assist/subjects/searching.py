"""From values, and from rows, to people. Reads only."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from typing import Any

from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import ValidationError
from django.db import DEFAULT_DB_ALIAS, DataError
from django.db.models import BigIntegerField, Model, QuerySet
from django.db.models.constants import LOOKUP_SEP

from ..databases.aliases import data_aliases, mirrored
from ..declaring.meta import all_rows
from ..declaring.relations import is_blank, matching_value
from ..declaring.search import Failed, noted
from ..exceptions import AnonymiseError, TooManyPeople
from ..paths import Route, clauses_of, own_key, person_of, routes
from ..registry import concrete, registry
from .person import Keys, Source, Tables, joined, somebodys, sources

# A value of more people than this is no identifier.
MOST_PEOPLE = 1000

# What is raised of a value that a field cannot hold
NO_VALUE = (ValueError, TypeError, ValidationError, DataError)


@dataclass(frozen=True, kw_only=True)
class Sight:
    """What a search looks at."""

    shown: Callable[[QuerySet[Any]], QuerySet[Any]] = QuerySet.all
    """Leaves those of the rows with a value that may say whose it is."""

    failed: Failed | None = None
    """Gets the models that cannot be read; None: the error is raised."""

    def reading(self, model: type[Model], using: str) -> AbstractContextManager[None]:
        return noted(self.failed, model, using, but=NO_VALUE)


EVERYTHING = Sight()


def find_people(identifiers: Mapping[str, Any], tables: Tables, sight: Sight) -> Iterator[tuple[str, Keys]]:
    """Yield (alias, keys) of each person that has all of these values, or has a row with them.

    Raises ``AnonymiseError`` for a kind that no model declares and for an empty value, ``TooManyPeople`` for one of
    too many people.
    """
    _check(identifiers)
    for using in data_aliases():
        if mirrored(using):
            continue
        every = sources(using, tables)
        found = [_having(kind, value, every, using, sight) for kind, value in identifiers.items()]
        for person, key in sorted(set.intersection(*found), key=lambda each: (each[0]._meta.label, each[1])):
            keys: Keys = {}
            with sight.reading(person, using):
                keys = joined({person: frozenset([key])}, using, tables)
            if keys:
                yield using, keys


def _check(identifiers: Mapping[str, Any]) -> None:
    kinds = {kind for model in registry.models for kind in clauses_of(model).identifiers or {}}
    if not identifiers:
        raise AnonymiseError(
            f"Nobody is looked for without a value. The kinds are {', '.join(sorted(kinds)) or 'none'}."
        )
    for kind, value in identifiers.items():
        if kind not in kinds:
            raise AnonymiseError(
                f"No model has this kind of identifier. The kinds are {', '.join(sorted(kinds)) or 'none'}."
            )
        if is_blank(value):
            raise AnonymiseError(f"The value of {kind} is empty: it would be that of everybody who has none.")
        if hasattr(value, "resolve_expression") or (isinstance(value, Collection) and not isinstance(value, str)):
            raise AnonymiseError(f"The value of {kind} is not one value, but {type(value).__name__}.")


def _having(kind: str, value: Any, every: Iterable[Source], using: str, sight: Sight) -> set[tuple[type[Model], Any]]:
    found: set[tuple[type[Model], Any]] = set()
    for source in every:
        identifier = source.identifiers.get(kind)
        for lookup in identifier.lookups if identifier else ():
            with sight.reading(source.model, using):
                rows = somebodys(all_rows(source.model, using), lookup)
                rows = sight.shown(rows.filter(matching_value(source.model, lookup, value)))
                ends = rows.filter(**{f"{source.key}__isnull": False}).order_by().values_list(source.key, flat=True)
                found |= {(source.person, key) for key in ends.distinct()[: MOST_PEOPLE + 1]}
    if len(found) > MOST_PEOPLE:
        raise too_many(kind)
    return found


def too_many(kind: str) -> TooManyPeople:
    return TooManyPeople(
        f"More than {MOST_PEOPLE} people have this {kind}: it is no identifier of one. Look for another value, or "
        "name a row that leads to the person."
    )


# -- from a row ---------------------------------------------------------------------------------


def person_behind(row: Model) -> Keys:
    """Return the person that ``row`` is, or leads to. Raises ``AnonymiseError`` for nobody, or several people."""
    if not isinstance(row, Model):
        raise AnonymiseError(f"A person is a row, or a row leads to one; {type(row).__name__} is none.")
    model = _model_of(row)
    if row.pk is None or row._state.adding:
        raise AnonymiseError(f"{model._meta.label}: the object is not saved, so nothing leads from it to a person.")
    if person := person_of(model):
        own = own_key(model)
        rows = all_rows(model, str(row._state.db or DEFAULT_DB_ALIAS)).filter(pk=row.pk)
        return {person: frozenset([row.pk] if own == "pk" else rows.values_list(own, flat=True))}
    parties = clauses_of(model).parties
    if parties:
        raise AnonymiseError(
            f"{model._meta.label} is about several people. Write Subject.of(row, {next(iter(parties))!r}); its "
            f"parties are {', '.join(parties)}."
        )
    return ends_of(row, "")


def _model_of(row: Model) -> type[Model]:
    return concrete(row._meta.model)  # not its class, which is another one of request.user


def ends_of(row: Model, party: str) -> Keys:
    """Return the person that the paths of this party lead to. Raises ``AnonymiseError`` for none or several."""
    model, using = _model_of(row), str(row._state.db or DEFAULT_DB_ALIAS)
    found = {*_by_key(row, using, [party]), *_by_generic_key(row, using, party)}
    keys = joined({person: frozenset([key]) for person, key in list(found)[:1]}, using, Tables())
    if not found or any(key not in keys.get(person, ()) for person, key in found):
        what = f"{len(found)} people" if found else "nobody"
        raise AnonymiseError(
            f"{model._meta.label}: the row leads to {what}. Write Subject(...) with a row that is the person, or "
            "Subject.find(...) with what the person is known by."
        )
    return keys


def _by_key(row: Model, using: str, parties: Collection[str]) -> Iterator[tuple[type[Model], Any]]:
    """Yield the ends of the paths of these parties: (model of people, key)."""
    model = _model_of(row)
    for route in routes(model):
        if route.party in parties and route.person:
            ends = all_rows(model, using).filter(pk=row.pk).values_list(route.key, flat=True)
            yield from ((route.person, key) for key in ends if key is not None)


def _by_generic_key(row: Model, using: str, party: str) -> Iterator[tuple[type[Model], Any]]:
    """Yield the people of the rows that generic keys lead to; not of what generic keys of these lead to."""
    model = _model_of(row)
    for route in routes(model):
        if route.party == party:
            for targets in _pointed_at(all_rows(model, using).filter(pk=row.pk), route, Tables()):
                for target in targets:
                    yield from _by_key(target, using, ["", *clauses_of(targets.model).parties])


def _pointed_at(rows: QuerySet[Any], route: Route, tables: Tables, most: int | None = None) -> Iterator[QuerySet[Any]]:
    """Yield the rows that the generic key at the end of ``route`` leads to, by model: at most so many."""
    if route.generic is None:
        return
    key = (route.generic.content_type, route.generic.object_id)
    names = [LOOKUP_SEP.join(filter(None, [route.lookup, name])) for name in key]
    found: dict[Any, list[Any]] = defaultdict(list)
    for kind, value in rows.order_by(*names).values_list(*names).distinct()[:most]:
        found[kind].append(value)
    for kind in ContentType.objects.using(rows.db).filter(pk__in=found):
        model = kind.model_class()
        if model and routes(model) and tables.has(concrete(model), rows.db):
            yield all_rows(concrete(model), rows.db).filter(pk__in=list(_keys_of(model, found[kind.pk])))


def _keys_of(model: type[Model], values: Iterable[Any]) -> Iterator[Any]:
    for each in values:
        with suppress(ValueError, TypeError, ValidationError):  # no key of that model
            key = model._meta.pk.to_python(each)
            if not isinstance(key, int) or abs(key) <= BigIntegerField.MAX_BIGINT:  # SQLite takes no larger number
                yield key


def led_to(rows: QuerySet[Any], most: int) -> Iterator[Keys]:
    """Yield the people whom declared keys of ``rows`` lead to, at most so many of each path.

    What a generic key leads to is followed by its own paths, once.
    """
    model, tables = concrete(rows.model), Tables()
    there = all_rows(model, rows.db).filter(pk__in=rows.order_by().values("pk"))
    yield from _led_to_by_key(there, most)
    for route in routes(model):
        for targets in _pointed_at(there, route, tables, most):
            yield from _led_to_by_key(targets, most)


def _led_to_by_key(rows: QuerySet[Any], most: int) -> Iterator[Keys]:
    for route in routes(rows.model):
        if route.person:
            ends = rows.filter(**{f"{route.key}__isnull": False}).order_by(route.key).values_list(route.key, flat=True)
            yield from ({route.person: frozenset([key])} for key in ends.distinct()[:most])


def overlap(one: Keys, other: Keys) -> bool:
    return any(keys & other.get(model, frozenset()) for model, keys in one.items())
