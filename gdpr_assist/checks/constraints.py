"""Checks of the values that rules give against the constraints of the tables; asks the database, writes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from django.core.checks import CheckMessage
from django.db.models import CheckConstraint, F, Q, Value
from django.db.models.constants import LOOKUP_SEP

from ..conf import log_database
from ..declaration import Declaration
from .messages import declarations, message


def check_E017(app_configs: Any = None, databases: Iterable[str] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """A check constraint refuses the value of a rule. Asks the database, so it runs only where one is named."""
    return [
        message(
            "E017",
            f"{each.label}: the constraint {constraint.name} refuses the new value of {', '.join(sorted(names))}.",
            f"Write anonymise_{min(names)} to give a value that the constraint allows.",
            each.model,
        )
        for using in databases or ()
        if using != log_database()
        for each in declarations(app_configs)
        for constraint, names in _refused(each, using)
    ]


def _refused(each: Declaration, using: str) -> Iterator[tuple[CheckConstraint, set[str]]]:
    values = {}
    for change in each.changes:
        if change.replacement is not None and change.replacement.expression is not None:
            value = change.replacement.expression()
            if not hasattr(value, "resolve_expression"):
                values[change.field.name] = Value(value, output_field=change.field)
    for constraint in each.model._meta.constraints:
        if isinstance(constraint, CheckConstraint):
            # Called "check" until Django 5.0, where "condition" is not there yet
            condition: Any = getattr(constraint, "condition", None) or constraint.check
            names = set(_names(condition))
            known = {name: values[name] for name in names if name in values}
            if known and len(known) == len(names) and not condition.check(known, using=using):
                yield constraint, names


def _names(condition: Any) -> Iterator[str]:
    """The fields of a condition; one that is not there ("") for what cannot be told."""
    for child in getattr(condition, "children", [None]):
        if isinstance(child, Q):
            yield from _names(child)
        elif isinstance(child, tuple):
            yield child[0].split(LOOKUP_SEP)[0]
            if hasattr(child[1], "resolve_expression"):
                yield getattr(child[1], "name", "") if isinstance(child[1], F) else ""
        else:
            yield ""
