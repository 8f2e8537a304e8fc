"""Hands work that is long to a queue, where the site has one, instead of doing it in the request."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import asdict
from typing import Any
from uuid import UUID, uuid4

from django.contrib import messages
from django.db import Error, IntegrityError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.module_loading import import_string
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from ..conf import export_storage, task_backend, tasks_from
from ..jobs import keeping, settling
from ..tables import Job
from .asked import PURPOSES, Asked
from .operations import too_old
from .refusals import told
from .selection import SelectionError

logger = logging.getLogger(__name__)

# By its name, as a queue knows it
TASK = "gdpr_assist.tasks.run"


def handed_over(
    tool: Any,
    request: HttpRequest,
    asked: Asked,
    errand: str,
    rows: Callable[[], int],
    operation: UUID | None = None,
    *,
    is_export: bool = False,
) -> HttpResponse | None:
    """Return what leads to the page of the job that does what was posted; None if that is for the request to do.

    ``rows`` returns how many there are, ``operation`` is the id that the erasure, and so
    the job, has to have. Raises ``SelectionError`` if no queue takes it.
    """
    if not _is_for_jobs(is_export) or (total := rows()) < tasks_from():
        return None
    settling.sweep()
    id_ = operation or uuid4()
    content = _content(request, asked, errand)
    try:
        job = keeping.start(
            content, id_=id_, user=request.user, site=tool.admin_site.name, is_export=is_export, total=total
        )
    except IntegrityError:  # by who confirmed it at the same moment
        if taken := led_by(tool, request, id_):
            return taken
        raise SelectionError(too_old()) from None
    _enqueue(job)
    return led(tool, job)


def led(tool: Any, job: Job) -> HttpResponse:
    """Return what leads to the page of a job."""
    return HttpResponseRedirect(url_of(tool, job))


def led_by(tool: Any, request: HttpRequest, operation: UUID) -> HttpResponse | None:
    """Return the same for the job of an operation, None if this user has none."""
    if task_backend() is None:
        return None
    job = keeping.find(request.user, tool.admin_site.name, operation)
    return led(tool, job) if job else None


def url_of(tool: Any, job: Job) -> str:
    return reverse("admin:gdpr_assist_personaldata_job", args=[job.pk], current_app=tool.admin_site.name)


def own_jobs(tool: Any, request: HttpRequest) -> list[tuple[str, Job]]:
    """Return [(address, job)] of what the user has started here; what is over is removed before.

    If they cannot be read, a message says so, and the page goes on without them.
    """
    settling.sweep()
    try:
        found = settling.settled(keeping.of_user(request.user, tool.admin_site.name))
    except Error as error:
        tool.message_user(request, told(error), messages.ERROR)
        return []
    return [(url_of(tool, job), job) for job in found]


def _is_for_jobs(is_export: bool) -> bool:
    return task_backend() is not None and (not is_export or export_storage() is not None)


def _content(request: HttpRequest, asked: Asked, errand: str) -> dict[str, Any]:
    """Return what a worker needs to do it just as the request would."""
    posted = request.POST.copy()
    posted.pop("csrfmiddlewaretoken", None)
    return {
        "purpose": PURPOSES[type(asked)],
        "asked": asdict(asked),
        "errand": errand,
        "path": request.path,
        "posted": posted.urlencode(),
        "language": get_language(),
        "zone": getattr(timezone.get_current_timezone(), "key", None),
    }


def _enqueue(job: Job) -> None:
    try:
        import_string(TASK).using(backend=task_backend()).enqueue(str(job.pk))
    except Exception as error:  # noqa: BLE001  (whatever the package of a queue raises)
        if not keeping.withdraw(job):
            return  # a worker has it all the same
        kind = type(error).__name__
        logger.error("The backend %r of GDPR_TASK_BACKEND did not take a job (%s).", task_backend(), kind)
        raise SelectionError(
            _(
                "This is too long for a page, and nobody took it over to do it (%(kind)s). Nothing was changed. "
                "Please try again, or tell whoever runs the site."
            )
            % {"kind": kind}
        ) from None
