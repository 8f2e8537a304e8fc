"""django-simple-history: the history of each declared model has the same columns, and is erased with its rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.db.models import Model

from ..declaring.clauses import HISTORY
from ..declaring.meta import declarable
from ..registry import registry

APP = "simple_history"

# Of the history itself; what is missing of them is not there in some versions.
REASON = "history_change_reason"
USER = "history_user"


def declarations() -> dict[str, type[Any]]:
    """Return what is declared of the histories of the models that are registered by now."""
    return dict(_declared(model) for model in apps.get_models() if _original(model) in registry)


def declarations_with(original: type[Model]) -> dict[str, type[Any]]:
    """Return what is declared of the history of a model that is registered later."""
    return dict(_declared(model) for model in _histories(original))


def _histories(original: type[Model]) -> Iterator[type[Model]]:
    return (model for model in apps.get_models() if _original(model) is original)


def _original(model: type[Model]) -> type[Model] | None:
    given = getattr(model, "instance_type", None)
    return given if isinstance(given, type) and hasattr(model, "history_type") else None


def _declared(model: type[Model]) -> tuple[str, type[Any]]:
    original = registry.declaration(_original(model))  # type: ignore[arg-type]
    columns = [field.name for field in declarable(model)]
    personal = [name for name in columns if name in original.fields or name == REASON]
    kept = original.clauses.kept
    privacy = type(
        "HistoryPrivacy",
        (),
        {
            "fields": personal,
            "keep": [name for name in columns if name not in personal],
            "copy_of": HISTORY,
            "actors": [USER] if USER in columns else [],
            "on_erasure": {name: kept[name] for name in personal if name in kept} or original.clauses.on_erasure,
            "identifiers": {},
        },
    )
    return model._meta.label, privacy
