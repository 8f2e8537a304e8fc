"""Which rows of a table a scrub takes, and how many it leaves. Reads only."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.db.models import Model, QuerySet

from ..declaring.leaving import taken_by
from ..declaring.meta import all_rows
from ..planning.preview import Preview
from ..registry import registry
from ..undocumented import link_to


def taken(model: type[Model], using: str) -> QuerySet[Any]:
    """Return the rows of ``model`` that a scrub takes.

    One object is all its tables: it stays whole if what one of them declares says so. Raises ``AnonymiseError`` if
    the model cannot be anonymised, and as ``taken_by`` does.
    """
    declared = registry.declaration(model)
    declared.require_can_anonymise()
    meta = declared.meta
    rows = taken_by(meta, using)
    for other in registry.relatives(model):
        theirs = registry.declaration(other).meta
        if other is model or theirs.scrub is None or _is_same(theirs.scrub, meta.scrub):
            continue
        shared = _shared(model, other)
        stay = all_rows(other, using).exclude(pk__in=taken_by(theirs, using).order_by().values("pk"))
        rows = rows.exclude(**{f"{_key(model, shared)}__in": stay.values(_key(other, shared))})
    return rows


def _is_same(one: Any, other: Any) -> bool:
    """Whether two declarations have one condition: a child inherits that of its parent."""
    return bool(getattr(one, "__func__", one) == getattr(other, "__func__", other))


def _shared(model: type[Model], other: type[Model]) -> type[Model]:
    """Return the table in which both have a part of the same object: the nearest to them."""
    tables = (other, model, *registry.relatives(model))
    return next(each for each in tables if issubclass(model, each) and issubclass(other, each))


def _key(model: type[Model], parent: type[Model]) -> str:
    return "pk" if model is parent else str(link_to(model, parent).attname)


def with_left(numbers: Preview) -> Preview:
    """Return ``numbers`` with how many rows of the table a scrub leaves."""
    if numbers.plan.is_for_all:
        return numbers
    return replace(numbers, left=all_rows(numbers.plan.declaration.model, numbers.plan.using).count() - numbers.rows)
