"""The tasks that a queue runs, as Django's Tasks know it. Does nothing by itself.

Without ``GDPR_TASK_BACKEND`` they are plain functions: some queues import the ``tasks.py`` of each app.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .conf import task_backend
from .loading import at_first_call
from .queues import tasks

if TYPE_CHECKING:
    from .admin.job_run import run_job
    from .scrubbing.parts import do_posted
else:
    run_job = at_first_call("gdpr_assist.admin.job_run.run_job")
    do_posted = at_first_call("gdpr_assist.scrubbing.parts.do_posted")


def run(job: str) -> None:
    """Do the work with this id; it is in the table of ``Job``, and nothing but the id is in the queue."""
    run_job(job)


def scrub_part(part: dict[str, Any]) -> dict[str, Any]:
    """Do a part of an ``anonymise_db --enqueue``, and return what became of it. It does no harm to do one twice."""
    return do_posted(part)


if task_backend() is not None:
    task = tasks().task(backend=task_backend())
    run, scrub_part = task(run), task(scrub_part)
