"""What a request for one person does: shows the page, exports, or has the person erased. Writes nothing by itself."""

from __future__ import annotations

from functools import partial
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.crypto import constant_time_compare
from django.utils.translation import gettext as _

from ..subjects.subject import Subject
from . import operations
from .asked import Choice, forget
from .choosing import chosen
from .confirmation import asks_for_number, check_accounts, check_number, check_superuser, is_forced
from .denied import Denied
from .done import level, note, outcome, residue
from .download import attachment
from .permissions import ANONYMISE, EXPORT, may_view_all
from .person import Page, page_of
from .refusals import REFUSALS, told
from .selection import SelectionError, not_a_selection

TEMPLATES = ["admin/gdpr_assist/personaldata/person.html"]


class _Changed(Exception):
    """What is known of the person is not what was shown."""


def about_person(tool: Any, request: HttpRequest, choice: Choice, errand: str = "") -> HttpResponseBase:
    """Answer a request to ``tool``, the admin of the tool, about the person of an errand, or of a form alone.

    If it is a POST, its ``action`` is ``export`` or ``erase``; else the page is shown. After an error it has the boxes
    as they were ticked.

    Raises ``PermissionDenied`` if a row of the person is not for the user to see, or to change.
    """
    operation = operations.posted(request, tool.admin_site)
    subject = chosen(request, tool.admin_site, choice)
    try:
        return _answer(tool, request, subject, choice, errand, operation)
    except _Changed:
        if operations.is_done(operation):  # by who confirmed it at the same moment
            return operations.led(tool, request, operation)
        text = _("What is known of this person is not what was shown. Nothing was changed; please look at it again.")
        tool.message_user(request, text, messages.WARNING)
    except REFUSALS as error:
        tool.message_user(request, told(error), messages.ERROR)
    if not errand:
        return _led(tool, request, choice)
    subject = chosen(request, tool.admin_site, choice)
    return _shown(tool, request, page_of(request, tool.admin_site, subject), choice, errand)


def _answer(
    tool: Any, request: HttpRequest, subject: Subject, choice: Choice, errand: str, operation: UUID | None
) -> HttpResponseBase:
    page = page_of(request, tool.admin_site, subject)
    action = request.POST.get("action")
    if action not in ("export", "erase"):
        return _shown(tool, request, page, choice, errand) if errand else _led(tool, request, choice)
    included = request.POST.getlist("include")
    if not set(included) <= {each.name for each in page.doubts if each.can_include}:
        raise SelectionError(not_a_selection())
    whole = subject.including(*included) if included else None
    if action == "export":
        if not tool.has_export_permission(request):
            raise Denied(EXPORT)
        if not (page_of(request, tool.admin_site, whole) if whole else page).may_export:
            raise PermissionDenied
        tells = partial(may_view_all, request, tool.admin_site)
        return attachment(request, partial((whole or subject).stream, tells=tells))
    _check(tool, request, page, whole)
    is_looked_for = "residue" in request.POST
    result = (whole or subject).erase(
        force=is_forced(request),
        by=request.user,
        residue=is_looked_for,
        operation=operation,
        # Again, as rows may have come and gone until they were locked.
        check=lambda: _check(tool, request, page_of(request, tool.admin_site, subject.afresh()), whole),
    )
    note(result, is_looked_for=is_looked_for)
    said = [outcome(result, request, tool.admin_site)]
    if is_looked_for:
        said += residue(result, request, tool.admin_site)
    tool.message_user(request, " ".join(said), level(result))
    forget(choice, errand)
    return operations.led(tool, request, operation)


def _led(tool: Any, request: HttpRequest, choice: Choice) -> HttpResponseBase:
    answer: HttpResponseBase = tool.to_person(request, choice)
    return answer


def _check(tool: Any, request: HttpRequest, page: Page, whole: Subject | None) -> None:
    """Raise unless the page of the person is the one that was confirmed, and the user may erase all that is on it.

    ``whole`` is the person with the rows that are included.
    """
    erased = page_of(request, tool.admin_site, whole) if whole else page
    if not tool.has_change_permission(request):
        raise Denied(ANONYMISE)
    if erased.outside:
        raise PermissionDenied
    if not constant_time_compare(request.POST.get("token", ""), page.token):
        raise _Changed
    check_superuser(request, goes=erased.last_superuser)
    check_accounts(request, herself=erased.is_herself, staff=erased.staff)
    check_number(request, rows=page.rows)


def _shown(tool: Any, request: HttpRequest, page: Page, choice: Choice, errand: str) -> HttpResponse:
    context = {
        "title": _("Personal data of one person"),
        "page": page,
        "own_url": tool.own_url(),
        "action_url": tool.url_of("person", errand),
        "back_url": tool.url_of("search", choice.before[-1]) if choice.before else tool.own_url(),
        "ticked": request.POST,
        "may_export": tool.has_export_permission(request),
        "operation": operations.drawn(request, tool.admin_site),
        "asks_for_number": asks_for_number(page.rows),
        "may_erase": tool.has_change_permission(request),
    }
    page_shown: HttpResponse = tool.render(request, TEMPLATES, context)
    return page_shown
