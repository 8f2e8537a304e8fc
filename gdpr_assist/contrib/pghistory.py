"""django-pghistory: the events of each declared model have the same columns, and are erased with its rows.

Triggers of PostgreSQL write them, whatever changes a row.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

from django.db.models import SET_DEFAULT, SET_NULL, Model
from django.utils.module_loading import import_string

from ..declaring.clauses import HISTORY, PointedAtBy
from ..declaring.defaults import json
from ..declaring.rules import Rule
from ..registry import concrete, registry
from ..switches import Switch
from .histories import all_histories, history

APP = "pghistory"

# The key from an event to its row, and what was said of the request: a key, or the data themselves
ROW = "pgh_obj"
CONTEXT = "pgh_context"

# The trigger by which pghistory protects the events of a model (append_only)
PROTECTION = "append_only"

# What the app writes in each event, beside the columns of the row: when it was, what the code calls it, and keys
KEPT = ("pgh_created_at", "pgh_label", ROW, CONTEXT, "pgh_context_id")


def _off(using: str) -> AbstractContextManager[Any]:
    """Ignore the triggers that write events, and those that protect the declared ones; no others."""
    writing = import_string("pghistory.trigger.Event")
    ignored = [
        f"{model._meta.label}:{trigger.name}"
        for model, trigger in import_string("pgtrigger.registered")()
        if isinstance(trigger, writing)
        or (trigger.name == PROTECTION and _original(model) is not None and model in registry)
    ]
    off: AbstractContextManager[Any] = import_string("pgtrigger.ignore")(*ignored, databases=[using])
    return off if ignored else nullcontext()


SWITCH = Switch(name=APP, off=_off)


class ContextPrivacy:
    fields = ["metadata"]
    keep = ["created_at", "updated_at"]
    copy_of = PointedAtBy(CONTEXT)


def rules() -> dict[str, Rule]:
    return {"pghistory.utils.JSONField": json}  # it is one of Django's, by another name


def declarations() -> dict[str, type[Any]]:
    """Return what is declared of contexts, and of the events of the models that are registered by now."""
    return {"pghistory.Context": ContextPrivacy, **_events(None)}


def declarations_with(original: type[Model]) -> dict[str, type[Any]]:
    """Return what is declared of the events of a model that is registered later."""
    return _events(original)


def _events(original: type[Model] | None) -> dict[str, type[Any]]:
    """Without a key to its row, or the primary key of that, nobody can tell of which row an event is."""
    return dict(
        history(model, tracked, path, personal=_personal(model), keep=KEPT)
        for model in all_histories(_original)
        if (tracked := _original(model)) and original in (None, tracked) and (path := _path(model, tracked))
    )


def _original(model: type[Model]) -> type[Model] | None:
    given = getattr(model, "pgh_tracked_model", None)
    return concrete(given) if isinstance(given, type) else None


def _path(model: type[Model], tracked: type[Model]) -> str:
    columns = {field.name: field for field in model._meta.concrete_fields}
    key: Any = columns.get(ROW)
    if key is not None and key.remote_field.on_delete not in (SET_NULL, SET_DEFAULT):
        return ROW
    return HISTORY if tracked._meta.pk.name in columns else ""


def _personal(model: type[Model]) -> list[str]:
    """Return the context where it stands in the event itself."""
    return [field.name for field in model._meta.concrete_fields if field.name == CONTEXT and not field.is_relation]
