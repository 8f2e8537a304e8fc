"""What else a deletion in the admin does: which rows will be anonymised, by names and numbers. Reads only."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from django.contrib.admin import AdminSite
from django.db import router
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from ..declaring.meta import all_rows
from ..deletion import AnonymiseOnUpdate
from ..registry import concrete
from ..subjects.survivors import survivors
from ..undocumented import collected, objects_of, updates_of
from .naming import MOST_NAMES, counted, url_of
from .permissions import can_be_anonymised, may_view, shown

# {model: the rows that will be anonymised, or deleted with their person}
Rows = dict[type[Model], set[Any]]


def also_anonymised(request: HttpRequest, site: AdminSite, objs: Any) -> tuple[list[Any], dict[str, int]]:
    """Return the nested list of names, and {what: number}, as Django's page for deleting shows them.

    ``objs`` are what is to be deleted: rows of one model. Of rows that the user may not see, there is the number only.
    """
    rows = objs if isinstance(objs, QuerySet) else list(objs)
    if not rows:
        return [], {}
    using = rows.db if isinstance(rows, QuerySet) else router.db_for_write(type(rows[0]))
    anonymised, deleted = _consequences(rows, using)
    names: list[Any] = []
    numbers: dict[str, int] = {}
    for heading, suffix, found in (
        (_("To be anonymised, as they stay:"), _("%(models)s to be anonymised"), anonymised),
        (_("To be deleted with the person:"), _("%(models)s to be deleted with the person"), deleted),
    ):
        if found:
            names += [
                heading,
                [name for model, keys in found.items() for name in _names(request, site, model, keys, using)],
            ]
            for model, keys in found.items():
                numbers[suffix % {"models": model._meta.verbose_name_plural}] = len(keys)
    return names, numbers


def _consequences(rows: Any, using: str) -> tuple[Rows, Rows]:
    collector = collected(rows, using, origin=rows)
    going = {concrete(model): {each.pk for each in objects} for model, objects in objects_of(collector).items()}
    anonymised: Rows = defaultdict(set)
    deleted: Rows = defaultdict(set)
    for updated in updates_of(collector):
        if isinstance(updated, AnonymiseOnUpdate) and can_be_anonymised(updated.model):
            anonymised[concrete(updated.model)].update(updated.values_list("pk", flat=True))
    for origin in [rows] if isinstance(rows, QuerySet) else rows:
        staying = survivors(origin, using)
        for plan in staying.plans:
            anonymised[plan.declaration.model].update(plan.keys or ())
        for deletion in staying.deletions:
            deleted[deletion.rows.model].update(deletion.keys)
    return _without(anonymised, going), _without(deleted, going)


def _without(found: Rows, going: Rows) -> Rows:
    left = {model: keys - going.get(model, set()) for model, keys in found.items()}
    return {model: keys for model, keys in left.items() if keys}


def _names(request: HttpRequest, site: AdminSite, model: type[Model], keys: set[Any], using: str) -> list[Any]:
    """Return the text of some rows, each with a link to its page, and how many there are beside them."""
    names: list[Any] = []
    if may_view(request, site, model):
        some = all_rows(model, using).filter(pk__in=sorted(keys)[:MOST_NAMES]).order_by("pk")
        for row in shown(request, site, some):
            text = f"{capfirst(str(model._meta.verbose_name))}: "
            url = url_of(request, site, model, row)
            names.append(format_html('{}<a href="{}">{}</a>', text, url, row) if url else f"{text}{row}")
    if len(keys) > len(names):
        others = len(keys) - len(names)
        names.append(_("and %(rows)s more") % {"rows": counted(model, others)} if names else counted(model, others))
    return names
