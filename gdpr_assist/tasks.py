"""The task that a queue runs, as Django's Tasks know it. Does nothing by itself.

Without ``GDPR_TASK_BACKEND`` it is a plain function: some queues import the ``tasks.py`` of each app.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .conf import task_backend
from .loading import at_first_call
from .queues import tasks

if TYPE_CHECKING:
    from .admin.job_run import run_job
else:
    run_job = at_first_call("gdpr_assist.admin.job_run.run_job")


def run(job: str) -> None:
    """Do the work with this id; it is in the table of ``Job``, and nothing but the id is in the queue."""
    run_job(job)


if task_backend() is not None:
    run = tasks().task(backend=task_backend())(run)
