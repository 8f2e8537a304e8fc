"""What leads to rows from other tables: the links of many-to-many fields, and generic keys. Reads only."""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.contrib.contenttypes.models import ContentType
from django.db.models import CharField, Exists, ManyToManyField, Model, OuterRef, Q, QuerySet, TextField

from ..declaring.clauses import Generic
from ..declaring.keys import key_text
from ..declaring.meta import all_rows
from ..declaring.relations import generic_keys
from ..registry import concrete

# Columns that hold any key, as a text
TEXTS = (CharField, TextField)


def linked(field: Any, keys: Any, texts: Any, using: str, lookup: str = "in") -> QuerySet[Any]:
    """Return the rows by which a many-to-many field links the rows of its model with these keys to others.

    ``keys`` and ``texts``, the same as a generic key holds them, are collections or queries, or one key if that is the
    ``lookup``. Of a relation of a model to itself that leads both ways, they are those of either end. A field that
    another package calls that may have a generic key to its rows, as tags have, or a key of any name.
    """
    through = field.remote_field.through
    rows = all_rows(through, using)
    if isinstance(field, ManyToManyField):
        ends = Q(**{f"{field.m2m_field_name()}__{lookup}": keys})
        if field.remote_field.symmetrical:
            ends |= Q(**{f"{field.m2m_reverse_field_name()}__{lookup}": keys})
        return rows.filter(ends)
    if generic := generic_keys(through):
        path = Generic(generic[0].ct_field, generic[0].fk_field)
        return pointing(through, path, field.model, keys, texts, using, lookup)
    names = [
        each.name for each in through._meta.fields if each.remote_field and issubclass(field.model, each.related_model)
    ]
    return rows.filter(**{f"{names[0]}__{lookup}": keys})


def has_links(field: Any, using: str) -> Exists:
    """Return the condition that a many-to-many field links a row of its model to another."""
    text = key_text(field.model, OuterRef("pk"))
    return Exists(linked(field, OuterRef("pk"), text, using, "exact"))


def pointing(
    each: type[Model], path: Generic, model: type[Model], keys: Any, texts: Any, using: str, lookup: str = "in"
) -> QuerySet[Any]:
    """Return the rows of ``each`` that point at those of ``model`` with these keys."""
    # A row is called by its own model, or by a proxy of it.
    names = [other for other in apps.get_models() if concrete(other) is concrete(model)]
    kinds = ContentType.objects.db_manager(using).get_for_models(*names, for_concrete_models=False).values()
    condition = {
        f"{path.content_type}__in": [kind.pk for kind in kinds],
        f"{path.object_id}__{lookup}": texts if is_text(each, path) else keys,
    }
    if path.using:
        condition[path.using] = using
    return all_rows(each, using).filter(**condition)


def is_text(each: type[Model], path: Generic) -> bool:
    """Whether the column of a generic key holds the primary key as text."""
    return isinstance(each._meta.get_field(path.object_id), TEXTS)
