"""What the packages with encrypted fields have in common: only Python can write and read the columns."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from django.db.models import Field

from ..declaring.defaults import DEFAULTS
from ..declaring.rules import Replacement


def like_its_base(field: Field[Any, Any]) -> Replacement:
    """Return what the default rule of the field of Django's gives on which the class of ``field`` is built."""
    base = next(each for each in type(field).__mro__ if each in DEFAULTS)
    return in_python(DEFAULTS[base](field))


def in_python(made: Replacement) -> Replacement:
    """Return ``made`` for a column of which the database can make nothing, but that it is NULL.

    A value for all rows is encrypted once for each statement, others row by row.
    """
    if made.is_constant and made.expression is not None and made.expression() is None:
        return made
    return replace(made, expression=made.expression if made.is_constant else None, holds=None)


def paths(module: str, prefix: str, classes: Iterable[str]) -> list[str]:
    """Return the dotted paths of the field classes of a module that are called as those of Django, after a prefix."""
    return [f"{module}.{prefix}{name}Field" for name in classes]
