"""What the tool does with selected rows: leads to the page that asks, shows it, and has the rows anonymised."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.contenttypes.models import ContentType
from django.db.models import Model
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _

from ..erasure import erase
from ..planning.plans import Plan, plan
from ..tables import stored_key
from . import confirmation, operations, over
from .asked import Search, keep
from .background import handed_over
from .course import Course
from .denied import Denied, denial
from .naming import counted
from .permissions import ANONYMISE, can_be_anonymised, may_anonymise, may_anonymise_all
from .picked import named
from .results import RowsByModel
from .selection import ChangedError, SelectionError


def anonymise(tool: Any, request: HttpRequest, rows: RowsByModel, asked: Search, errand: str) -> HttpResponse:
    """Anonymise ``rows`` if that is confirmed; else show the page that asks, or lead to it.

    ``tool`` is the admin of the tool, which has asked whether the user may anonymise with it at all. Raises
    ``PermissionDenied`` if not these rows, and ``SelectionError`` if none of them can be anonymised.
    """
    plans = _plans(tool, request, rows)
    left = [(model, of_model) for model, of_model in rows if not _can_anonymise(tool, request, model)]
    if request.method == "POST" and confirmation.is_confirmed(request):
        try:
            return _erase(tool, request, plans, asked, errand)
        except SelectionError as error:  # what is missing, or has changed, is asked for on the page
            level = messages.WARNING if isinstance(error, ChangedError) else messages.ERROR
            tool.message_user(request, str(error), level)
    if asked.keys:
        return _page(tool, request, plans, left, asked, errand)
    chosen = replace(asked, keys=tuple(_keys([*((each.model, each.rows()) for each in plans), *left])))
    if not chosen.keys:
        raise SelectionError(_("No rows are selected. Nothing was changed."))
    return HttpResponseRedirect(tool.url_of("confirm", keep(request, tool.admin_site.name, chosen, after=errand)))


def erase_again(
    tool: Any, request: HttpRequest, asked: Search, operation: UUID | None, course: Course
) -> list[tuple[int, str]]:
    """Anonymise the rows of a search that were confirmed, as a job does it; return what is said of it.

    Raises what keeps the page from it.
    """
    plans = _plans(tool, request, named(request, tool.admin_site, asked.keys))
    confirmation.check_plans(request, tool.admin_site, plans)
    return _erased(tool, request, plans, operation, course)


def _erased(
    tool: Any, request: HttpRequest, plans: list[Plan], operation: UUID | None, course: Course
) -> list[tuple[int, str]]:
    """Anonymise them; return what is said of it: [(level, text)]."""

    def first() -> list[Plan]:
        course.within()
        return confirmation.as_shown(request, tool.admin_site, plans)  # again, as rows may have come and gone

    course.begins()
    results = erase(plans, by=request.user, operation=operation, first=first)
    return [confirmation.said(plans, results)]


def _plans(tool: Any, request: HttpRequest, rows: RowsByModel) -> list[Plan]:
    if not tool.has_change_permission(request):
        raise Denied(ANONYMISE)
    for model, of_model in rows:
        if _can_anonymise(tool, request, model) and not may_anonymise_all(request, tool.admin_site, of_model):
            raise denial(request, model, "change")
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
    confirmation.check_plans(request, tool.admin_site, plans)
    count = partial(confirmation.rows_of, plans)
    if taken := handed_over(tool, request, asked, errand, count, operation):
        return taken
    for level, text in _erased(tool, request, plans, operation, Course()):
        tool.message_user(request, text, level)
    return over.finish(tool, request, asked, errand, operation)


def _page(
    tool: Any, request: HttpRequest, plans: list[Plan], left: RowsByModel, asked: Search, errand: str
) -> HttpResponse:
    context = {
        **confirmation.context(request, tool.admin_site, plans, tool.url_of("confirm", errand)),
        "kept": [counted(model, of_model.count()) for model, of_model in left],
        "own_url": tool.own_url(),
        "back_url": tool.url_of("search", errand) if asked.term else tool.own_url(),
    }
    page: HttpResponse = tool.render(request, confirmation.templates(tool.opts), context)
    return page


def _can_anonymise(tool: Any, request: HttpRequest, model: type[Model]) -> bool:
    return can_be_anonymised(model) and may_anonymise(request, tool.admin_site, model)
