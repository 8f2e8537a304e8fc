"""Which columns must differ from row to row, by constraints of whatever kind. Asks no database."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from django.db import models
from django.db.models import F, Field, Model, Q
from django.db.models.constants import LOOKUP_SEP

from ..undocumented import multi_table_parents


def is_unique(field: Field[Any, Any]) -> bool:
    """Whether two rows with the same value here could break a constraint, also one over several fields."""
    return any(field.name in names for names in (*_unique_sets(field.model), *_excluded_sets(field.model)))


def is_unique_alone(field: Field[Any, Any]) -> bool:
    """Whether no two rows can have the same value here, whatever else they hold."""
    return {field.name} in _unique_sets(field.model, with_conditions=False)


def _unique_sets(model: type[Model], *, with_conditions: bool = True) -> list[set[str]]:
    sets = []
    for owner in (model, *multi_table_parents(model)):
        sets += [sources(owner, [field.name]) for field in owner._meta.local_fields if field.unique]
        sets += [sources(owner, names) for names in owner._meta.unique_together]
        for constraint in _unique_constraints(owner):
            if with_conditions or constraint.condition is None:
                sets.append(sources(owner, [*constraint.fields, *constraint.expressions]))
    return sets


def _excluded_sets(model: type[Model]) -> Iterator[set[str]]:
    """Yield what an exclusion constraint, of a class that needs PostgreSQL's driver, compares by ``=`` alone."""
    for owner in (model, *multi_table_parents(model)):
        for constraint in owner._meta.constraints:
            compared: Any = getattr(constraint, "expressions", ()) if hasattr(constraint, "index_type") else ()
            if all(operator == "=" for _, operator in compared):
                yield sources(owner, [expression for expression, _ in compared])


def _unique_constraints(model: type[Model]) -> list[models.UniqueConstraint]:
    return [each for each in model._meta.constraints if isinstance(each, models.UniqueConstraint)]


def sources(model: type[Model], expressions: Iterable[Any]) -> set[str]:
    """Return the names of the fields that expressions, and generated columns in them, are made of."""
    columns = {each.attname: each for each in model._meta.concrete_fields} | {"pk": model._meta.pk}
    columns |= {each.name: each for each in model._meta.concrete_fields}
    names: set[str] = set()
    for name in names_in(F(each) if isinstance(each, str) else each for each in expressions):
        column: Any = columns.get(name)
        if getattr(column, "generated", False):  # from Django 5.0 on
            names |= sources(model, [column.expression])
        else:
            names.add(getattr(column, "name", name))
    return names


def names_in(expressions: Any) -> set[str]:
    """Return the names of the fields that expressions are made of."""
    names = set()
    for expression in expressions:
        if isinstance(expression, F):
            names.add(expression.name.split(LOOKUP_SEP)[0])  # type: ignore[attr-defined]
        elif isinstance(expression, Q):
            named = [child[0] for child in expression.children if isinstance(child, tuple)]
            names |= {name.split(LOOKUP_SEP)[0] for name in named}
            names |= names_in(
                part
                for child in expression.children
                for part in (child[1:] if isinstance(child, tuple) else [child])
                if hasattr(part, "resolve_expression")
            )
        elif expression is not None:
            names |= names_in(expression.get_source_expressions())
    return names


def null_repeats(field: Field[Any, Any]) -> bool:
    """Whether any number of rows may be NULL here: SQL holds NULLs to be different unless told otherwise."""
    return not any(
        getattr(constraint, "nulls_distinct", None) is False
        and field.name in sources(owner, [*constraint.fields, *constraint.expressions])
        for owner in (field.model, *multi_table_parents(field.model))
        for constraint in _unique_constraints(owner)
    )
