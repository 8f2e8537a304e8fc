"""Which part of a row goes with its person, whichever way she goes. Asks no database."""

from __future__ import annotations

from django.db.models import Model
from django.db.models.constants import LOOKUP_SEP

from ..declaring.clauses import FREE, Keep
from ..paths import clauses_of
from ..registry import registry


def part_of_person(model: type[Model]) -> str:
    """Return the part of a row of ``model`` that goes with the one person whom it is about; ``""`` for the whole.

    One object is all its tables: what the declaration of another one keeps, or divides between several people, is no
    part of it.
    """
    every = map(registry.declaration, registry.relatives(model))
    return FREE if any(each.parts or isinstance(each.clauses.on_erasure, Keep) for each in every) else ""


def part_behind(model: type[Model], key: str) -> str:
    """Return the part of a row of ``model`` that goes when the row at the end of its ``key`` is deleted."""
    return registry.declaration(model).part_of(key) or (part_of_person(model) if _is_of_person(model, key) else "")


def is_kept_behind(model: type[Model], key: str) -> bool:
    """Return whether ``key`` leads to the person of a row that is to be kept (``on_erasure = Keep(...)``)."""
    return isinstance(clauses_of(model).on_erasure, Keep) and _is_of_person(model, key)


def _is_of_person(model: type[Model], key: str) -> bool:
    return key in {path.split(LOOKUP_SEP)[0] for path in clauses_of(model).paths if isinstance(path, str)}
