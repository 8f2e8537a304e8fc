"""django-simple-history: the history of each declared model has the same columns, and is erased with its rows."""

from __future__ import annotations

from typing import Any

from django.db.models import Model

from ..declaring.clauses import HISTORY
from ..switches import Switch
from .histories import all_histories, history

APP = "simple_history"

# An object that has the attribute is saved without a record. When a row is deleted, only a setting would prevent one,
# for all threads: what is written then is found and erased.
SWITCH = Switch(
    name=APP, mark="skip_history_when_saving", receivers=("simple_history.models.HistoricalRecords.post_save",)
)

# What the app writes in each record, beside the columns of the row; what is missing of them is not there in some
# versions, or projects. Personal is the reason, a text that anybody may write. When it was, of which of three kinds,
# and the key of who did it, stay; the last are keys to the row itself, and, of a many-to-many field, to the record.
REASON = "history_change_reason"
USER = "history_user"
KEPT = ("history_date", "history_type", USER, "history_user_id", "history_relation", "history")


def declarations() -> dict[str, type[Any]]:
    """Return what is declared of the histories of the models that are registered by now."""
    return dict(_declared(model) for model in all_histories(_original))


def declarations_with(original: type[Model]) -> dict[str, type[Any]]:
    """Return what is declared of the history of a model that is registered later."""
    return dict(_declared(model) for model in all_histories(_original) if _original(model) is original)


def _original(model: type[Model]) -> type[Model] | None:
    given = getattr(model, "instance_type", None)
    is_record = hasattr(model, "history_type") or hasattr(model, "m2m_history_id")
    return given if isinstance(given, type) and is_record else None


def _declared(model: type[Model]) -> tuple[str, type[Any]]:
    return history(model, _original(model), HISTORY, personal=[REASON], keep=KEPT, actors=[USER])  # type: ignore[arg-type]
