"""What is told of an erasure while it runs: nothing to a page, its steps to a job. Does nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


def _nothing() -> None:
    pass


@dataclass(frozen=True, kw_only=True)
class Course:
    """Called when it comes so far; what is raised ends it, and nothing is changed then."""

    begins: Callable[[], None] = _nothing
    """All is checked, and no transaction is open."""

    within: Callable[[], None] = _nothing
    """In the transaction, before the first row changes. More than once where a person changes meanwhile."""
