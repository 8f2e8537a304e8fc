"""Rows as the log names them. Which keys are hidden there, the model says, not what an object has in memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from django.db.models import Model

from ..declaring.keys import is_plain, is_text, stored_texts
from ..log.writing import Erasure, record_by_hand
from ..registry import registry
from ..tables import stored_key


def note(erasure: Erasure, event: str, model: type[Model], keys: Iterable[Any], part: str = "") -> None:
    """Note in ``erasure`` that these rows, or a part of each, are erased. Raises ``EventLogError``."""
    erasure.add(event, registry.log_label(model), key_texts(model, keys), part, is_hidden=is_text(model))


def note_by_hand(event: str, model: type[Model], key: Any, using: str) -> None:
    """Log one event of an erasure that bypassed the app. Raises ``EventLogError``."""
    [text] = key_texts(model, [key])
    record_by_hand(event, registry.log_label(model), text, using, is_hidden=is_text(model))


def key_texts(model: type[Model], keys: Iterable[Any]) -> Iterator[str]:
    """Return each primary key as text: of one that is hidden, what the database has, as its digest must be the same.

    A number of a class that converts it is compared in Python with what is read, and so written as that is.
    """
    if is_text(model) or is_plain(model):
        return stored_texts(model, keys)
    return map(stored_key, keys)
