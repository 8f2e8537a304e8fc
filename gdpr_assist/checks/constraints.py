"""Checks of the values that rules give against the constraints of the tables; asks the database, writes nothing."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator
from typing import Any

from django.core.checks import CheckMessage
from django.db.models import BooleanField, CharField, CheckConstraint, F, Q, Subquery, TextField, UUIDField, Value
from django.db.models.expressions import RawSQL
from django.db.models.functions import Coalesce

from ..conf import log_database
from ..databases.columns import compares_conditions
from ..declaring.declaration import Change, Declaration
from ..declaring.digits import known_key
from ..declaring.keys import INTEGER_KEYS, key_field
from ..declaring.uniqueness import sources
from ..undocumented import multi_table_parents
from .leaving import in_a_scrub
from .messages import message

# {classes of primary keys: one that a row may have}
KEYS: dict[Any, Any] = {INTEGER_KEYS: 7, UUIDField: uuid.UUID("0b5d5bdc-5c1a-4d5c-9a35-0d8f2f7f6a11")}


def check_E017(app_configs: Any = None, databases: Iterable[str] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """A check constraint refuses the value of a rule. Asks the database, so it runs only where one is named."""
    return [
        message(
            "E017",
            f"{each.label}: the constraint {constraint.name} refuses the new value of {', '.join(sorted(names))}.",
            f"Write {_what(each, names)} to give a value that the constraint allows.",
            each.model,
        )
        for using in databases or ()
        if using != log_database()
        for each in in_a_scrub().values()
        if app_configs is None or each.model._meta.app_config in app_configs
        for constraint, names in _refused(each, using)
    ]


def _what(each: Declaration, names: set[str]) -> str:
    by_rules = names.intersection(each.ruled)
    return f"another rule for {min(by_rules)} in GDPR_SCRUB_RULES" if by_rules else f"anonymise_{min(names)}"


def _refused(each: Declaration, using: str) -> Iterator[tuple[CheckConstraint, set[str]]]:
    values = {change.field.name: value for change in each.changes if (value := _value(change)) is not None}
    for owner in (each.model, *multi_table_parents(each.model)):
        for constraint in owner._meta.constraints:
            if isinstance(constraint, CheckConstraint):
                # Called "check" until Django 5.0, where "condition" is not there yet
                condition = Q(getattr(constraint, "condition", None) or constraint.check)
                names = sources(owner, [condition])
                is_known = names and names <= values.keys() and not any(map(_is_opaque, condition.flatten()))
                if is_known and not _allows(condition, {name: values[name] for name in names}, using):
                    yield constraint, names


def _is_opaque(part: Any) -> bool:
    """Whether nobody can tell which columns a part of a condition reads."""
    return isinstance(part, (RawSQL, Subquery))


def _allows(condition: Q, values: dict[str, Value], using: str) -> bool:
    if compares_conditions(using):
        # A constraint lets pass what is unknown, as what depends on NULL is.
        condition = Q(Coalesce(condition, True, output_field=BooleanField()))
    return condition.check(values, using=using)


def _value(change: Change) -> Value | None:
    """Return the new value of a column, or an example of those that are made from the primary key."""
    made = change.replacement
    value = made.expression() if made is not None and made.expression is not None else F("unknown")
    if hasattr(value, "resolve_expression"):
        value = _example(change)
        if value is None:
            return None
    return Value(value, output_field=change.field)


def _example(change: Change) -> str | None:
    """Return the text that a row with a usual primary key gets, None if it is no such text."""
    made, field, model = change.replacement, change.field, change.field.model
    kind = key_field(model)
    key = next((key for classes, key in KEYS.items() if isinstance(kind, classes)), None)
    if made is None or made.expression is None or key is None or not isinstance(field, (CharField, TextField)):
        return None
    try:
        with known_key(b""):
            value = made.value(model(**{str(model._meta.pk.attname): key, field.attname: "x"}))
    except Exception:  # noqa: BLE001  (whatever a project's model or rule may raise)
        return None
    return value if isinstance(value, str) else None
