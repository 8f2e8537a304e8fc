"""Of which models it is said that a scrub empties their tables, and what is wrong with that. Asks no database."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from django.apps import apps
from django.core.exceptions import ImproperlyConfigured
from django.db import router
from django.db.models import Model

from ..conf import scrub_empty
from ..databases.aliases import data_aliases
from ..declaring.leaving import EMPTY
from ..exceptions import AnonymiseError
from ..registry import concrete, registry
from ..undocumented import multi_table_parents


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """Which models are emptied in one run, and the labels of others that were given for it."""

    models: list[type[Model]]
    choices: list[type[Model]]
    """All that could be chosen."""

    every: list[type[Model]]
    """All of which it is said, with their children: also those that are left out or not chosen."""

    only: list[str]
    but: list[str]
    is_all: bool
    """Whether nothing else was chosen."""


NOTHING_TO_EMPTY = Chosen(models=[], choices=[], every=[], only=[], but=[], is_all=False)


def mistakes() -> Iterator[tuple[str, str, type[Model] | None]]:
    """Yield what is wrong with what is to be emptied, the cure, and the model. Asks no database."""
    for label in scrub_empty():
        try:
            _model(label)
        except (LookupError, ValueError):
            yield f"GDPR_SCRUB_EMPTY: there is no model {label}.", 'Write the labels of models, as "app.Model".', None
    every = said_to_empty()
    for model in every:
        if why := _mistake(model, every):
            yield f"{model._meta.label}: its table cannot be emptied: {why[0]}.", why[1], model


def _model(label: str) -> type[Model]:
    return apps.get_model(label)


def said_to_empty() -> list[type[Model]]:
    """Return the models of which it is said that they are to be emptied, without those that are in a parent."""
    labelled = []
    for label in scrub_empty():
        try:
            labelled.append(_model(label))
        except (LookupError, ValueError):
            continue
    declared = [each.model for each in registry if each.meta.scrub == EMPTY]
    said = list(dict.fromkeys([*labelled, *declared]))
    # A child inherits what its parent declares.
    return [each for each in said if not (each in declared and set(multi_table_parents(each)) & set(said))]


def _mistake(model: type[Model], every: Sequence[type[Model]]) -> tuple[str, str] | None:
    """Return why the table cannot be emptied, and the cure."""
    meta = model._meta
    if meta.app_label == "gdpr_assist":
        return "it is one of gdpr_assist itself", "Remove it from GDPR_SCRUB_EMPTY: a scrub empties what it has to."
    if meta.proxy:
        return f"it is a proxy of {concrete(model)._meta.label}", "Name the model that has the table."
    if meta.swapped:
        return f"{meta.swapped} has taken its place", "Name that model."
    if not meta.managed:
        return "it is not managed, so the table may be anybody's, or a view", "Empty it by hand, or make it managed."
    family = {model, *children_of(model)}
    beside = {parent for each in family for parent in multi_table_parents(each)} - family
    if beside:
        labels = ", ".join(sorted(parent._meta.label for parent in beside))
        return f"its objects are of {labels} too", f"Name {labels}, of which the objects go whole, or delete by hand."
    if not any(router.allow_migrate_model(using, model) for using in data_aliases()):
        return "routers allow it on no database but the log's", "A log is never scrubbed: remove it."
    return None


def children_of(model: type[Model]) -> list[type[Model]]:
    """Return the multi-table children of ``model``, the lowest first."""
    found = [each for each in apps.get_models() if issubclass(each, model) and each is not model]
    children = [each for each in found if not each._meta.proxy]
    return sorted(children, key=lambda each: -len(multi_table_parents(each)))


def to_empty() -> list[type[Model]]:
    """Return the models that are to be emptied. Raises ``AnonymiseError`` if one of them cannot be."""
    try:
        found = list(mistakes())
    except ImproperlyConfigured as error:
        raise AnonymiseError(f"{error} Nothing was changed.") from None
    if found:
        raise AnonymiseError(" ".join(f"{text} {cure}" for text, cure, _ in found) + " Nothing was changed.")
    return said_to_empty()


def chosen_to_empty(only: Sequence[str], but: Sequence[str]) -> Chosen:
    """Return which models are emptied where those labelled ``only`` are chosen, by default all, and not ``but``.

    Raises ``AnonymiseError`` as ``to_empty`` does, for a label in both, and if nothing is left.
    """
    models = to_empty()
    labels = {each._meta.label_lower for each in models}
    wanted, without = [{label.lower() for label in given} & labels for given in (only, but)]
    if both := [label for label in only if label.lower() in wanted & without]:
        raise AnonymiseError(f"{', '.join(both)}: chosen with --model and left out with --exclude-model. Say one.")
    left = [label for label in only if label.lower() not in labels]
    return Chosen(
        models=[each for each in models if each._meta.label_lower in ((wanted if only else labels) - without)],
        choices=models,
        every=[each for model in models for each in (model, *children_of(model))],
        only=left,
        but=[label for label in but if label.lower() not in labels],
        is_all=bool(only) and not left,
    )
