"""Checks of new values that would meet in a constraint over several rows; asks no database and writes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from django.contrib.postgres.indexes import OpClass
from django.core.checks import CheckMessage
from django.db.models import CharField, EmailField, ExpressionWrapper, F, Model, SlugField, URLField
from django.db.models.constants import LOOKUP_SEP
from django.db.models.expressions import OrderBy
from django.db.models.functions import MD5, SHA1, SHA224, SHA256, SHA384, SHA512, Collate, Lower, Upper
from django.template.defaultfilters import pluralize

from ..declaring.declaration import Change, Declaration
from ..declaring.defaults import MAIL_SUFFIX, URL_PREFIX, URL_SUFFIX
from ..declaring.keys import INTEGER_KEYS, key_field
from ..declaring.rules import field_label
from ..declaring.uniqueness import is_unique_alone, sources
from ..undocumented import multi_table_parents
from .messages import declarations, message

# Any two rows have other values here; may have the same; all have the same.
Verdict = Literal["differ", "may", "same"]

# {field class: how many characters its rule puts around the primary key}
AROUND: dict[Any, int] = {
    CharField: 0,
    SlugField: 0,
    EmailField: len(MAIL_SUFFIX),
    URLField: len(URL_PREFIX + URL_SUFFIX),
}

# Where numbers of so many digits fit, no table is large enough for a clash.
ENOUGH_DIGITS = 9


# What makes other values of other values, and NULL of NULL
KEEPING = (Collate, ExpressionWrapper, Lower, MD5, OpClass, OrderBy, SHA1, SHA224, SHA256, SHA384, SHA512, Upper)


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column that a constraint compares, or what an expression makes of some."""

    names: frozenset[str]
    """Of the fields; of a generated column, those of the fields that it is made of."""

    operator: str
    """Another one than ``=`` in an exclusion constraint."""

    keeps: bool
    """Whether rows that differ in the one field differ here too, and NULL is NULL."""


@dataclass(frozen=True, kw_only=True)
class Barrier:
    """A constraint that refuses two rows which are alike in all its columns."""

    name: str
    columns: tuple[Column, ...]
    nulls_meet: bool = False
    is_conditional: bool = False
    """Whether it holds for some rows only."""


def check_E036(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """A constraint over several columns, all of which would be the same in every row."""
    return [
        message(
            "E036",
            f"{each.label}: the new values of {', '.join(names)} would be the same in every row, which "
            f"{barrier.name} refuses from the second row on.",
            f"Write anonymise_{names[0]} to make a value for each row, or let the field be null.",
            each.model,
        )
        for each in declarations(app_configs)
        for barrier, names, verdict in _barred(each)
        if verdict == "same"
    ]


def check_W015(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """New values of some rows may be the same, where a constraint wants them to differ."""
    messages = []
    for declared in declarations(app_configs):
        for barrier, names, verdict in _barred(declared):
            if verdict == "may":
                messages.append(
                    message(
                        "W015",
                        f"{declared.label}: with the new values of {', '.join(names)}, rows that differ now may "
                        f"become the same, which {barrier.name} refuses.",
                        f"Write anonymise_{names[0]} to make a value for each row, or let the field be null.",
                        declared.model,
                    )
                )
        for change in declared.changes:
            if digits := _few_digits(change):
                messages.append(
                    message(
                        "W015",
                        f"{field_label(change.field)} is unique, and its new value has room for no more than "
                        f"{digits} digit{pluralize(digits)} of the primary key: as soon as keys are longer, two rows "
                        "may get the same.",
                        f"Make the column longer, write anonymise_{change.field.name}, or let the field be null.",
                        declared.model,
                    )
                )
    return messages


def _few_digits(change: Change) -> int:
    """How many digits of a numeric key the rule has room for in a unique text; 0 if enough, or for another rule."""
    field = change.field
    around = AROUND.get(type(field))
    made = change.replacement
    if made is None or made.is_constant or around is None or field.max_length is None or not is_unique_alone(field):
        return 0
    digits = field.max_length - around
    return digits if digits < ENOUGH_DIGITS and isinstance(key_field(field.model), INTEGER_KEYS) else 0


def _barred(each: Declaration) -> Iterator[tuple[Barrier, list[str], Verdict]]:
    """Yield each constraint that the new values may break, with the names of the columns that change."""
    changes = {change.field.name: change for change in each.changes}
    for barrier in _barriers(each.model):
        names = sorted({name for column in barrier.columns for name in column.names} & changes.keys())
        verdicts = {_verdict(each.model, changes, barrier, column) for column in barrier.columns}
        if names and "differ" not in verdicts:
            is_certain = verdicts == {"same"} and not barrier.is_conditional
            yield barrier, names, "same" if is_certain else "may"


def _barriers(model: type[Model]) -> Iterator[Barrier]:
    for owner in (model, *multi_table_parents(model)):
        for field in owner._meta.local_fields:
            if field.unique and getattr(field, "generated", False):
                yield Barrier(name=f"the generated column {field.name}", columns=(_column(owner, field.name),))
        for together in owner._meta.unique_together:
            yield Barrier(
                name=f"unique_together ({', '.join(together)})",
                columns=tuple(_column(owner, name) for name in together),
            )
        for constraint in owner._meta.constraints:
            if columns := _columns(owner, constraint):
                yield Barrier(
                    name=f"the constraint {constraint.name}",
                    columns=columns,
                    nulls_meet=getattr(constraint, "nulls_distinct", None) is False,
                    is_conditional=getattr(constraint, "condition", None) is not None,
                )


def _columns(model: type[Model], constraint: Any) -> tuple[Column, ...]:
    """The columns of a unique or an exclusion constraint; none of another one."""
    if hasattr(constraint, "index_type"):  # PostgreSQL's exclusion constraint, a class that needs its driver
        return tuple(_column(model, expression, operator) for expression, operator in constraint.expressions)
    compared = (*getattr(constraint, "fields", ()), *getattr(constraint, "expressions", ()))
    return tuple(_column(model, each) for each in compared)


def _column(model: type[Model], expression: Any, operator: str = "=") -> Column:
    return Column(names=frozenset(sources(model, [expression])), operator=operator, keeps=_keeps(model, expression))


def _keeps(model: type[Model], expression: Any) -> bool:
    if isinstance(expression, (str, F)):
        name = str(getattr(expression, "name", expression))
        column = _field(model, name)
        is_generated = getattr(column, "generated", False)
        return _keeps(model, column.expression) if is_generated else LOOKUP_SEP not in name
    return isinstance(expression, KEEPING) and all(_keeps(model, each) for each in expression.get_source_expressions())


def _field(model: type[Model], name: str) -> Any:
    return {each.name: each for each in model._meta.concrete_fields}.get(name)


def _verdict(model: type[Model], changes: dict[str, Change], barrier: Barrier, column: Column) -> Verdict:
    verdicts = {_verdict_of(model, name, changes.get(name), barrier, column.operator) for name in column.names}
    if column.keeps:
        [verdict] = verdicts
        return verdict
    if any(name in changes and changes[name].anonymiser for name in column.names):
        return "differ"  # the project has looked at it
    return "same" if verdicts == {"same"} else "may"


def _verdict_of(model: type[Model], name: str, change: Change | None, barrier: Barrier, operator: str) -> Verdict:
    if change is None:
        field = _field(model, name)
        return "differ" if field and operator == "=" and is_unique_alone(field) else "may"
    made = change.replacement
    if made is None or not made.is_constant or made.expression is None:
        return "differ" if operator == "=" else "may"
    value = made.expression()
    if (value is None and not barrier.nulls_meet) or operator == "<>" or getattr(value, "isempty", False):
        # An empty range equals another, but overlaps with none.
        return "same" if operator == "=" and value is not None else "differ"
    return "same" if operator == "=" else "may"
