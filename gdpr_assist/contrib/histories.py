"""What is declared of a table of history: the columns are personal that are so in its model. Of no app alone."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import Any

from django.apps import apps
from django.db.models import Model, Q, QuerySet

from ..declaring.expressions import replaced_in_copies
from ..declaring.meta import PrivacyMeta, declarable
from ..registry import registry
from ..undocumented import multi_table_parents


def all_histories(original: Callable[[type[Model]], type[Model] | None]) -> Iterator[type[Model]]:
    """Yield the models of which ``original`` says that they are histories of models that are registered by now."""
    return (model for model in apps.get_models() if original(model) in registry)


def of_declared(self: PrivacyMeta, queryset: QuerySet[Any]) -> QuerySet[Any]:
    """Return the rows that are about a row of a registered model, for ``PrivacyMeta.scrub``.

    Of any other, the site has not said that it is personal: a scrubbed shop has its articles with their tags.
    """
    labels = Q()
    for model in registry.models:
        for each in registry.family(model):
            labels |= Q(content_type__app_label=each._meta.app_label, content_type__model=each._meta.model_name)
    return queryset.filter(labels)


def history(
    model: type[Model],
    original: type[Model],
    copy_of: Any,
    personal: Collection[str] = (),
    keep: Collection[str] = (),
    actors: Collection[str] = (),
) -> tuple[str, type[Any]]:
    """Return (label, what is declared) of ``model``, a history of ``original``.

    Of its columns the app writes ``personal`` and ``keep``. Those that neither the app nor ``original`` has are the
    site's own, such as the address from which somebody acted: nothing is said of them, which W001 reports.
    """
    declared = registry.declaration(original)
    parents = [registry.declaration(parent) for parent in multi_table_parents(original) if parent in registry]
    columns = [field.name for field in declarable(model)]
    said = {name for each in (declared, *parents) for name in each.fields}
    fields = [name for name in columns if name in said or name in personal]
    answered = {*keep, *(field.name for field in original._meta.concrete_fields)}.difference(fields)
    kept = declared.clauses.kept
    attributes = {
        "fields": fields,
        "keep": [name for name in columns if name in answered],
        "json_fields": {name: paths for name, paths in declared.meta.json_fields.items() if name in fields},
        "replace": {name: each for name, each in replaced_in_copies(declared.meta).items() if name in fields},
        "copy_of": copy_of,
        "actors": [name for name in columns if name in actors],
        "on_erasure": {name: kept[name] for name in fields if name in kept} or declared.clauses.on_erasure,
        "identifiers": {},
    }
    return model._meta.label, type("HistoryPrivacy", (), attributes)
