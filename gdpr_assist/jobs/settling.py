"""What became of a job of which nothing is heard, and the end of what is over. A worker that only slept cannot go on.

A job may be called broken off only if it can never be done afterwards. Its row says so: an erasure locks it in its own
transaction, and goes on only if it is running; an export looks at each piece.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any

from django.db import OperationalError, transaction
from django.db.models import QuerySet
from django.utils import timezone

from ..conf import export_storage, log_database
from ..databases.aliases import data_aliases
from ..databases.locks import is_busy
from ..log.exports import break_off
from ..log.history import is_readable
from ..log.receipts import took_effect
from ..log.writing import parts_of
from ..tables import Job, Operation
from . import files
from .keeping import Clock, Said, end, jobs, leave, remove, using

logger = logging.getLogger(__name__)

# Of a worker that is alive much is heard.
SILENCE = timedelta(minutes=1)


def settle(job: Job) -> Job:
    """Find out what became of a job of which nothing was heard for a while, and note it; return the job as it is now.

    Whoever has its row locked is in the transaction of its erasure: then it is running, and nobody waits.
    """
    if job.state != Job.RUNNING or not _silent().filter(pk=job.pk).exists():
        return job
    try:
        with transaction.atomic(using=using()):
            if now := _silent().select_for_update(nowait=True).filter(pk=job.pk).first():
                _give_up(now)
    except OperationalError as error:
        if not is_busy(error, using()):
            raise
    return jobs().filter(pk=job.pk).first() or job


def failed(job: Job, said: Said) -> None:
    """End a job after an error. Where its erasure took effect all the same, it is done, and says what was left out."""
    state = _fate(job)
    if job.is_export:
        _drop_export(job)
    if state != Job.RUNNING:  # else it is found out later
        end(job, Job.FAILED if state == Job.BROKEN else state, said)


def sweep() -> int:
    """Settle what nothing is heard of, and remove the jobs that are over, with their files; return how many.

    One that waited in vain is kept for as long again, to say so. Raises nothing: these are the jobs of all users, and
    no page may fail for them. What fails is tried again.
    """
    settled(_tried(list, _silent()) or [])
    over = jobs().filter(expires__lt=timezone.now())
    for job in _tried(list, over.filter(state=Job.WAITING)) or []:
        _tried(leave, job)
    over = over.exclude(state__in=[Job.WAITING, Job.RUNNING])
    return sum(bool(_tried(_remove, job)) for job in _tried(list, over) or [])


def settled(several: Iterable[Job]) -> list[Job]:
    """Return the jobs as they are now; one that cannot be settled as it was."""
    return [_tried(settle, each) or each for each in several]


def _tried(act: Callable[[Any], Any], what: Any) -> Any:
    try:
        return act(what)
    except Exception as error:  # noqa: BLE001  (whatever a database or a storage raises)
        logger.error("Work in the background could not be settled (%s). It is tried again.", type(error).__name__)
        return None


def _remove(job: Job) -> bool:
    is_gone = not job.file or _drop_file(job)
    if is_gone:
        remove(job)
    return is_gone


def _silent() -> QuerySet[Job]:
    return jobs().filter(state=Job.RUNNING, seen__lt=Clock() - SILENCE)


def _give_up(job: Job) -> None:
    """End a job, whose row is locked, as its receipts and its row say."""
    state = _fate(job)
    if state == Job.RUNNING:
        return
    if job.is_export:
        _drop_export(job)
    end(job, state)


def _fate(job: Job) -> str:
    """Return what became of the job, as a state: broken off if nothing of it was done, running if nobody can tell yet.

    Its row has the phase that was committed with the erasure; on several databases, the receipts tell what is done.
    """
    if job.is_export:
        return Job.BROKEN
    phase = jobs().filter(pk=job.pk).values_list("phase", flat=True).first()
    by_row = Job.DONE if phase == Job.COMMITTED else Job.BROKEN
    found = {id_: took_effect(id_, alias) for id_, alias in _logged(job.pk).items()}
    if None in found.values():
        return Job.RUNNING
    if not any(found.values()):
        return by_row  # of an erasure of nothing there is no receipt
    return Job.DONE if found.get(job.pk) else Job.PARTLY


def _logged(operation: uuid.UUID) -> dict[uuid.UUID, str]:
    """Return {id: alias} of the parts of ``operation`` that are in the log, as each is before its COMMIT."""
    if log_database() is None or not is_readable():
        return {}
    ids = {id_ for several in parts_of(operation, data_aliases()).values() for id_ in several}
    return dict(Operation.objects.using(log_database()).filter(pk__in=ids).values_list("pk", "using"))


def _drop_export(job: Job) -> None:
    break_off(job.pk)
    if job.file:
        _drop_file(job)


def _drop_file(job: Job) -> bool:
    return export_storage() is not None and files.delete(job.file)
