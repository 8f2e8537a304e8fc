"""Which models lose rows when a row of another is deleted. Asks no database."""

from __future__ import annotations

from typing import Any

from django.db.models import CASCADE, DO_NOTHING, PROTECT, RESTRICT, SET_DEFAULT, SET_NULL, Model

from .declaring.relations import generic_relations
from .registry import concrete, registry

# Deletes no row; SET(...) and ANONYMISE(...) say in ``deconstruct`` what they are.
LEAVES_THE_ROW = (DO_NOTHING, PROTECT, RESTRICT, SET_DEFAULT, SET_NULL)


def taken_with(model: type[Model], *, is_certain: bool = True) -> list[type[Model]]:
    """Return the models of which rows go with one of ``model``: multi-table parents, and by cascade.

    Unless ``is_certain``, also those of keys whose ``on_delete`` is a project's own, and may do anything.
    """
    taken: list[type[Model]] = [concrete(model)]
    for target in taken:
        taken += [parent for parent, _ in registry.parents(target) if parent not in taken]
        fields: Any = target._meta.get_fields(include_hidden=True)  # also of keys with related_name="+"
        for relation in fields:
            other = concrete(relation.related_model) if isinstance(relation.related_model, type) else target
            goes = not relation.concrete and _goes(getattr(relation, "on_delete", None), is_certain)
            if (goes or relation in generic_relations(target)) and other not in taken:
                taken.append(other)
    return taken[1:]


def _goes(on_delete: Any, is_certain: bool) -> bool:
    if on_delete is None or is_certain:
        return on_delete is CASCADE
    return on_delete not in LEAVES_THE_ROW and not hasattr(on_delete, "deconstruct")
