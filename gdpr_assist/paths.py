"""From a model to its people: the lookups, and the proof that every key that leads to one has an answer.

Asks no database.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.core.exceptions import FieldDoesNotExist
from django.db.models import Model
from django.db.models.constants import LOOKUP_SEP

from .conf import not_personal
from .declaring.clauses import Clauses, Generic
from .declaring.mistakes import Mistake
from .declaring.relations import follow, generic_keys, history_of
from .exceptions import AnonymiseError
from .registry import concrete, registry

NOTHING = Clauses()

# The checks of what one model declares of people
OF_PEOPLE = ("E043", "E045", "E046")


@dataclass(frozen=True, kw_only=True)
class Route:
    """One way from a row to a person."""

    lookup: str
    """The lookup path to the person, or to the row that holds the generic key; empty for the row itself."""

    person: type[Model] | None
    """The model of the person; None behind a generic key, which may lead to any."""

    key: str = ""
    """The lookup path to the primary key of the person; empty behind a generic key.

    What a foreign key holds may be another column (``to_field``), or the key of a multi-table child.
    """

    party: str = ""
    """Whose part of the row it is; empty for all of it."""

    generic: Generic | None = None


@dataclass(frozen=True, kw_only=True)
class KnownBy:
    """One value by which a row knows its person without a key."""

    identifier: str
    """Which kind of them."""

    lookup: str
    party: str = ""
    """Whose value it is, where the row is about several people."""


@dataclass(frozen=True, kw_only=True)
class Key:
    """A key that leads to a person, or to a row that does."""

    model: type[Model]
    name: str
    """Of the key."""

    target: type[Model] | None
    """None for a generic key, which may lead anywhere."""

    answer: str
    """What is said of it; empty for nothing."""

    @property
    def label(self) -> str:
        return f"{self.model._meta.label}.{self.name}"


def clauses_of(model: type[Model]) -> Clauses:
    """Return what is declared of the people of ``model``."""
    return registry.declaration(model).clauses if model in registry else NOTHING


def person_of(model: type[Model]) -> type[Model] | None:
    """Return the model of which each row of ``model`` is a person: of multi-table ones the topmost; None for none."""
    above = (person_of(parent) for parent, _ in registry.parents(model))
    return next(filter(None, above), None) or (concrete(model) if clauses_of(model).is_person else None)


def knows_people(model: type[Model]) -> bool:
    """Return whether a row of ``model`` is a person, or leads to one by a path or a value."""
    return clauses_of(model).knows_people or person_of(model) is not None


def own_key(model: type[Model]) -> str:
    """Return the lookup path from a row of ``model``, which is a person, to the primary key of the topmost row."""
    links = [(parent, link) for parent, link in registry.parents(model) if person_of(parent)]
    return _joined(links[0][1].name, own_key(links[0][0])) if links else "pk"


def people() -> list[type[Model]]:
    """Return the models of which each row is a person."""
    return [model for model in registry.models if person_of(model) is model]


def routes(model: type[Model]) -> list[Route]:
    """Return the ways from a row of ``model`` to its people.

    A path that ends at a row which is no person goes on by that row's own paths. Raises ``AnonymiseError`` for a
    declaration that says something wrong of people.
    """
    return list(dict.fromkeys(_routes(concrete(model), "", "", frozenset())))


def known_by(model: type[Model]) -> list[KnownBy]:
    """Return by which values a row of ``model`` knows its person: its own, and those of the rows it leads to.

    Raises ``AnonymiseError`` as ``routes`` does.
    """
    return list(dict.fromkeys(_known(concrete(model), "", "", frozenset())))


def _routes(model: type[Model], before: str, party: str, passed: frozenset[type[Model]]) -> Iterator[Route]:
    if person := person_of(model):
        yield Route(lookup=before, person=person, key=_joined(before, own_key(model)), party=party)
        if before:
            return  # and not on to the people that this one knows
    clauses = sound_clauses_of(model)
    for path in clauses.paths:
        whose = str(path) if not before and path in clauses.parties else party
        if isinstance(path, Generic):
            yield Route(lookup=before, person=None, party=whose, generic=path)
        elif (end := end_of(model, path)) not in passed | {model}:
            yield from _routes(end, _joined(before, path), whose, passed | {model})


def _known(model: type[Model], before: str, party: str, passed: frozenset[type[Model]]) -> Iterator[KnownBy]:
    if before and person_of(model):
        return  # what a person is known by is asked of the person
    clauses = sound_clauses_of(model)
    for kind, identifier in (clauses.identifiers or {}).items():
        for lookup in identifier.lookups:
            whose = party if before else clauses.party_of(lookup)
            yield KnownBy(identifier=kind, lookup=_joined(before, lookup), party=whose)
    for path in clauses.paths:
        if not isinstance(path, Generic) and (end := end_of(model, path)) not in passed | {model}:
            whose = path if not before and path in clauses.parties else party
            yield from _known(end, _joined(before, path), whose, passed | {model})


def sound_clauses_of(model: type[Model]) -> Clauses:
    if model in registry:
        for mistake in (*registry.declaration(model).mistakes, *party_mistakes(model)):
            if mistake.check in OF_PEOPLE:
                raise AnonymiseError(f"{mistake.message} {mistake.hint}")
    return clauses_of(model)


def party_mistakes(model: type[Model]) -> Iterator[Mistake]:
    """Yield that a row is about several people, if it is a person as that of a multi-table parent is one."""
    if clauses_of(model).parties and (person := person_of(model)):
        yield Mistake(
            "E045",
            f"{model._meta.label}: PrivacyMeta.subject has parties, and each row is a person, as {person._meta.label} "
            "says.",
            "A person has no parties: write the paths as a list, or leave them out.",
        )


def end_of(model: type[Model], path: str) -> type[Model]:
    """Return the model at the end of ``path``. Raises ``FieldDoesNotExist`` if it leads to none."""
    return concrete(follow(model, path)[-1].related_model)


def _joined(before: str, path: str) -> str:
    return f"{before}{LOOKUP_SEP}{path}" if before else path


# -- the proof -----------------------------------------------------------------------------------


def keys_to_people(others: Iterable[type[Model]] = ()) -> list[Key]:
    """Return every key of the project that leads to a person, or to a row that leads to one, with its answer.

    A row may lead to one by a value alone: of a reader known by the address, what points at it is the reader's too.
    ``others`` are models that are taken for such rows too.
    """
    targets = {model for model in registry.models if clauses_of(model).knows_people}.union(others)
    return [key for model in project_models() for key in _keys(model, targets)]


def unanswered() -> list[Key]:
    """Return those keys of which nothing is said."""
    return [key for key in keys_to_people() if not key.answer]


def project_models() -> Iterator[type[Model]]:
    """Yield every model of the project with rows of its own that may be about people."""
    for model in apps.get_models():
        if not model._meta.proxy and not model._meta.swapped and model._meta.app_label != "gdpr_assist":
            yield model


def is_not_personal(model: type[Model]) -> bool:
    """Return whether ``GDPR_NOT_PERSONAL`` says that no row of ``model`` is about a person."""
    names = {f"{model._meta.app_label}.*".lower(), model._meta.label_lower}
    return not names.isdisjoint(each.lower() for each in not_personal())


def _keys(model: type[Model], targets: Iterable[type[Model]]) -> Iterator[Key]:
    """Yield the keys of the table of ``model`` that lead to one of ``targets``."""
    for field in (*model._meta.local_fields, *model._meta.local_many_to_many):
        target: Any = field.related_model
        if isinstance(target, type) and _leads(model, field, concrete(target), targets):
            yield Key(model=model, name=field.name, target=concrete(target), answer=_answer(model, field))
    for key in generic_keys(model) if targets else ():
        if key.model is model or key.model._meta.abstract:
            yield Key(model=model, name=key.name, target=None, answer=_answer(model, key))


def _leads(model: type[Model], key: Any, target: type[Model], targets: Iterable[type[Model]]) -> bool:
    """Whether a row of ``target`` may be one of ``targets``: also of a multi-table parent of one, or of a child.

    A child's pointer to its parent is the same row, and no key; unless it does not say whose its own columns are.
    """
    if getattr(key.remote_field, "parent_link", False):
        said, above = clauses_of(model), clauses_of(target)
        says_whose = person_of(model) or said.paths or (said.identifiers and not above.says_whose)
        return not says_whose and any(issubclass(target, each) for each in targets)
    return any(issubclass(target, each) or issubclass(each, target) for each in targets)


def _answer(model: type[Model], key: Any) -> str:
    clauses = clauses_of(model)
    if key.name in clauses.actors:
        return "acted"
    if any(_begins_with(model, path, key) for path in clauses.paths) or _is_answered_there(model, key):
        return "subject"
    if _is_known_by(model, key):
        return "known by"
    # A history has the keys of its model, where they are answered.
    path = clauses.copy_of
    if (path and history_of(model)) or (isinstance(path, str | Generic) and _begins_with(model, path, key)):
        return "copy"
    return "not personal" if is_not_personal(model) else ""


def _is_known_by(model: type[Model], key: Any) -> bool:
    """Whether a value at the other end of ``key`` says whose the row is, where that end is known by values alone."""
    end: Any = key.related_model
    if not isinstance(end, type) or person_of(end) or clauses_of(end).says_whose:
        return False
    lookups = (lookup for each in (clauses_of(model).identifiers or {}).values() for lookup in each.lookups)
    return any(lookup.startswith(f"{key.name}{LOOKUP_SEP}") for lookup in lookups)


def _is_answered_there(model: type[Model], key: Any) -> bool:
    """Whether the model at the other end says whose its rows are by way of ``model``: backwards, or through it."""
    back = getattr(key, "remote_field", None)
    if back is None:
        return False
    end: type[Model] = back.model
    ways = [back, *(each for each in end._meta.local_many_to_many if each.remote_field.through is model)]
    return any(_begins_with(end, path, way) for path in clauses_of(end).paths for way in ways)


def _begins_with(model: type[Model], path: Any, key: Any) -> bool:
    if isinstance(path, Generic):
        return (path.content_type, path.object_id) == (getattr(key, "ct_field", ""), getattr(key, "fk_field", ""))
    try:
        return bool(follow(model, path)[0] == key)
    except FieldDoesNotExist:
        return False
