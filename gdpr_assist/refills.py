"""Hears of saves that fill an anonymised row again, where ``GDPR_WATCH_REFILLS`` asks for it. Writes nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import reduce
from operator import or_
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import EMPTY_VALUES
from django.db.models import BooleanField, Case, Model, Q, When

from .databases.placement import explained
from .declaring.declaration import Change
from .declaring.keys import stored_text
from .declaring.meta import all_rows
from .execution.saving import is_erased
from .planning.markers import content_type
from .planning.plans import plan
from .registry import concrete, registry
from .sensitive import sensitive
from .signals import refilled
from .tables import PrivacyAnonymised

# {(registered model, primary key of the object's row in its table): personal fields}
Fields = dict[tuple[type[Model], Any], list[str]]


@sensitive
def notice_refill(
    sender: type[Model],
    instance: Model,
    created: bool,
    raw: bool,
    using: str,
    update_fields: Collection[str] | None,
    **kwargs: Any,
) -> None:
    """post_save of a registered model: send ``refilled`` if the row was anonymised and holds something again.

    The object in memory is looked at first. One that holds something else than its rules give costs a query, for the
    markers of its row; where there are some, the database is asked of the columns, as ``gdpr_verify`` asks it.
    """
    if created or raw or is_erased(instance):
        return  # a new row has no marker, and loaddata may write rows before the content types that markers need
    suspected = {
        place: names
        for place in _places(concrete(sender), instance)
        if (names := _suspected(place[0], instance, update_fields))
    }
    if not suspected:
        return
    with explained(using):
        marked = _marked(suspected, using)
        found = [name for place, names in marked.items() for name in _refilled(*place, names, using)]
    if found:
        refilled.send(sender=sender, instance=instance, using=using, fields=list(dict.fromkeys(found)))


def _places(model: type[Model], instance: Model, key: Any = None) -> Iterator[tuple[type[Model], Any]]:
    """Yield the tables that have a part of the object: that of ``model``, and those of registered parents."""
    yield model, instance.pk if key is None else key
    for parent, link in registry.parents(model):
        yield from _places(parent, instance, getattr(instance, link.attname))


def _suspected(model: type[Model], instance: Model, saved: Collection[str] | None) -> list[str]:
    """Return the personal fields that were saved and hold, in memory, something else than the rule gives."""
    declared = registry.declaration(model)
    if not declared.can_anonymise:
        return []
    return [
        each.field.name
        for each in declared.changes
        if saved is None or not {each.field.name, each.field.attname}.isdisjoint(saved)
        if _is_filled(each, instance)
    ]


def _is_filled(change: Change, instance: Model) -> bool:
    """What cannot be told of a row is not asked of an object either; an expression is nothing yet."""
    field, made = change.field, change.replacement
    value = instance.__dict__.get(field.attname)
    if made is None or made.holds is None or value in EMPTY_VALUES or hasattr(value, "resolve_expression"):
        return False
    if made.is_keyed or made.is_asked or not change.in_sql:
        return True  # to know better takes a query, or code of the project's
    try:
        return bool(field.to_python(value) != field.to_python(made.value(instance)))
    except (ValidationError, ValueError, TypeError):
        return True


def _marked(suspected: Fields, using: str) -> Fields:
    """Return those of the fields that the markers of the rows tell of, without what a ``save()`` had computed then."""
    kinds = {place: content_type(place[0], using).pk for place in suspected}
    rows = [Q(content_type=kind, object_id=stored_text(model, key)) for (model, key), kind in kinds.items()]
    markers = list(
        PrivacyAnonymised.objects.using(using)
        .filter(reduce(or_, rows))
        .values_list("content_type", "part", "computed")
    )
    found = {}
    for place, names in suspected.items():
        declared = registry.declaration(place[0])
        mine = [(part, note or "") for kind, part, note in markers if kind == kinds[place]]
        noted = {name for _, note in mine for name in note.split(",")}
        found[place] = [
            name for name in names if name not in noted and any(name in declared.names_of(part) for part, _ in mine)
        ]
    return {place: names for place, names in found.items() if names}


def _refilled(model: type[Model], key: Any, names: list[str], using: str) -> list[str]:
    """Return those of the fields that do not hold, in the database, what the rule gives."""
    rows = all_rows(model, using).filter(pk=key)
    told = {name: condition for name, condition in plan(rows).told.items() if name in names}
    holds = [
        Case(When(condition, then=True), default=False, output_field=BooleanField()) for condition in told.values()
    ]
    for row in rows.values_list(*holds) if told else ():
        return [name for name, is_held in zip(told, row, strict=True) if not is_held]
    return []
