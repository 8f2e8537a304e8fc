"""What the tool does with selected rows: leads to the page that asks, shows it, and has the rows anonymised."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _

from ..erasure import erase
from ..planning.plans import Plan, plan
from ..tables import stored_key
from . import confirmation, operations
from .asked import Search, forget, keep
from .denied import Denied
from .permissions import ANONYMISE, can_be_anonymised, may_anonymise, may_anonymise_all
from .results import RowsByModel
from .selection import SelectionError


def anonymise(tool: Any, request: HttpRequest, rows: RowsByModel, asked: Search, errand: str) -> HttpResponse:
    """Anonymise ``rows`` if that is confirmed; else show the page that asks, or lead to it.

    ``tool`` is the admin of the tool. Raises ``PermissionDenied`` if the user may not do it, and ``SelectionError`` if
    none of the rows can be anonymised.
    """
    if not tool.has_change_permission(request):
        raise Denied(ANONYMISE)
    plans = _plans(tool, request, rows)
    left = [(model, of_model) for model, of_model in rows if not _can_anonymise(tool, request, model)]
    if request.method == "POST" and confirmation.is_confirmed(request):
        return _erase(tool, request, plans, asked, errand)
    if asked.keys:
        return _page(tool, request, plans, left, asked, errand)
    chosen = replace(asked, keys=tuple(_keys([*((each.model, each.rows()) for each in plans), *left])))
    if not chosen.keys:
        raise SelectionError(_("No rows are selected. Nothing was changed."))
    return HttpResponseRedirect(tool.url_of("confirm", keep(request, tool.admin_site.name, chosen, after=errand)))


def _plans(tool: Any, request: HttpRequest, rows: RowsByModel) -> list[Plan]:
    for model, of_model in rows:
        if _can_anonymise(tool, request, model) and not may_anonymise_all(request, tool.admin_site, of_model):
            raise PermissionDenied(
                f"The admin of {model._meta.label} refuses one of the rows: it is asked has_anonymise_permission, "
                "or has_change_permission if it has no such method, of each."
            )
    force = confirmation.is_forced(request)
    plans = [plan(of_model, force=force) for model, of_model in rows if _can_anonymise(tool, request, model)]
    if not plans:
        raise SelectionError(_("None of the selected rows can be anonymised. Nothing was changed."))
    return plans


def _keys(rows: RowsByModel) -> list[str]:
    """Return the values of the boxes of rows."""
    kinds = {model: ContentType.objects.get_for_model(model).pk for model, _rows in rows}
    return [
        f"{kinds[model]}-{stored_key(key)}"
        for model, of_model in rows
        for key in of_model.order_by("pk").values_list("pk", flat=True)
    ]


def _erase(tool: Any, request: HttpRequest, plans: list[Plan], asked: Search, errand: str) -> HttpResponse:
    operation = operations.posted(request, tool.admin_site)
    confirmation.check_plans(request, plans)
    results = erase(plans, by=request.user, operation=operation)
    tool.message_user(request, confirmation.outcome(plans, results), confirmation.level(results))
    forget(asked, errand)
    return operations.led(tool, request, operation)


def _page(
    tool: Any, request: HttpRequest, plans: list[Plan], left: RowsByModel, asked: Search, errand: str
) -> HttpResponse:
    context = {
        **confirmation.context(request, plans),
        "operation": operations.drawn(request, tool.admin_site),
        "kept": [confirmation.counted(model, of_model.count()) for model, of_model in left],
        "action_url": tool.url_of("confirm", errand),
        "own_url": tool.own_url(),
        "back_url": tool.url_of("search", errand) if asked.term else tool.own_url(),
    }
    page: HttpResponse = tool.render(request, confirmation.templates(tool.opts), context)
    return page


def _can_anonymise(tool: Any, request: HttpRequest, model: type[Model]) -> bool:
    return can_be_anonymised(model) and may_anonymise(request, tool.admin_site, model)
