"""What follows an erasure that is done: messages, errands that go, and the page that Back leads to. Erases nothing."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _

from . import operations
from .asked import Asked, Done, forget

TEMPLATES = ["admin/gdpr_assist/personaldata/done.html"]

logger = logging.getLogger(__name__)


@contextmanager
def afterwards() -> Iterator[None]:
    """Log the class of whatever is raised, and go on: what is done must not look as if it had failed."""
    try:
        yield
    except Exception as error:  # noqa: BLE001  (whatever a project's code or a database may raise)
        logger.error("An erasure is done, but something after it failed (%s).", type(error).__name__)


def done() -> tuple[int, str]:
    """Return what is said where nothing more can be told: (level, text)."""
    return messages.SUCCESS, _("What this page was for is done.")


def finish(tool: Any, request: HttpRequest, asked: Asked, errand: str, operation: UUID | None) -> HttpResponse:
    """Forget an errand that is done and all that led to it; lead to the page of the erasure."""
    forgotten(tool, request, asked, errand, operation)
    with afterwards():
        return operations.led(tool, request, operation)
    return HttpResponseRedirect(tool.own_url())


def forgotten(tool: Any, request: HttpRequest, asked: Asked, errand: str, operation: UUID | None) -> None:
    """Forget it; keep which operation it was. What cannot be deleted is over before long anyway."""
    with afterwards():
        forget(request, tool.admin_site.name, asked, errand, Done(operation=operation.hex if operation else ""))


def page(tool: Any, request: HttpRequest, became: Done) -> HttpResponse:
    """Say that it is done, and lead on: to the erasure, and to another search."""
    url = operations.url_of(request, tool.admin_site, UUID(became.operation)) if became.operation else None
    context = {"title": _("This is done"), "erasure_url": url, "own_url": tool.own_url()}
    shown: HttpResponse = tool.render(request, TEMPLATES, context)
    return shown
