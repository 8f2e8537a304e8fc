"""What a request for one person does: shows the page, exports, or has the person erased. Writes nothing by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.translation import gettext as _

from ..subjects.subject import Subject
from . import operations, over
from .asked import Choice
from .background import handed_over
from .before import person_erased, url_of
from .choosing import chosen
from .confirmation import asks_for_number, check_accounts, check_number, check_superuser, is_forced
from .course import Course
from .denied import Denied
from .done import level, note, outcome, residue
from .download import attachment
from .naming import isolated
from .parts import parts, summary
from .permissions import ANONYMISE, EXPORT, may_view_all
from .person import Page, page_of
from .refusals import REFUSALS, told
from .selection import ChangedError, SelectionError, not_a_selection
from .shown import check_shown

TEMPLATES = ["admin/gdpr_assist/personaldata/person.html"]


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
    except ChangedError as error:
        if operations.is_done(operation):  # by who confirmed it at the same moment
            return operations.led(tool, request, operation)
        tool.message_user(request, told(error), messages.WARNING)
    except REFUSALS as error:
        tool.message_user(request, told(error), messages.ERROR)
    if not errand:
        return _led(tool, request, choice)
    subject = chosen(request, tool.admin_site, choice)
    return _shown(tool, request, subject, page_of(request, tool.admin_site, subject), choice, errand)


def _answer(
    tool: Any, request: HttpRequest, subject: Subject, choice: Choice, errand: str, operation: UUID | None
) -> HttpResponseBase:
    page = page_of(request, tool.admin_site, subject)
    action = request.POST.get("action")
    if action not in ("export", "erase"):
        return _shown(tool, request, subject, page, choice, errand) if errand else _led(tool, request, choice)
    whole = _whole(request, subject, page)
    if action == "export":
        stream = _stream(tool, request, subject, whole, page)
        count = partial(_rows_of, whole or subject)
        return handed_over(tool, request, choice, errand, count, is_export=True) or attachment(request, stream)
    erased = _page_of(tool, request, whole, page)
    _check(tool, request, page, erased)
    if taken := handed_over(tool, request, choice, errand, lambda: erased.rows, operation):
        return taken
    for importance, text in _erased(tool, request, subject, whole, operation, Course()):
        tool.message_user(request, text, importance)
    return over.finish(tool, request, choice, errand, operation)


def erase_again(
    tool: Any, request: HttpRequest, choice: Choice, operation: UUID | None, course: Course
) -> list[tuple[int, str]]:
    """Erase the person as it was confirmed, as a job does it; return what is said of it.

    Raises what keeps the page from it, and ``SelectionError`` if what is known of the person is not what was shown.
    """
    subject = chosen(request, tool.admin_site, choice)
    page = page_of(request, tool.admin_site, subject)
    whole = _whole(request, subject, page)
    _check(tool, request, page, _page_of(tool, request, whole, page))
    return _erased(tool, request, subject, whole, operation, course)


def export_again(
    tool: Any, request: HttpRequest, choice: Choice
) -> tuple[Callable[..., Iterator[bytes]], list[tuple[int, str]]]:
    """Return what gives out the export of the person, as a job makes it, and what is said of it: nothing.

    Raises what keeps the page from it.
    """
    subject = chosen(request, tool.admin_site, choice)
    page = page_of(request, tool.admin_site, subject)
    return _stream(tool, request, subject, _whole(request, subject, page), page), []


def _whole(request: HttpRequest, subject: Subject, page: Page) -> Subject | None:
    """Return the person with the rows in doubt that are ticked, None if none is. Raises ``SelectionError``."""
    included = request.POST.getlist("include")
    if not set(included) <= {each.name for each in page.doubts if each.can_include}:
        raise SelectionError(not_a_selection())
    return subject.including(*included) if included else None


def _page_of(tool: Any, request: HttpRequest, whole: Subject | None, page: Page) -> Page:
    """Return the page of the person with the rows in doubt that are ticked; ``page`` where none is."""
    return page_of(request, tool.admin_site, whole) if whole else page


def _stream(
    tool: Any, request: HttpRequest, subject: Subject, whole: Subject | None, page: Page
) -> Callable[..., Iterator[bytes]]:
    """Return what gives out the export. Raises ``PermissionDenied`` if that is not for the user."""
    if not tool.has_export_permission(request):
        raise Denied(EXPORT)
    for denied in _page_of(tool, request, whole, page).no_export:
        raise denied
    tells = partial(may_view_all, request, tool.admin_site)
    return partial((whole or subject).stream, tells=tells)


def _rows_of(subject: Subject) -> int:
    return sum(each.rows.count() for each in subject.rows())


def _erased(
    tool: Any, request: HttpRequest, subject: Subject, whole: Subject | None, operation: UUID | None, course: Course
) -> list[tuple[int, str]]:
    """Have the person erased; return what is said of it: [(level, text)]."""

    def check() -> None:
        course.within()
        # Again, as rows may have come and gone until they were locked.
        page = page_of(request, tool.admin_site, subject.afresh())
        _check(tool, request, page, _page_of(tool, request, whole, page))

    is_looked_for = "residue" in request.POST
    course.begins()
    result = (whole or subject).erase(
        force=is_forced(request), by=request.user, residue=is_looked_for, operation=operation, check=check
    )
    with over.afterwards():
        note(result, is_looked_for=is_looked_for)
    with over.afterwards():
        said = [outcome(result, request, tool.admin_site)]
        if is_looked_for:
            said += residue(result, request, tool.admin_site)
        return [(level(result), " ".join(said))]
    return [over.done()]


def _led(tool: Any, request: HttpRequest, choice: Choice) -> HttpResponseBase:
    answer: HttpResponseBase = tool.to_person(request, choice)
    return answer


def _check(tool: Any, request: HttpRequest, page: Page, erased: Page) -> None:
    """Raise unless the page of the person is the one that was confirmed, and the user may erase all that is on it.

    ``erased`` is that of the person with the rows in doubt that are ticked.
    """
    if not tool.has_change_permission(request):
        raise Denied(ANONYMISE)
    for denied in erased.no_erasure:
        raise denied
    check_shown(operations.signed(request, tool.admin_site), counts=page.counts, token=page.token)
    check_superuser(request, goes=erased.last_superuser)
    check_accounts(request, herself=erased.is_herself, staff=erased.staff)
    check_number(request, rows=erased.rows)


def _shown(tool: Any, request: HttpRequest, subject: Subject, page: Page, choice: Choice, errand: str) -> HttpResponse:
    address = tool.url_of("person", errand)
    ticked = [each.name for each in page.doubts if each.can_include and each.is_ticked]
    whole = _page_of(tool, request, subject.including(*ticked) if ticked else None, page)
    found, erased = parts(request, tool.admin_site, page), page.erased
    who = isolated(page.names[0][0]) if page.names else _("Somebody without an account")
    may_erase = tool.has_change_permission(request) and bool(page.groups or page.outside)
    context = {
        "title": _("Personal data of one person"),
        "page": page,
        "parts": found,
        "summary": summary(page, found),
        "own_url": tool.own_url(),
        "action_url": address,
        "back_url": tool.url_of("search", choice.before[-1]) if choice.before else tool.own_url(),
        "ticked": request.POST,
        "may_export": tool.has_export_permission(request),
        "operation": operations.drawn(request, tool.admin_site, address, counts=page.counts, token=page.token),
        "whole": whole,
        "asks_for_number": asks_for_number(whole.rows),
        "who": who,
        "erased": person_erased(who, erased) if erased is not None else "",
        "erasure_url": url_of(request, tool.admin_site, erased),
        "refilled": page.refilled,
        "may_erase": may_erase,
        "may_confirm": may_erase and page.does_something and not page.outside and not page.obstacles,
    }
    page_shown: HttpResponse = tool.render(request, TEMPLATES, context)
    return page_shown
