"""What goes with what: how deleting and erasing a row reaches rows of other models. Asks no database."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any

from django.contrib.contenttypes.models import ContentType
from django.db.models import Model

from ..declaring.clauses import HISTORY, Clauses, Generic
from ..deletion import ANONYMISE
from ..paths import clauses_of, end_of, people, project_models, sound_clauses_of
from ..registry import concrete, registry


class Effect(Enum):
    """What happens to a row when the one that it leads to goes; in words."""

    ERASED = "erased with the person (subject)"
    KNOWN = "the same, found by a value (identifiers)"
    DELETED = "deleted with it (CASCADE)"
    ANONYMISED = "anonymised, and the key changed (ANONYMISE)"
    EMPTIED = "only the key is changed (SET_NULL, SET_DEFAULT, SET)"
    REFUSED = "keeps the other from being deleted (PROTECT, RESTRICT)"
    COPIED = "a copy, erased with it (copy_of)"
    SAME = "the same object in another table"


# {name of an on_delete, without DB_: what it does}; one that is made by SET(value) is called set_on_delete
BY_NAME = {
    "CASCADE": Effect.DELETED,
    "SET_NULL": Effect.EMPTIED,
    "SET_DEFAULT": Effect.EMPTIED,
    "set_on_delete": Effect.EMPTIED,
    "PROTECT": Effect.REFUSED,
    "RESTRICT": Effect.REFUSED,
}


@dataclass(frozen=True, kw_only=True)
class Edge:
    """One way in which what happens to a row reaches another one."""

    cause: type[Model] | None
    """None behind a generic key, which may lead to anything."""

    affected: type[Model]
    by: str
    """The key or the path, of ``affected``."""

    effect: Effect


def edges() -> list[Edge]:
    """Return the ways between models of which at least one is registered.

    Raises ``AnonymiseError`` where a declaration says something wrong of people.
    """
    keys = (edge for model in project_models() for edge in _keys(model))
    known = [edge for edge in keys if edge.cause in registry or edge.affected in registry]
    return list(dict.fromkeys([*known, *(edge for model in registry.models for edge in _declared(model))]))


def _keys(model: type[Model]) -> Iterator[Edge]:
    for key in model._meta.local_fields:
        target: Any = key.related_model
        if isinstance(target, type) and target is not ContentType and (effect := _effect(key)):
            yield Edge(cause=concrete(target), affected=model, by=key.name, effect=effect)


def _effect(key: Any) -> Effect | None:
    """Return None for a key of which nothing happens to the row: DO_NOTHING."""
    if getattr(key.remote_field, "parent_link", False):
        return Effect.SAME
    on_delete = getattr(key.remote_field, "on_delete", None)
    if isinstance(on_delete, ANONYMISE):
        return Effect.ANONYMISED
    return BY_NAME.get(getattr(on_delete, "__name__", "").removeprefix("DB_"))


def _declared(model: type[Model]) -> Iterator[Edge]:
    clauses = sound_clauses_of(model)
    for path in clauses.paths:
        yield _edge(model, path, Effect.ERASED)
    if isinstance(clauses.copy_of, str | Generic) and clauses.copy_of != HISTORY:
        yield _edge(model, clauses.copy_of, Effect.COPIED)
    for person in [] if clauses.is_person else people():
        for kind in sorted(_kinds(clauses) & _kinds(clauses_of(person))):
            yield Edge(cause=person, affected=model, by=kind, effect=Effect.KNOWN)


def _kinds(clauses: Clauses) -> set[str]:
    return {kind for kind, identifier in (clauses.identifiers or {}).items() if identifier.lookups}


def _edge(model: type[Model], path: str | Generic, effect: Effect) -> Edge:
    end = None if isinstance(path, Generic) else end_of(model, path)
    return Edge(cause=end, affected=model, by=str(path), effect=effect)
