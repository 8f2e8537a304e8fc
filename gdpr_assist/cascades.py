"""Which models lose rows when a row of another is deleted, and in which order they can. Asks no database."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from graphlib import CycleError, TopologicalSorter
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


def protectors_first(
    models: Iterable[type[Model]], comes_before: Callable[[type[Model], type[Model]], bool] | None = None
) -> list[type[Model]]:
    """Return ``models`` so that those whose rows may protect others come before these; in a circle, as they come.

    ``comes_before`` may say more: whether rows of a model have to go before those of another one.
    """
    every, before_ = list(models), comes_before or protects
    before = {model: {each for each in every if each is not model and before_(each, model)} for model in every}
    with suppress(CycleError):
        return list(TopologicalSorter(before).static_order())
    return every


def protects(model: type[Model], target: type[Model]) -> bool:
    """Whether a key of ``model`` lets no row of ``target`` go as long as there is a row that points at it."""
    keys: Any = (each for each in model._meta.concrete_fields if isinstance(each.related_model, type))
    ends = (concrete(each.related_model) for each in keys if each.remote_field.on_delete in (PROTECT, RESTRICT))
    return target in ends


def protecting_itself(model: type[Model]) -> list[Any]:
    """Return the keys of ``model`` to itself that let no row go as long as there is one that points at it."""
    keys: Any = (each for each in model._meta.concrete_fields if isinstance(each.related_model, type))
    protecting = (each for each in keys if each.remote_field.on_delete in (PROTECT, RESTRICT))
    return [each for each in protecting if issubclass(model, concrete(each.related_model))]


def protecting(model: type[Model]) -> list[Any]:
    """Return the keys of all models that let no row of ``model`` go as long as there is one that points at it."""
    fields: Any = model._meta.get_fields(include_hidden=True)
    return [each.field for each in fields if getattr(each, "on_delete", None) is PROTECT and not each.concrete]


def keys_to(model: type[Model]) -> list[Any]:
    """Return the foreign keys of all models that point at the table of ``model``, those of its children too."""
    fields: Any = model._meta.get_fields(include_hidden=True)
    return [each.field for each in fields if each.auto_created and not each.concrete and not each.many_to_many]
