"""Which object an erasure saves just now, so that whoever hears of a save can tell whose it is. Writes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from django.db.models import Model

_saved: ContextVar[Model | None] = ContextVar("gdpr_assist_saved", default=None)


@contextmanager
def saving(instance: Model) -> Iterator[None]:
    """Within the block, an erasure saves ``instance``."""
    token = _saved.set(instance)
    try:
        yield
    finally:
        _saved.reset(token)


def is_erased(instance: Model) -> bool:
    """Return whether it is an erasure that saves ``instance`` just now."""
    return _saved.get() is instance
