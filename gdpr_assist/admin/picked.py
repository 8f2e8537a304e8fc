"""From what is ticked to the rows themselves, if the user may see each of them. Reads only."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from django.contrib.admin import AdminSite
from django.contrib.contenttypes.models import ContentType
from django.db import router
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest

from ..declaring.meta import all_rows
from ..declaring.search import Failed, noted
from ..registry import registry
from .asked import Search
from .denied import denial
from .people import search
from .permissions import may_view, may_view_all
from .results import RowsByModel, is_at_home
from .selection import LARGEST_SELECTION, SelectionError, check_size, key_from_text, not_a_selection


def viewable_models(request: HttpRequest, site: AdminSite) -> list[type[Model]]:
    """Return the registered models of which the user may see rows."""
    return [model for model in registry.models if may_view(request, site, model)]


def selected(request: HttpRequest, site: AdminSite, asked: Search) -> tuple[RowsByModel, Failed]:
    """Return the rows that are selected, by model, of as many as a form may name; and what could not be searched.

    Raises as ``exported`` does, and ``SelectionError`` if they are none or too many.
    """
    keys, whole, failed = _picked(request, site, asked)
    for model, matches in whole.items():
        keys[model] += matches.values_list("pk", flat=True)[: LARGEST_SELECTION + 1]
    check_size(sum(map(len, keys.values())))
    return [(model, _rows(model, of_model)) for model, of_model in keys.items()], failed


def exported(request: HttpRequest, site: AdminSite, asked: Search) -> tuple[RowsByModel, Failed]:
    """Return the rows that are selected, also more than a form may name: of a whole table the keys are not read.

    Raises ``SelectionError`` if a value is not one of the page's, or if nothing is selected; ``PermissionDenied`` if
    the user may not view one of the rows.
    """
    keys, whole, failed = _picked(request, site, asked)
    check_size(sum(map(len, keys.values())) or len(whole))
    return [(model, _either(model, keys[model], whole.get(model))) for model in {**keys, **whole}], failed


def named(request: HttpRequest, site: AdminSite, values: Iterable[str]) -> RowsByModel:
    """Return the rows of these boxes. Raises as ``exported`` does."""
    return [(model, _rows(model, keys)) for model, keys in _ticked(request, site, values, _by_kind()).items()]


def _picked(
    request: HttpRequest, site: AdminSite, asked: Search
) -> tuple[dict[type[Model], list[Any]], dict[type[Model], QuerySet[Any]], Failed]:
    """By model, the keys whose boxes are ticked, what the term finds where that of a whole table is, and why not.

    The box of a table, or that of everything, adds to the boxes of rows: one without a tick takes nothing away.
    """
    models = _by_kind()
    keys = _ticked(request, site, asked.rows, models)
    whole = [_viewable(request, site, models.get(kind)) for kind in asked.tables]
    if asked.is_everything:
        whole += viewable_models(request, site)
    wanted, failed = _found(request, site, asked.term, whole)
    return keys, wanted, failed


def _ticked(
    request: HttpRequest, site: AdminSite, values: Iterable[str], models: dict[str, type[Model]]
) -> dict[type[Model], list[Any]]:
    keys: dict[type[Model], list[Any]] = defaultdict(list)
    for value in values:
        kind, _dash, text = value.partition("-")
        model = _viewable(request, site, models.get(kind))
        keys[model].append(key_from_text(model, text))
    for model, ticked in keys.items():
        if not may_view_all(request, site, _rows(model, ticked)):
            raise denial(request, model, "view")
    return keys


def _found(
    request: HttpRequest, site: AdminSite, term: str, models: list[type[Model]]
) -> tuple[dict[type[Model], QuerySet[Any]], Failed]:
    """What the term finds of ``models``, without the rows about the people that it finds; and what failed."""
    failed: Failed = {}
    if not models or not term:
        return {}, failed
    wanted = {}
    for model, matches in search(request, site, term, viewable_models(request, site), failed).others:
        with noted(failed, model, matches.db):
            # Every row is compared, while the page can still say that this failed.
            if model in models and is_at_home(model, matches) and matches.count():
                wanted[model] = matches
    return wanted, {model: error for model, error in failed.items() if model in models}


def _viewable(request: HttpRequest, site: AdminSite, model: type[Model] | None) -> type[Model]:
    if model is None:
        raise SelectionError(not_a_selection())
    if not may_view(request, site, model):
        raise denial(request, model, "view")
    return model


def _by_kind() -> dict[str, type[Model]]:
    kinds = ContentType.objects.get_for_models(*registry.models)
    return {str(kind.pk): model for model, kind in kinds.items()}


def _rows(model: type[Model], keys: Iterable[Any]) -> QuerySet[Any]:
    """The rows themselves, soft-deleted ones too, from where they would be erased."""
    return all_rows(model, router.db_for_write(model)).filter(pk__in=list(dict.fromkeys(keys))).order_by("pk")


def _either(model: type[Model], keys: list[Any], matches: QuerySet[Any] | None) -> QuerySet[Any]:
    """The rows that are ticked, or what the term finds, or both if it does not find a ticked one any more."""
    if matches is None:
        return _rows(model, keys)
    matches = matches.using(router.db_for_write(model))
    strays = set(keys).difference(matches.filter(pk__in=keys).values_list("pk", flat=True))
    if not strays:
        return matches
    condition = Q(pk__in=list(strays)) | Q(pk__in=matches.order_by().values("pk"))
    return all_rows(model, matches.db).filter(condition)
