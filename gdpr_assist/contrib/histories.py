"""What is declared of a table of history: the columns are personal that are so in its model. Of no app alone."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import Any

from django.apps import apps
from django.db.models import Model

from ..declaring.meta import declarable
from ..registry import registry


def all_histories(original: Callable[[type[Model]], type[Model] | None]) -> Iterator[type[Model]]:
    """Yield the models of which ``original`` says that they are histories of models that are registered by now."""
    return (model for model in apps.get_models() if original(model) in registry)


def history(
    model: type[Model],
    original: type[Model],
    copy_of: Any,
    personal: Collection[str] = (),
    actors: Collection[str] = (),
) -> tuple[str, type[Any]]:
    """Return (label, what is declared) of ``model``, a history of ``original``, with these columns of its own."""
    declared = registry.declaration(original)
    columns = [field.name for field in declarable(model)]
    fields = [name for name in columns if name in declared.fields or name in personal]
    kept = declared.clauses.kept
    attributes = {
        "fields": fields,
        "keep": [name for name in columns if name not in fields],
        "json_fields": {name: paths for name, paths in declared.meta.json_fields.items() if name in fields},
        "copy_of": copy_of,
        "actors": [name for name in columns if name in actors],
        "on_erasure": {name: kept[name] for name in fields if name in kept} or declared.clauses.on_erasure,
        "identifiers": {},
    }
    return model._meta.label, type("HistoryPrivacy", (), attributes)
