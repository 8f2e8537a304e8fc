"""The pools of invented values, in a file that the site commits: what it has, and what is wrong with it."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from ..conf import pseudonyms_file
from ..exceptions import FieldAnonymiseError

MAKE = "manage.py gdpr_fakes --locale en_GB --rows 1000 > pools.json"

# {name of a pool: its values}
Pools = dict[str, list[str]]


def pool(name: str, count: int | None) -> list[str]:
    """Return the first ``count`` values of the pool, by default all.

    Raises ``FieldAnonymiseError``, with the cure, if there are no pools, or not this one, or it has too few values.
    """
    try:
        path = pseudonyms_file()
    except ImproperlyConfigured as error:
        raise _wrong(str(error), f"Make the file with {MAKE}") from None
    if path is None:
        raise _wrong(
            f"the pool {name!r} is not there: GDPR_PSEUDONYMS is not set.",
            f'Make the file with {MAKE}, and write GDPR_PSEUDONYMS = BASE_DIR / "pools.json"',
        )
    pools = _pools(path)
    values = pools.get(name)
    if values is None:
        listed = f"it has {', '.join(sorted(pools))}" if pools else "it has none"
        raise _wrong(f"{path.name} has no pool {name!r}; {listed}.", f"Make one with gdpr_fakes --field {name}")
    if not values:
        raise _wrong(f"the pool {name!r} of {path.name} is empty.", f"Make it with {MAKE}")
    if count is not None and len(values) < count:
        raise _wrong(
            f"the pool {name!r} of {path.name} has {len(values)} values, fewer than choices={count}.",
            f"Make more with gdpr_fakes --rows {count}, or leave choices out for all",
        )
    return values[:count]


def _wrong(what: str, cure: str) -> FieldAnonymiseError:
    return FieldAnonymiseError(what, check="E057", hint=f"{cure}.")


def _pools(path: Path) -> Pools:
    try:
        return _read(path, path.stat().st_mtime_ns)
    except OSError as error:
        raise _wrong(f"GDPR_PSEUDONYMS names {path}, which cannot be read ({type(error).__name__}).", MAKE) from None
    except ValueError:
        raise _wrong(
            f"GDPR_PSEUDONYMS names {path}, which is no JSON of the shape {{name: [text, ...]}}.",
            f"Make it anew with {MAKE}",
        ) from None


@lru_cache(maxsize=1)
def _read(path: Path, changed: int) -> Pools:
    found: Any = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(found, dict) or not all(map(_is_pool, found.values())):
        raise ValueError
    return found


def _is_pool(values: Any) -> bool:
    return isinstance(values, list) and all(isinstance(each, str) and each and "\0" not in each for each in values)
