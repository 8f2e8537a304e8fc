"""The rows that are about a person: one query for each model, along its declared paths and values. Reads only."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from django.contrib.contenttypes.models import ContentType
from django.db.models import Model, QuerySet
from django.utils.translation import gettext_noop

from ..copies.rows import can_point, key_texts
from ..databases.aliases import data_aliases, mirrored
from ..databases.rows import batch_size, chunks, locked, locks_rows, nests_little
from ..declaring.clauses import Generic
from ..declaring.meta import all_rows
from ..declaring.relations import is_multi_valued, matching_value
from ..declaring.search import Matching
from ..exceptions import AnonymiseError
from ..execution.selection import among_keys
from ..paths import KnownBy, Route, end_of, known_by, person_of, routes
from ..phrases import Phrase
from ..planning.links import is_text
from ..registry import registry
from .person import Keys, Known, Tables, nobodys
from .sharing import of_others_too, with_another_party

# The way to a row that is the person
# Translators: how a row was found: it is the account of the person.
ITSELF = Phrase(gettext_noop("is the person"))

# The way by a key
# Translators: how a row was found; %(way)s is the name of a column, as "customer".
BY = gettext_noop("by %(way)s")

# The way by a value
# Translators: how a row was found; %(kind)s is what somebody is known by, as "email".
BY_VALUE = gettext_noop("by %(kind)s")


@dataclass(frozen=True, kw_only=True)
class Found:
    """Rows of one model on one alias that are about the person, or a part of each."""

    model: type[Model]
    using: str
    part: str
    """The party that the person is in these rows; empty where they are hers alone."""

    rows: QuerySet[Any] = field(repr=False)
    ways: tuple[str, ...]
    """How they were found: ``"by customer"``, ``"by email"``."""

    by_way: tuple[FoundBy, ...] = field(default=(), repr=False)
    """The rows of each way, those that are somebody else's too among them."""

    is_shared: bool = False
    """Whether a path leads from each of them to somebody else too."""

    @property
    def label(self) -> str:
        return self.model._meta.label

    def narrowed(self, narrow: Callable[[type[Model], QuerySet[Any]], QuerySet[Any]]) -> Found:
        """Return it with those of its rows that ``narrow`` leaves. Raises ``AnonymiseError`` for other ones."""
        rows: object = narrow(self.model, self.rows)
        if not isinstance(rows, QuerySet) or rows.model is not self.model:
            raise AnonymiseError(f"Subject(rows=...) returned no queryset of {self.label}.")
        return replace(self, rows=rows)

    def __str__(self) -> str:
        return f"{self.label}{f' ({self.part})' if self.part else ''} on {self.using}: {', '.join(self.ways)}"


@dataclass(frozen=True, kw_only=True)
class FoundBy:
    """Rows that are found in one way."""

    part: str
    words: str
    rows: QuerySet[Any] = field(repr=False)
    route: Route | None = None
    """The key; None for a value."""


def find_rows(
    keys: Keys,
    using: str,
    values: Iterable[Known],
    tables: Tables,
    included: Collection[str] = (),
    aliases: Iterable[str] | None = None,
) -> list[Found]:
    """Return the rows that are about the person whose own rows, on ``using``, have ``keys``.

    By key where keys lead to her (``Tables.keys_on``); by value on every alias. A value that is not certain finds
    nothing here, but of the models and kinds that ``included`` names. Looked at are ``aliases``, by default all.
    """
    values = list(values)
    every: list[Found] = []
    for alias in data_aliases(aliases):
        if not mirrored(alias):  # a replica has nothing of its own
            mine = tables.keys_on(alias, keys, using)
            there = [model for model in registry.models if tables.has(model, alias)]
            found = [each for model in there for each in _of(model, alias, mine, values, included, tables)]
            every += [*found, *_generic(found, there, alias, mine, tables)]
    return every


def _of(
    model: type[Model], alias: str, keys: Keys, values: list[Known], included: Collection[str], tables: Tables
) -> Iterator[Found]:
    ways = list(_by_key(model, alias, keys))
    # Of many people who are deleted at once, the values are more than a statement takes.
    for some in chunks(values, batch_size(alias)) if values else [[]]:
        for found in joined_ways(model, alias, [*ways, *by_value(model, alias, some, included)]):
            yield from _shared_apart(found, keys, tables)
        ways = []


def _shared_apart(found: Found, keys: Keys, tables: Tables) -> Iterator[Found]:
    """Yield those of the rows that are hers alone, and those from which a path leads to somebody else too."""
    return _apart(found, of_others_too(found.model, found.using, keys, found.part, tables))


def _apart(found: Found, others: Any) -> Iterator[Found]:
    if others is None:
        yield found
        return
    yield replace(found, rows=found.rows.exclude(pk__in=others))
    yield replace(found, rows=found.rows.filter(pk__in=others), is_shared=True)


def joined_ways(model: type[Model], alias: str, ways: list[FoundBy]) -> Iterator[Found]:
    for part in dict.fromkeys(way.part for way in ways):
        those = [way for way in ways if way.part == part]
        queries = [way.rows.order_by().values("pk") for way in those]
        one = len(those) == 1
        rows = those[0].rows if one else all_rows(model, alias).filter(pk__in=Matching(*queries))
        yield Found(
            model=model,
            using=alias,
            part=part,
            rows=rows,
            ways=tuple(dict.fromkeys(way.words for way in those)),
            by_way=tuple(those),
        )


def _by_key(model: type[Model], alias: str, keys: Keys) -> Iterator[FoundBy]:
    for route in routes(model):
        if route.person and (mine := keys.get(route.person)):
            words = Phrase(BY, way=route.lookup) if route.lookup else ITSELF
            hers = all_rows(model, alias).filter(**{f"{route.key}__in": among_keys(route.person, mine, alias)})
            yield FoundBy(part=route.party, words=words, rows=hers, route=route)


def by_value(model: type[Model], alias: str, values: list[Known], included: Collection[str]) -> Iterator[FoundBy]:
    """Yield the rows of nobody that hold a value which is certain, or of a model and kind that is ``included``."""
    if person_of(model):
        return
    for each in known_by(model):
        is_included = doubt_name(model, each.identifier) in included
        hers = [value for value in values if value.identifier == each.identifier]
        those = [value.value for value in hers if value.is_certain or is_included]
        if those and is_found_by(model, each):
            rows = nobodys(model, alias, each.party).filter(matching_value(model, each.lookup, *those))
            yield FoundBy(part=each.party, words=Phrase(BY_VALUE, kind=each.identifier), rows=rows)


def doubt_name(model: type[Model], identifier: str) -> str:
    return f"{model._meta.label} by {identifier}"


def is_found_by(model: type[Model], known: KnownBy) -> bool:
    """Whether a value finds the row: not where it may be that of one of several rows that lead there."""
    return not is_multi_valued(model, known.lookup)


def lock(found: Iterable[Found]) -> None:
    """Lock these rows, in the transaction that is open: who has one of them locked is waited for.

    Those that are hers alone are locked with those that are somebody else's too, in one order. What was not found in
    any way, but comes with other rows, is among these.
    """
    those = (each for each in found if each.by_way and locks_rows(each.using))
    every = dict.fromkeys((each.model, each.using, each.by_way) for each in those)
    for model, using, ways in sorted(every, key=lambda each: each[0]._meta.label):
        [whole] = joined_ways(model, using, list(ways))
        rows = all_rows(model, using).filter(pk__in=whole.rows.order_by().values("pk")).order_by("pk")
        list(locked(rows, using).values_list("pk"))


def _generic(found: list[Found], models: list[type[Model]], alias: str, keys: Keys, tables: Tables) -> Iterator[Found]:
    """Yield the rows of ``models`` whose generic key leads to the person, or to rows that were ``found``."""
    leading = [(model, route) for model in models for route in routes(model) if route.generic]
    if not leading:
        return
    whole = [one for each in found for one in _parties_apart(each, found, keys, tables)]
    for model, route in leading:
        yield from _leading_to(whole, model, alias, route, keys, tables)


def _parties_apart(found: Found, every: list[Found], keys: Keys, tables: Tables) -> Iterator[Found]:
    """Yield the rows in which she is the only party, and those in which another one is somebody else."""
    if not found.part or found.is_shared:
        yield found
        return
    hers = {each.part: each.rows.order_by() for each in every if each.model is found.model and not each.is_shared}
    others = with_another_party(found.model, found.using, keys, found.part, hers, tables)
    for each in _apart(found, others):
        yield _by_its_keys(each) if others is not None and nests_little(each.using) else each


def _by_its_keys(found: Found) -> Found:
    keys = list(found.rows.order_by().values_list("pk", flat=True))
    hers = all_rows(found.model, found.using).filter(pk__in=among_keys(found.model, keys, found.using))
    return replace(found, rows=hers)


def _leading_to(
    targets: list[Found], model: type[Model], alias: str, route: Route, keys: Keys, tables: Tables
) -> Iterator[Found]:
    """Yield the rows whose generic key leads to ``targets``. What is about somebody else too makes them that, too."""
    for is_shared in (False, True):
        rows = [each.rows for each in targets if each.is_shared is is_shared]
        for found in joined_ways(model, alias, list(pointing(model, alias, route, rows))):
            if is_shared:
                yield replace(found, is_shared=True)
            else:
                yield from _shared_apart(found, keys, tables)


def pointing(model: type[Model], alias: str, route: Route, targets: list[QuerySet[Any]]) -> Iterator[FoundBy]:
    """Yield the rows of ``model`` whose generic key, which ``route`` ends at, leads to a row of ``targets``."""
    generic: Generic = route.generic  # type: ignore[assignment]
    before = f"{route.lookup}__" if route.lookup else ""
    holder = end_of(model, route.lookup) if route.lookup else model
    for rows in targets:
        if not can_point(holder, generic, rows.model):
            continue
        those = key_texts(rows) if is_text(holder, generic) else rows.order_by().values("pk")
        kind = ContentType.objects.db_manager(alias).get_for_model(rows.model)
        condition = {f"{before}{generic.content_type}": kind.pk, f"{before}{generic.object_id}__in": those}
        pointing = all_rows(model, alias).filter(**condition)
        yield FoundBy(part=route.party, words=Phrase(BY, way=f"{before}{generic}"), rows=pointing, route=route)
