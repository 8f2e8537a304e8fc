"""What a reader calls fields and identifiers, in the active language. Reads no rows."""

from __future__ import annotations

from collections.abc import Iterator

from django.core.exceptions import FieldDoesNotExist
from django.db.models import Model
from django.db.models.constants import LOOKUP_SEP
from django.utils.text import capfirst

from ..paths import person_of
from ..phrases import Phrase
from ..registry import registry


def called_in(model: type[Model], name: str) -> str:
    """Return what a reader calls a field of ``model``."""
    try:
        return str(model._meta.get_field(name).verbose_name)  # type: ignore[union-attr]
    except (FieldDoesNotExist, AttributeError):
        return name.replace("_", " ")


def called(kind: str) -> str:
    """Return what a reader calls a kind of identifiers: as the model of people has it, if that has one."""
    lookups = [
        (person_of(declared.model) is None, declared.model, lookup)
        for declared in registry
        for lookup in getattr((declared.clauses.identifiers or {}).get(kind), "lookups", ())
        if LOOKUP_SEP not in lookup
    ]
    _others, model, lookup = min(lookups, key=lambda each: each[0], default=(True, None, kind))
    return str(capfirst(called_in(model, lookup) if model else kind.replace("_", " ")))


def keys(text: str) -> Iterator[str]:
    """Yield the keys that a phrase names."""
    for name, value in text.values.items() if isinstance(text, Phrase) else ():
        yield from [str(value)] if name == "key" else keys(value)
