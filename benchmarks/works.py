"""All that is measured, by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from . import counting, memory, pairs, start_up
from .figures import Figure


@dataclass(frozen=True, kw_only=True)
class Size:
    """How much of each."""

    n: int
    pairs: int
    memory_rows: int
    starts: int


Work = Callable[[Size], list[Figure]]


def _pair(name: str, size: Size) -> list[Figure]:
    pair = pairs.PAIRS[name]
    return [pairs.measure(name, pair, pair.rows(size.n), size.pairs)]


def _memory(name: str, size: Size) -> list[Figure]:
    return [memory.measure(name, size.memory_rows)]


def _deletion(name: str, size: Size) -> list[Figure]:
    return counting.deletion(name)


WORKS: dict[str, Work] = {
    **{name: partial(_pair, name) for name in pairs.PAIRS},
    **{f"memory_{name}": partial(_memory, name) for name in memory.TITLES},
    **{name: partial(_deletion, name) for name in counting.DELETIONS},
    "person_queries": lambda size: counting.person(),
    "reads": lambda size: counting.reads(),
    "unregistered": lambda size: counting.unregistered(),
    "start_up": lambda size: [start_up.measure(size.starts)],
}

# What is measured at several sizes, to see how it grows.
GROWING = [name for name, pair in pairs.PAIRS.items() if pair.share <= 1]
