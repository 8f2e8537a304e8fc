"""From what a search found to tables for the page, within the number of fields a form may have; writes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib.admin import AdminSite
from django.contrib.admin.utils import label_for_field, model_ngettext
from django.contrib.contenttypes.models import ContentType
from django.db import router
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from ..declaring.clauses import Keep
from ..declaring.declaration import Declaration
from ..declaring.keys import key_text
from ..declaring.meta import all_rows
from ..declaring.search import Failed, noted
from ..log.history import anonymised_at
from ..marks import MARKED, with_marks
from ..paths import clauses_of
from ..planning.plans import plan, target_alias
from ..registry import registry
from ..routing import here
from ..tables import stored_key
from .asked import Search
from .naming import cell, name_of, url_of
from .permissions import can_be_anonymised, may_anonymise
from .searched import Reason, reasons, words_of_lookup

RowsByModel = list[tuple[type[Model], QuerySet[Any]]]

COLUMNS = 5
ROWS_PER_MODEL = 100
# Fields of the form that are no rows: the token, the term, the button, "everything", "all" of each model
OTHER_FIELDS = 100


@dataclass(frozen=True, kw_only=True)
class Row:
    value: str
    """``<content type id>-<primary key>``, the value of its checkbox."""

    key: str
    name: str
    """Its text, or what stands for it where it has none."""

    url: str | None
    """Its own page in the admin, where the user may see it."""

    cells: list[str]
    reasons: list[Reason]
    """Why it was found."""

    marked: bool
    """Whether it was anonymised before."""

    anonymised: datetime | None
    """When that was, if the log knows it."""

    refilled: bool
    """Whether it has been filled again since."""


@dataclass(frozen=True, kw_only=True)
class Table:
    """What was found of one model."""

    label: str
    name: str
    content_type: str
    headers: list[str]
    rows: list[Row]
    total: int
    before: int
    """How many of the rows stand on the pages before this one."""

    can_select: bool
    can_anonymise: bool
    kept: list[str]
    """What of its rows stays when their person is erased, and why."""

    ticked: int
    """How many of its rows are ticked on other pages."""

    @property
    def has_more(self) -> bool:
        return self.total > len(self.rows)

    @property
    def is_elsewhere(self) -> bool:
        """Whether all of its rows stand on other pages."""
        return self.before >= self.total

    @property
    def boxes(self) -> list[str]:
        """The values of its boxes on this page."""
        if not self.can_select:
            return []
        return [*(row.value for row in self.rows), *([self.content_type] if self.has_more else [])]

    @property
    def first(self) -> int:
        return self.before + 1

    @property
    def last(self) -> int:
        return self.before + len(self.rows)


def pages_of(results: Iterable[Table]) -> int:
    """Return on how many pages the rows of these tables stand."""
    return max([1, *(-(-table.total // ROWS_PER_MODEL) for table in results)])


def tables(
    request: HttpRequest,
    site: AdminSite,
    rows: Iterable[tuple[type[Model], QuerySet[Any]]],
    failed: Failed,
    asked: Search | None = None,
    page: int = 1,
) -> Iterator[Table]:
    """Yield a table for each model with rows: one query for each, and a COUNT where not all are shown.

    Where rows were anonymised before, one more tells which of them are filled again, and one of the log since when.

    A model whose rows cannot be read or shown is left out and noted in ``failed``.
    """
    asked, before = asked or Search(), (page - 1) * ROWS_PER_MODEL
    room = (settings.DATA_UPLOAD_MAX_NUMBER_FIELDS or float("inf")) - OTHER_FIELDS
    for model, matches in rows:
        shown = int(max(0, min(ROWS_PER_MODEL, room)))
        table = None
        with noted(failed, model, matches.db):
            # One more than is shown, and in an order in which no row stands on two pages
            instances = list(_with_marks(model, matches).order_by("pk")[before : before + shown + 1])
            total = before + len(instances)
            if len(instances) > shown or (before and not instances):
                total = matches.count()
            if total:
                table = _table(request, site, matches, instances[:shown], total, before, asked)
        if table is not None:
            yield table
            room -= len(table.rows)


def _table(
    request: HttpRequest,
    site: AdminSite,
    matches: QuerySet[Any],
    instances: list[Model],
    total: int,
    before: int,
    asked: Search,
) -> Table:
    model = matches.model
    declared = registry.declaration(model)
    kind = ContentType.objects.get_for_model(model).pk
    names = _columns(declared)
    marked = [each.pk for each in instances if getattr(each, MARKED)]
    refilled, anonymised = _refilled(model, marked), _anonymised_at(model, marked)
    rows = [
        Row(
            value=f"{kind}-{stored_key(instance.pk)}",
            key=stored_key(instance.pk),
            name=name_of(instance),
            url=url_of(request, site, model, instance),
            cells=[cell(instance, name) for name in names],
            reasons=reasons(declared, instance, asked.term) if asked.term else [],
            marked=bool(getattr(instance, MARKED)),
            anonymised=anonymised.get(stored_key(instance.pk)),
            refilled=instance.pk in refilled,
        )
        for instance in instances
    ]
    shown = {row.value for row in rows}
    return Table(
        label=declared.label,
        name=model_ngettext(model._meta, total),
        content_type=str(kind),
        headers=[str(label_for_field(name, model)) for name in names],
        rows=rows,
        total=total,
        before=before,
        can_select=is_at_home(model, matches),
        can_anonymise=can_be_anonymised(model) and may_anonymise(request, site, model),
        kept=_kept(model),
        ticked=sum(each.startswith(f"{kind}-") and each not in shown for each in asked.rows),
    )


def _refilled(model: type[Model], keys: list[Any]) -> set[Any]:
    """Return which of these rows, that were anonymised before, hold something again. Where that fails, none."""
    found: set[Any] = set()
    using = router.db_for_write(model)
    if keys and can_be_anonymised(model):
        with noted({}, model, using):
            found.update(plan(all_rows(model, using).filter(pk__in=keys)).refilled().values_list("pk", flat=True))
    return found


def _anonymised_at(model: type[Model], keys: list[Any]) -> dict[str, datetime]:
    """Return when these rows, that were anonymised before, were so; of those that the log names no more, nothing."""
    if not keys:
        return {}
    return anonymised_at(registry.log_label(model), map(stored_key, keys), router.db_for_write(model), here())


def _kept(model: type[Model]) -> list[str]:
    clauses = clauses_of(model)
    if isinstance(clauses.on_erasure, Keep):
        return [clauses.on_erasure.ground]
    return [f"{words_of_lookup(model, name)} ({keep.ground})" for name, keep in clauses.kept.items()]


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
    searched = (name.split("__")[0] for name in declared.meta.search_fields or ())
    names = [*(name for name in searched if name in columns), *declared.export_fields]
    return list(dict.fromkeys(names))[:COLUMNS]
