"""Paths into a JSON value, and what takes the place of what stands there, in Python; knows no column."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

# The name of a member; the number of an item; None for every item of an array
Step = str | int | None

# user  [0]  [*]  ["a name"]: without what the path languages of databases would want escaped
_STEP = re.compile(r'\.?([^.\[\]"\\*\s$]+)|\[(0|[1-9][0-9]{0,8})\]|\[(\*)\]|\["([^"\\\x00-\x1f]+)"\]')

# In a value that is made for a test
MOST_ITEMS = 99

# What stands for none, as paths without a value of their own have it
EMPTY = object()


@dataclass(frozen=True, kw_only=True)
class JsonPath:
    """Where something stands in a JSON value, and what takes its place."""

    text: str
    steps: tuple[Step, ...]
    given: Any = EMPTY
    """What takes the place of it; by default what is empty of the same type, see ``emptied``."""


def parse(text: str, given: Any = EMPTY) -> JsonPath:
    """Return the path that ``text`` spells: ``user.email``, ``items[*].name``, ``meta["a name"][0]``.

    Raises ``ValueError`` for what is none.
    """
    steps: list[Step] = []
    at = 0
    while at < len(text):
        found = _STEP.match(text, at)
        if found is None or (not steps and text[0] == ".") or (steps and found[1] and text[at] != "."):
            raise ValueError(text)
        name, number, _every, quoted = found.groups()
        steps.append(int(number) if number else name or quoted)
        at = found.end()
    if not steps:
        raise ValueError(text)
    return JsonPath(text=text, steps=tuple(steps), given=given)


def meet(one: JsonPath, other: JsonPath) -> bool:
    """Return whether both lead to the same in some value, or one into what the other leads to."""
    return all(map(_may_be_same, one.steps, other.steps))


def _may_be_same(one: Step, other: Step) -> bool:
    if isinstance(one, str) or isinstance(other, str):
        return one == other
    return one is None or other is None or one == other


def replaced(value: Any, paths: Iterable[JsonPath]) -> Any:
    """Return the JSON value with what stands at the ends of ``paths`` replaced; the same object if nothing is.

    What is not there is not added. No two of the paths may meet.
    """
    for path in paths:
        value = _replaced(value, path.steps, path.given)
    return value


def _replaced(value: Any, steps: tuple[Step, ...], given: Any) -> Any:
    if not steps:
        return emptied(value) if given is EMPTY or value is None else copy.deepcopy(given)
    new = {key: _replaced(value[key], steps[1:], given) for key in members(value, steps[0])}
    if all(each is value[key] for key, each in new.items()):
        return value
    changed = value.copy()
    for key, each in new.items():
        changed[key] = each
    return changed


def members(value: Any, step: Step) -> Iterable[Any]:
    """Return the keys of what ``step`` leads to: none where the value is of another type, or has it not."""
    if isinstance(step, str):
        return [step] if isinstance(value, dict) and step in value else []
    if not isinstance(value, list):
        return []
    return range(len(value)) if step is None else range(step, min(step + 1, len(value)))


def standing(value: Any, steps: tuple[Step, ...]) -> Iterator[Any]:
    """Yield what stands where the steps lead to in the JSON value."""
    if not steps:
        yield value
        return
    for key in members(value, steps[0]):
        yield from standing(value[key], steps[1:])


def built(leaves: Iterable[tuple[JsonPath, Any]]) -> Any:
    """Return a JSON value in which each leaf stands at its path.

    Of two paths that lead through an object and an array at the same place, the second is left out, as no value has
    both; and so is one to an item beyond the first hundred.
    """
    value: Any = None
    for path, leaf in leaves:
        value = _built(value, path.steps, leaf)
    return value


def _built(value: Any, steps: tuple[Step, ...], leaf: Any) -> Any:
    if not steps:
        return leaf if value is None else value
    step, rest = steps[0], steps[1:]
    if isinstance(step, int) and step > MOST_ITEMS:
        return value
    empty: Any = {} if isinstance(step, str) else []
    new = empty if value is None else value
    if isinstance(new, dict) and isinstance(step, str):
        new[step] = _built(new.get(step), rest, leaf)
    elif isinstance(new, list) and not isinstance(step, str):
        at = step or 0
        new += [None] * (at + 1 - len(new))
        new[at] = _built(new[at], rest, leaf)
    return new


def emptied(value: Any) -> Any:
    """Return what is empty of the same type, as a field that may be blank and null gets it: a number becomes null."""
    for kind in (str, dict, list):
        if isinstance(value, kind):
            return value and kind()
    return None
