"""Rows that are reached and left as they are, since their model says ``can_anonymise = False``. Writes nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

# While somebody asks for them: {label of the model: rows}
_heard: ContextVar[Counter[str] | None] = ContextVar("gdpr_assist_kept", default=None)


@contextmanager
def hearing_of_kept() -> Iterator[Counter[str]]:
    """Yield {label: rows} of what is left as it is within the block. Blocks around it hear of it, unless it raises."""
    heard: Counter[str] = Counter()
    around = _heard.get()
    token = _heard.set(heard)
    try:
        yield heard
    finally:
        _heard.reset(token)
    if around is not None:
        around.update(heard)


def keep(label: str, count: int) -> None:
    """Note that so many rows of this model are left as they are."""
    heard = _heard.get()
    if heard is not None and count:
        heard[label] += count
