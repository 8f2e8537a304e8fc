"""A job from the request that starts it to its end: its row, and what it is about as an errand. Runs none of them.

The queue gets the id of the row alone. The key of the errand is made from the id and SECRET_KEY: neither the queue nor
the tables open it.
"""

from __future__ import annotations

import uuid
from base64 import urlsafe_b64encode
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from datetime import timedelta
from typing import Any

from django.db import connections, router, transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _

from .. import errands
from ..exceptions import AnonymiseError
from ..sensitive import sensitive
from ..tables import Job

# For what it was asked, and after its end for what it made
VALID = timedelta(hours=24)

PLACE = "job"

# What is said in the end: (level of the message, text), and the language of a text that is not in that of the page
Said = Sequence[tuple[int, str] | tuple[int, str, str]]


class Clock(Now):
    """The clock of the database, which is one for all workers and web servers; UTC, so that no hour is there twice."""

    def as_mysql(self, compiler: Any, connection: Any, **more: Any) -> Any:
        return self.as_sql(compiler, connection, template="UTC_TIMESTAMP(6)", **more)


def using() -> str:
    """Return the alias of the jobs: a replica may not have yet what was just written."""
    return router.db_for_write(Job)


def jobs() -> QuerySet[Job]:
    return Job.objects.using(using())


@sensitive
def start(content: dict[str, Any], *, id_: uuid.UUID, user: Any, site: str, is_export: bool, total: int) -> Job:
    """Keep ``content``, what JSON can hold, and return its job, which waits for a worker.

    Raises ``IntegrityError`` if there is a job with this id.
    """
    job = Job(id=id_, user=str(user.pk), site=site, is_export=is_export, total=total)
    job.expires = job.created + VALID
    with transaction.atomic(using=using()):
        job.save(using=using(), force_insert=True)
        errands.store(content, user=user, place=PLACE, secret=_secret(job), valid=VALID)
    return job


def find(user: Any, site: str, id_: uuid.UUID) -> Job | None:
    """Return the job, None if it is over, another user's, or of another site."""
    is_valid = Q(expires__gte=timezone.now()) | Q(state__in=[Job.WAITING, Job.RUNNING])
    return of_user(user, site).filter(is_valid, pk=id_).first()


def of_user(user: Any, site: str) -> QuerySet[Job]:
    """Return the jobs that this user has started on this site of the admin, the newest first."""
    return jobs().filter(user=str(user.pk), site=site).order_by("-created", "-pk")


def claim(id_: uuid.UUID) -> Job | None:
    """Return the job if it was waiting; it is running then. Whoever else claims it gets None."""
    waiting = jobs().filter(pk=id_, state=Job.WAITING, expires__gte=timezone.now())
    is_ours = waiting.update(state=Job.RUNNING, phase=Job.CHECKING, seen=Clock())
    return jobs().get(pk=id_) if is_ours else None


@sensitive
def content_of(job: Job, user: Any) -> dict[str, Any] | None:
    """Return what the job is about; None if that cannot be read any more."""
    return errands.read(_secret(job), user=user, place=PLACE)


def note(job: Job, **values: Any) -> bool:
    """Write ``values`` to the job, and that it was heard of, if it is still running; return whether it is."""
    return bool(jobs().filter(pk=job.pk, state=Job.RUNNING).update(seen=Clock(), **values))


def commit_with(job: Job, held: ExitStack) -> None:
    """Called in the transaction of an erasure: have that committed only if the job is still running then.

    The row is locked until the end of the transaction: of one around this call, or of one that ends with ``held``.
    Whoever gets the lock afterwards reads in it whether the erasure was committed. Raises ``AnonymiseError`` if the
    job was given up meanwhile, as nothing was heard of it.
    """
    if not connections[using()].in_atomic_block:
        held.enter_context(transaction.atomic(using=using()))
    if not note(job, phase=Job.COMMITTED):
        raise AnonymiseError(_("Nothing was heard of this work for too long, and it was given up."))


def end(job: Job, state: str, said: Said = ()) -> bool:
    """Note how the job ended, and forget what it was about. Return False if it was given up meanwhile."""
    running = jobs().filter(pk=job.pk, state__in=[Job.RUNNING, state])
    is_noted = running.update(state=state, said=list(said), seen=Clock(), expires=timezone.now() + VALID)
    forget([job])
    return bool(is_noted)


def withdraw(job: Job) -> bool:
    """Remove a job that nobody has begun, and what it is about; return False, and leave both, if a worker has it."""
    removed, _models = jobs().filter(pk=job.pk, state=Job.WAITING).delete()
    if removed:
        forget([job])
    return bool(removed)


def leave(job: Job) -> bool:
    """Note that a job will never be begun, and forget what it is about; return False, and do neither, if it was."""
    waiting = jobs().filter(pk=job.pk, state=Job.WAITING)
    is_noted = waiting.update(state=Job.NEVER, expires=timezone.now() + VALID)
    if is_noted:
        forget([job])
    return bool(is_noted)


def remove(job: Job) -> None:
    """Remove a job, and what it is about; its file is gone by then."""
    jobs().filter(pk=job.pk).delete()
    forget([job])


def let_go(job: Job) -> None:
    """Note that the job has no file any more."""
    jobs().filter(pk=job.pk).update(file="")


def expire(job: Job) -> None:
    """Have what is left of a job, as a file that could not be deleted, removed at the next sweep."""
    jobs().filter(pk=job.pk).update(expires=timezone.now())


def forget(several: Iterable[Job]) -> None:
    errands.drop(map(_secret, several))


def empty(alias: str) -> None:
    """Remove all jobs of a database: a copy of it has none. Their files belong to the original."""
    if router.allow_migrate_model(alias, Job):
        Job.objects.using(alias).all().delete()


def _secret(job: Job) -> str:
    """Return the id of the errand of the job: what ``errands.ID`` matches, and nobody knows without SECRET_KEY.

    With the time it is another one where the same page is posted again, as no queue took it the first time.
    """
    made_of = f"{job.pk.hex} {job.created.timestamp()}"
    digest = salted_hmac("gdpr_assist.job", made_of, algorithm="sha256").digest()
    return urlsafe_b64encode(digest).decode().rstrip("=")
