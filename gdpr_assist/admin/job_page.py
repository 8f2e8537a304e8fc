"""The page of a job: how far it is, what became of it, and its zip for whoever asked for it. Starts none."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.apps import apps
from django.contrib import messages
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ..jobs import files, keeping, settling
from ..log.exports import labels_of, reference_of
from ..tables import Job
from . import operations
from .background import led
from .denied import Denied, denial
from .download import Pieces, sent
from .permissions import EXPORT, may_view

TEMPLATES = ["admin/gdpr_assist/personaldata/job.html"]

# A worker that is free takes a job at once, so if none has for so long, the page says whom to tell.
PATIENCE = timedelta(minutes=5)

# {whether it is an export: {phase: what is done in it}}, in their order
PHASES = {
    False: {
        "": gettext_lazy("Wait for a worker"),
        Job.CHECKING: gettext_lazy("Look again at what is to be erased, and whether you may"),
        Job.WORKING: gettext_lazy("Erase, in one transaction: all of it or nothing"),
        Job.COMMITTED: gettext_lazy("Look for what is left, if that was asked for"),
    },
    True: {
        "": gettext_lazy("Wait for a worker"),
        Job.CHECKING: gettext_lazy("Look again whether you may"),
        Job.WORKING: gettext_lazy("Write the rows"),
    },
}

NOTHING_CHANGED = gettext_lazy("Nothing was changed. You can do it again.")
NO_FILE = gettext_lazy("There is no file. You can do it again.")

# {(whether it is an export, state): (what has become of it, level of the message)}
ENDS = {
    (False, Job.DONE): (gettext_lazy("It is done."), messages.SUCCESS),
    (False, Job.PARTLY): (
        gettext_lazy("It is done on some databases and not on others. Erase the same again: that finishes it."),
        messages.ERROR,
    ),
    (False, Job.FAILED): (NOTHING_CHANGED, messages.ERROR),
    (False, Job.BROKEN): (
        gettext_lazy("The worker ended before it was done, and all was rolled back. Nothing was changed."),
        messages.ERROR,
    ),
    (False, Job.NEVER): (
        gettext_lazy("It was never begun: nothing was changed. You can do it again."),
        messages.WARNING,
    ),
    (True, Job.DONE): (gettext_lazy("The file is complete."), messages.SUCCESS),
    (True, Job.FAILED): (NO_FILE, messages.ERROR),
    (True, Job.BROKEN): (
        gettext_lazy("The worker ended before the file was complete. There is no file. You can do it again."),
        messages.ERROR,
    ),
    (True, Job.NEVER): (
        gettext_lazy("It was never begun: there is no file. You can do it again."),
        messages.WARNING,
    ),
}


@dataclass(frozen=True, kw_only=True)
class Step:
    """A phase, as the page lists it."""

    text: str
    is_done: bool
    is_now: bool


def about_job(tool: Any, request: HttpRequest, id_: UUID) -> HttpResponseBase:
    """Return the page of a job of this user; for a POST, its zip, or what withdraws it.

    Raises ``Http404`` where there is none.
    """
    settling.sweep()
    job = keeping.find(request.user, tool.admin_site.name, id_)
    if job is None:
        raise Http404
    (job,) = settling.settled([job])
    if request.method == "POST":
        act = _withdrawn if request.POST.get("action") == "withdraw" else _zip
        return act(tool, request, job)
    return _page(tool, request, job)


def _withdrawn(tool: Any, request: HttpRequest, job: Job) -> HttpResponseBase:
    if not keeping.leave(job):
        text = _("This was begun or ended in the meantime: it cannot be withdrawn.")
        tool.message_user(request, text, messages.WARNING)
    return led(tool, job)


def _zip(tool: Any, request: HttpRequest, job: Job) -> HttpResponseBase:
    """Send the zip, and delete it once it was sent whole: until then it can be sent again.

    What the user may see is asked anew, as a day may have passed since: of each model, not of each row.
    """
    if not tool.has_export_permission(request):
        raise Denied(EXPORT)
    labels = labels_of(job.pk)
    for model in apps.get_models():
        if model._meta.label in labels and not may_view(request, tool.admin_site, model):
            raise denial(request, model, "view")
    if job.state != Job.DONE or not job.file:
        tool.message_user(request, _("There is no file, or it was fetched before."), messages.WARNING)
        return led(tool, job)
    try:
        size, pieces = files.size(job.file), files.read(job.file)
    except Exception:  # noqa: BLE001  (each storage raises errors of its own)
        tool.message_user(request, _("The file could not be read. Please try again later."), messages.ERROR)
        return led(tool, job)

    def whole() -> Pieces:
        yield from pieces
        (keeping.let_go if files.delete(job.file) else keeping.expire)(job)

    return sent(request, whole(), reference_of(job.pk), job.created, size)


def _page(tool: Any, request: HttpRequest, job: Job) -> TemplateResponse:
    is_over = job.state not in (Job.WAITING, Job.RUNNING)
    text, level = ENDS.get((job.is_export, job.state), ("", messages.INFO))
    context = {
        "title": _("Export in the background") if job.is_export else _("Erasure in the background"),
        "job": job,
        "is_over": is_over,
        "is_late": job.state == Job.WAITING and job.created < timezone.now() - PATIENCE,
        "end": text,
        "end_level": messages.DEFAULT_TAGS[level],
        "said": [(messages.DEFAULT_TAGS.get(level, ""), text, "".join(lang)) for level, text, *lang in job.said],
        "steps": list(_steps(job)),
        # Rows come and go while it is written.
        "total": max(job.total, job.done),
        "has_file": job.state == Job.DONE and bool(job.file),
        "own_url": tool.own_url(),
        "action_url": request.path,
        "operation_url": _operation(tool, request, job),
    }
    page: TemplateResponse = tool.render(request, TEMPLATES, context)
    return page


def _steps(job: Job) -> Iterator[Step]:
    phases = PHASES[job.is_export]
    is_over = job.state == Job.DONE
    now = list(phases).index(job.phase)
    for number, text in enumerate(phases.values()):
        is_now = number == now and not is_over
        yield Step(text=str(text), is_done=is_over or number < now, is_now=is_now)


def _operation(tool: Any, request: HttpRequest, job: Job) -> str | None:
    """Return the page of what the job has erased, None where there is none, or none for this user."""
    if job.is_export or not operations.is_done(job.pk):
        return None
    return operations.url_of(request, tool.admin_site, job.pk)
