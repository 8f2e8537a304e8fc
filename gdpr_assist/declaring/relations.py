"""The keys of a model, and the ways along them; asks no database."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import FieldDoesNotExist
from django.db.models import CharField, EmailField, F, JSONField, Model, Q, TextField, Value
from django.db.models.constants import LOOKUP_SEP
from django.db.models.functions import Upper
from django.db.models.lookups import In

from ..undocumented import generic_fields, multi_table_parents
from .keys import stores_as


def follow(model: type[Model], path: str) -> list[Any]:
    """Return the relations on ``path``, a lookup path from ``model`` to another one, forwards or backwards.

    Raises ``FieldDoesNotExist`` with the label of the model at which it ends too early.
    """
    steps = []
    for name in path.split(LOOKUP_SEP):
        try:
            relation: Any = None if name.endswith("+") else model._meta.get_field(name)
        except FieldDoesNotExist:
            relation = None
        if relation is None or not isinstance(relation.related_model, type):
            raise FieldDoesNotExist(model._meta.label)
        steps.append(relation)
        model = relation.related_model
    return steps


def is_multi_valued(model: type[Model], path: str) -> bool:
    """Return whether a row may have several ends of ``path``, or of the part of it that leads along relations."""
    for name in path.split(LOOKUP_SEP):
        relation: Any = model._meta.get_field(name)
        if relation.one_to_many or relation.many_to_many:
            return True
        if not isinstance(relation.related_model, type):
            return False
        model = relation.related_model
    return False


def relations(model: type[Model]) -> list[str]:
    """Return the names of the relations of ``model``, forwards and backwards."""
    return sorted(each.name for each in model._meta.get_fields() if each.related_model)


def way_back(relation: Any) -> str:
    """Return the name by which a path leads backwards over a key; empty where its ``related_name`` is "+"."""
    name = relation.remote_field.name
    return "" if name.endswith("+") else str(name)


def keys_without_a_way_back(model: type[Model]) -> list[str]:
    """Return the labels of the keys to ``model`` over which no path leads backwards."""
    fields: Any = model._meta.get_fields(include_hidden=True)
    ways = (each for each in fields if each.auto_created and not each.concrete)
    keys = (way.field for way in ways if way.name.endswith("+") and not getattr(way, "symmetrical", False))
    return sorted(str(key) for key in keys if not key.model._meta.auto_created)


def history_of(model: type[Model]) -> type[Model] | None:
    """Return the model of which ``model`` is a history, with the same columns, as django-simple-history and
    django-pghistory make them; None if it is none."""
    given = (getattr(model, name, None) for name in ("instance_type", "pgh_tracked_model"))
    return next((each for each in given if isinstance(each, type)), None)


def generic_keys(model: type[Model]) -> list[Any]:
    """Return the generic keys of ``model``. Their class cannot be imported before the models are loaded."""
    return [each for each in generic_fields(model) if hasattr(each, "ct_field") and hasattr(each, "fk_field")]


def is_pointed_at(model: type[Model]) -> bool:
    """Return whether something may go, or change, with a row of ``model``: in other tables, by keys of any kind."""
    fields: Any = model._meta.get_fields(include_hidden=True)
    keys = (each for each in fields if each.auto_created and not each.concrete)
    return any(keys) or bool(generic_relations(model)) or bool(multi_table_parents(model))


def generic_relations(model: type[Model]) -> list[Any]:
    """Return the generic relations of ``model``: the rows that they lead to are deleted with their row."""
    return [each for each in generic_fields(model) if hasattr(each, "object_id_field_name")]


def matching_value(model: type[Model], lookup: str, *values: Any) -> Q:
    """Return the condition that the column at the end of ``lookup`` holds one of ``values``.

    An e-mail address in whatever case, also where it was typed as a name: compared as ``iexact`` does it, so that an
    index for that serves it. Any other value as it is, so that an index of the column does.
    """
    field, keys = _end(model, lookup)
    addresses = [value for value in values if _is_address(field, keys, value)]
    rest = [value for value in values if not _is_address(field, keys, value)]
    condition = Q(**{f"{lookup}__in": rest}) if rest or not values else Q()
    if isinstance(field, JSONField):  # only Django knows how each database takes a text out of its quotes
        return condition | Q(*((f"{lookup}__iexact", value) for value in addresses), _connector=Q.OR)
    if addresses:
        condition |= Q(In(Upper(F(lookup)), [Upper(Value(str(value))) for value in addresses]))
    return condition


def is_blank(value: Any) -> bool:
    """Return whether ``value`` is none by which somebody is known: NULL, an empty text, or white space."""
    return value is None or not str(value).strip()


def _is_address(field: Any, keys: list[str], value: Any) -> bool:
    """Whether ``value`` is an address in this column, which converts no texts: an encrypted one compares as it is."""
    if isinstance(field, EmailField):
        return True
    is_text = stores_as(field, CharField, TextField) or (isinstance(field, JSONField) and bool(keys))
    return is_text and isinstance(value, str) and "@" in value


def _end(model: type[Model], lookup: str) -> tuple[Any, list[str]]:
    """Return the column that ``lookup`` leads to, and what follows: the keys in a JSON column."""
    names = lookup.split(LOOKUP_SEP)
    for position, name in enumerate(names, start=1):
        field: Any = model._meta.get_field(name)
        if not isinstance(field.related_model, type):
            return field, names[position:]
        model = field.related_model
    return None, []
