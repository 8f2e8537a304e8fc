"""What a worker does with a job: just what the page would have done, by the same functions. Knows no queue.

There is no request: one is made with the user, the address and what was posted, and nothing else. The user, and what
she may do, are read now.
"""

from __future__ import annotations

import logging
import traceback
import uuid
from contextlib import ExitStack
from functools import partial
from tempfile import TemporaryFile
from typing import Any

from django.contrib import messages
from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, QueryDict
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from ..exceptions import AnonymiseError, ExportError, PartlyErased
from ..export.archive import new_reference
from ..jobs import files, keeping, settling
from ..jobs.heartbeat import Heartbeat
from ..jobs.keeping import Said
from ..sensitive import sensitive
from ..tables import Job, PersonalData
from ..undocumented import admin_of, admin_sites
from . import anonymising, over, person_view, search_export
from .asked import PURPOSES, Asked, Choice, OverError, restored
from .course import Course
from .denied import Denied, Lacking, Refused
from .download import pieces_of
from .operations import AnsweredRequest
from .permissions import SEARCH, asked_for
from .refusals import REFUSALS, for_the_site, told
from .selection import SelectionError

logger = logging.getLogger(__name__)

KINDS: dict[str, type[Asked]] = {purpose: kind for kind, purpose in PURPOSES.items()}


# Method of an AdminSite whose ``has_permission`` asks for more than ``request.user``
WITHOUT_SESSION = "has_permission_without_session"


class GivenUpError(Exception):
    """Somebody has noted that this job is not running: nothing was heard of it for too long."""


@sensitive
def run_job(id_: str) -> None:
    """Do a job, once however often its id is delivered, and note how it ended.

    Raises nothing: a queue would keep what an error says, which may be what a row holds.
    """
    try:
        if job := keeping.claim(uuid.UUID(id_)):
            _run(job)
    except Exception as error:  # noqa: BLE001  (whatever is no id, or a database raises)
        kind = type(error).__name__
        logger.error("A job could not be begun or its end not be noted (%s). Its page says what became of it.", kind)


def _run(job: Job) -> None:
    with ExitStack() as spoken:
        try:
            said = _done(job, spoken)
        except PartlyErased as error:
            keeping.end(job, Job.PARTLY, for_the_site(error))
        except Exception as error:  # noqa: BLE001  (whatever a project's code or a database may raise)
            settling.failed(job, _why(job, error))
        else:
            if not keeping.end(job, Job.DONE, said):
                settling.failed(job, said)


def _done(job: Job, spoken: ExitStack) -> Said:
    """Do it, in the language and time zone of the request, which ``spoken`` keeps for what is said of an error."""
    user = get_user_model()._default_manager.filter(pk=job.user).first()
    content = keeping.content_of(job, user) if user is not None else None
    if content is None:
        raise OverError(_("What was asked for cannot be read any more."))
    spoken.enter_context(translation.override(content["language"]))
    spoken.enter_context(timezone.override(content["zone"]))
    tool = _tool(job.site)
    request = _request(user, content)
    if not _may_log_in(tool.admin_site, request):
        raise SelectionError(_("You may not log in here any more."))
    if not tool.has_view_permission(request):
        raise Denied(SEARCH)
    asked = restored(KINDS[content["purpose"]], content["asked"])
    if job.is_export:
        return _export(job, tool, request, asked)
    said = _erase(job, tool, request, asked)
    over.forgotten(tool, request, asked, content["errand"], job.pk)
    return said


def _request(user: Any, content: dict[str, Any]) -> HttpRequest:
    request = AnsweredRequest()
    request.method = "POST"
    request.user = user
    request.path = request.path_info = content["path"]
    request.POST = QueryDict(content["posted"])
    return request


def _tool(name: str) -> Any:
    """Return the admin of the tool on the site of this name."""
    reverse("admin:index", current_app=name)  # loads the project's URLs, and with them its sites
    return next(admin_of(site, PersonalData) for site in admin_sites() if site.name == name)


def _may_log_in(site: Any, request: HttpRequest) -> bool:
    """Ask the site as it is to be asked of requests without a session, else as it is asked of each."""
    decide = getattr(site, WITHOUT_SESSION, site.has_permission)
    try:
        return bool(decide(request))
    except AttributeError:
        text = _(
            "A worker cannot tell whether you may log in here, as it has no session. Tell whoever runs the site: "
            "%(method)s() is missing."
        )
        raise SelectionError(text % {"method": WITHOUT_SESSION}) from None


def _erase(job: Job, tool: Any, request: HttpRequest, asked: Any) -> Said:
    erase_again: Any = (person_view if isinstance(asked, Choice) else anonymising).erase_again
    with ExitStack() as held, Heartbeat(job, lambda: 0) as heartbeat:

        def begins() -> None:
            heartbeat.stop()
            keeping.note(job, phase=Job.WORKING)

        course = Course(begins=begins, within=partial(keeping.commit_with, job, held))
        said: Said = erase_again(tool, request, asked, job.pk, course)
    return said


def _export(job: Job, tool: Any, request: HttpRequest, asked: Any) -> Said:
    """Write the zip to a file that nobody else can open, and that goes with the process; store it when it is whole."""
    export_again: Any = (person_view if isinstance(asked, Choice) else search_export).export_again
    counts: dict[str, int] = {}
    said: Said
    keeping.note(job, phase=Job.WORKING)
    with Heartbeat(job, lambda: sum(counts.values())) as heartbeat, TemporaryFile() as file:
        stream, said = export_again(tool, request, asked)
        for piece in pieces_of(request, stream, new_reference(), counts, job.pk):
            if heartbeat.is_given_up:
                raise GivenUpError
            file.write(piece)
        file.seek(0)
        job.file = files.new_name()
        if not keeping.note(job, file=job.file, done=sum(counts.values())):
            raise GivenUpError
        job.file = files.save(job.file, file)
    keeping.note(job, file=job.file)
    return said


def _why(job: Job, error: Exception) -> Said:
    """Return what the page says of an error: where it was, and nothing that a row may hold.

    What has become of the rows, or of the file, it says by itself.
    """
    if isinstance(error, (AnonymiseError, ExportError)):
        return for_the_site(error)
    more = for_the_site(error) if isinstance(error, Refused) else []
    return [(messages.ERROR, _text(job, error)), *more]


def _text(job: Job, error: Exception) -> str:
    if isinstance(error, (Denied, Lacking)):
        names = [f"gdpr_assist.{each}" for each in asked_for(error.what)] if isinstance(error, Denied) else []
        missing = " / ".join(names) or str(error)
        return _("You have not, or not any more, the permission for this: %(names)s.") % {"names": missing}
    if isinstance(error, PermissionDenied):
        text = _("Some of these rows are not, or not any more, for you to see or to change.")
        return text if isinstance(error, Refused) else f"{text} {type(error).__name__}"
    if isinstance(error, (*REFUSALS, OverError)):
        return told(error)
    frame = traceback.extract_tb(error.__traceback__)[-1]
    logger.error("Job %s: %s (line %s of %s).", job.pk, type(error).__name__, frame.lineno, frame.name)
    return _("It broke off (%(kind)s). Tell whoever runs the site; the log has more.") % {"kind": type(error).__name__}
