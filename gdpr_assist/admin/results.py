"""From what a search found to tables for the page, within the number of fields a form may have; writes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.contrib.admin import AdminSite
from django.contrib.admin.utils import (
    display_for_field,
    display_for_value,
    label_for_field,
    model_ngettext,
    quote,
)
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import FieldDoesNotExist
from django.db import router
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.text import Truncator

from ..declaring.declaration import Declaration
from ..declaring.keys import key_text
from ..declaring.search import Failed, noted
from ..marks import MARKED, with_marks
from ..planning.plans import target_alias
from ..registry import registry
from ..tables import stored_key
from ..undocumented import admin_of
from .permissions import can_be_anonymised, may_anonymise

RowsByModel = list[tuple[type[Model], QuerySet[Any]]]

COLUMNS = 5
LONGEST_CELL = 80
EMPTY = "-"
ROWS_PER_MODEL = 100
# Fields of the form that are no rows: the token, the term, the button, "everything", "all" of each model
OTHER_FIELDS = 100


@dataclass(frozen=True, kw_only=True)
class Row:
    value: str
    """``<content type id>-<primary key>``, the value of its checkbox."""

    key: str
    url: str | None
    """Its own page in the admin, where the user may see it."""

    cells: list[str]
    marked: bool
    """Whether it was anonymised before."""


@dataclass(frozen=True, kw_only=True)
class Table:
    """What was found of one model."""

    label: str
    name: str
    content_type: str
    headers: list[str]
    rows: list[Row]
    total: int
    can_select: bool
    can_anonymise: bool

    @property
    def has_more(self) -> bool:
        return self.total > len(self.rows)

    @property
    def has_marked(self) -> bool:
        return any(row.marked for row in self.rows)


def tables(
    request: HttpRequest, site: AdminSite, rows: Iterable[tuple[type[Model], QuerySet[Any]]], failed: Failed
) -> Iterator[Table]:
    """Yield a table for each model with rows: one query for each, and a COUNT where not all are shown.

    A model whose rows cannot be read or shown is left out and noted in ``failed``.
    """
    room = (settings.DATA_UPLOAD_MAX_NUMBER_FIELDS or float("inf")) - OTHER_FIELDS
    for model, matches in rows:
        shown = int(max(0, min(ROWS_PER_MODEL, room)))
        table = None
        with noted(failed, model, matches.db):
            instances = list(_with_marks(model, matches)[: shown + 1])
            if instances:
                total = matches.count() if len(instances) > shown else len(instances)
                table = _table(request, site, registry.declaration(model), matches, instances[:shown], total)
        if table is not None:
            yield table
            room -= len(table.rows)


def _table(
    request: HttpRequest,
    site: AdminSite,
    declared: Declaration,
    matches: QuerySet[Any],
    instances: list[Model],
    total: int,
) -> Table:
    model = declared.model
    kind = ContentType.objects.get_for_model(model).pk
    names = _columns(declared)
    return Table(
        label=declared.label,
        name=model_ngettext(model._meta, total),
        content_type=str(kind),
        headers=[str(label_for_field(name, model)) for name in names],
        rows=[
            Row(
                value=f"{kind}-{stored_key(instance.pk)}",
                key=stored_key(instance.pk),
                url=url_of(request, site, model, instance),
                cells=[_cell(instance, name) for name in names],
                marked=bool(getattr(instance, MARKED)),
            )
            for instance in instances
        ],
        total=total,
        can_select=is_at_home(model, matches),
        can_anonymise=can_be_anonymised(model) and may_anonymise(request, site, model),
    )


def _with_marks(model: type[Model], matches: QuerySet[Any]) -> QuerySet[Any]:
    """The rows, each with whether it was anonymised before. Only a database where that is done must have the table.

    Not where all markers of the model would have to be read for it.
    """
    if not (can_be_anonymised(model) and is_at_home(model, matches) and key_text(model) is not None):
        return matches
    return with_marks(matches)


def is_at_home(model: type[Model], matches: QuerySet[Any]) -> bool:
    """Whether ``matches`` are of the database that a key alone means; a search of the project's may look elsewhere."""
    return target_alias(matches) == router.db_for_write(model)


def _columns(declared: Declaration) -> list[str]:
    """What was searched stands first: it says why the row was found."""
    columns = {field.name for field in declared.model._meta.concrete_fields if not field.is_relation}
    searched = (name.split("__")[0] for name in declared.meta.search_fields)
    names = [*(name for name in searched if name in columns), *declared.export_fields]
    return list(dict.fromkeys(names))[:COLUMNS]


def _cell(instance: Model, name: str) -> str:
    value = getattr(instance, name)
    if isinstance(value, str):
        value = Truncator(value).chars(LONGEST_CELL)
    try:
        field: Any = instance._meta.get_field(name)
    except FieldDoesNotExist:
        return str(display_for_value(value, EMPTY))
    return str(display_for_field(value, field, EMPTY))


def url_of(request: HttpRequest, site: AdminSite, model: type[Model], instance: Model) -> str | None:
    """Return the page of a row in the admin; None if it has none, or if the user may not see it.

    The page of a row of another database is that of a stranger.
    """
    model_admin = admin_of(site, model)
    if model_admin is None or instance._state.db != router.db_for_write(model):
        return None
    if not model_admin.has_view_or_change_permission(request, instance):
        return None
    opts = model._meta
    name = f"admin:{opts.app_label}_{opts.model_name}_change"
    return reverse(name, args=[quote(instance.pk)], current_app=site.name)
