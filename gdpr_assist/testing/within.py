"""Columns of JSON of which only some is personal: what stands at the paths of ``json_fields``, and beside them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any, cast

from django.db.models import Field, JSONField, Model

from ..declaring.json_fields import paths_within
from ..declaring.json_paths import JsonPath, built, members, replaced, standing
from ..registry import registry
from ..residue.values import SHORTEST
from ..undocumented import multi_table_parents

# What stands in a column beside the paths, so that a test sees that it stays
BESIDE = "said"


def declared_paths(model: type[Model]) -> dict[str, list[JsonPath]]:
    """Return {column: the paths in it of what is personal}, of ``model`` and its multi-table parents."""
    declarations = (registry.declaration(each) for each in (model, *multi_table_parents(model)) if each in registry)
    return {
        name: paths_within(cast("Field[Any, Any]", each.model._meta.get_field(name)), written)
        for each in declarations
        for name, written in each.meta.json_fields.items()
    }


def filled(paths: Iterable[JsonPath], token: Callable[[], str]) -> tuple[Any, list[str], list[str]]:
    """Return a JSON value with a token at each path, these tokens, and those beside the paths."""
    leaves = [(path, token()) for path in paths]
    value = built(leaves)
    beside = []
    if isinstance(value, dict) and BESIDE not in value:
        value[BESIDE] = token()
        beside.append(value[BESIDE])
    return value, [leaf for path, leaf in leaves if leaf in standing(value, path.steps)], beside


def as_stored(column: Field[Any, Any], value: Any) -> Any:
    """Return the JSON value as the column takes it: as text, if it is one of texts."""
    return value if isinstance(column, JSONField) else json.dumps(value)


def as_json(held: Any) -> Any:
    """Return what a column holds as a JSON value; None for a text that is none."""
    try:
        return json.loads(held) if isinstance(held, str) else held
    except ValueError:
        return None


def texts_within(value: Any, paths: Iterable[JsonPath]) -> Iterator[tuple[str, str]]:
    """Yield (path, text) of what is replaced in the JSON value, if the text is long enough to be looked for."""
    for path in paths:
        if replaced(value, [path]) != value:
            found = (text for end in standing(value, path.steps) for text in _texts(end))
            yield from ((path.text, text) for text in found if len(text) >= SHORTEST)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, (dict, list)):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _texts(each)


def nowhere(values: list[Any], paths: list[JsonPath]) -> list[str]:
    """Return the paths that lead to nothing in any of the JSON values, though there is something on the way."""
    return [
        path.text
        for path in paths
        if not any(True for value in values for _end in standing(value, path.steps))
        and any(_misses(value, path, paths) for value in values)
    ]


def _misses(value: Any, path: JsonPath, paths: list[JsonPath], at: int = 0) -> bool:
    if at == len(path.steps) or not value:
        return False  # what is empty has it not yet
    step = path.steps[at]
    if not isinstance(value, dict if isinstance(step, str) else list):
        return not _is_of_another(value, path, paths, at)
    if isinstance(step, str) and step not in value:
        return True
    return any(_misses(value[key], path, paths, at + 1) for key in members(value, step))


def _is_of_another(value: Any, path: JsonPath, paths: list[JsonPath], at: int) -> bool:
    """Whether another path is for a value of this type at the same place: where it may be either."""
    others = (other.steps for other in paths if other.steps[:at] == path.steps[:at] and len(other.steps) > at)
    return any(isinstance(value, dict if isinstance(steps[at], str) else list) for steps in others)
