"""Processes that scrub parts of tables at once: of this machine, or the workers of the site's queue."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import asdict, replace
from multiprocessing import get_context
from typing import Any, Protocol

from django.db import Error
from django.utils.module_loading import import_string

from ..conf import task_backend
from ..exceptions import AnonymiseError
from ..log.identity import renew_database_id
from .parts import Done, Part, do_part
from .process import begin

# By its name, as a queue knows it
TASK = "gdpr_assist.tasks.scrub_part"

# Of processes over the same part, after which it is no accident any more
MOST_DEATHS = 3

# How many parts lie in a queue at once: as many of its workers can be busy
IN_QUEUE = 32

# In seconds: what lies between two looks at a queue; it is doubled each time that nothing is heard. A look asks for
# each part by itself, as backends have no question for several. No more than this share of the time goes into looking.
SHORTEST = 0.1
LONGEST = 2.0
SHARE = 0.1

# In seconds: when the command does itself what no worker has done
PATIENCE = 60.0
PATIENCE_ANEW = 600.0

Result = tuple[Part, Done]


class Hands(Protocol):
    """Whoever does parts of tables."""

    room: int
    """How many parts it takes at once."""

    gives_once: bool
    """Whether a part that is taken is begun by one of them only."""

    has_given_twice: bool
    """Whether a part may have been done by one of whom nothing was heard: then their counts are too low."""

    def take(self, part: Part) -> None: ...

    def finished(self) -> list[Result]:
        """Wait until at least one of the parts that were taken is done, and return those that are."""
        ...

    def close(self) -> list[Result]:
        """Begin no part any more, wait for those that are begun, and return what became of these."""
        ...


class Workers:
    """Processes of this machine. Where one dies, its parts are taken again by others.

    It takes a moment to start them. Until the first one has done something, the command does ranges itself, too; no
    table that is written anew, which may take long, and nobody would get another part meanwhile.
    """

    gives_once = True

    def __init__(self, number: int) -> None:
        self._number = number
        self.room = 2 * number  # so that nobody waits for the next part
        self.has_given_twice = False
        self._pool = self._new_pool()
        self._taken: dict[Future[Done], Part] = {}
        self._lost: list[Part] = []
        self._deaths: Counter[Part] = Counter()
        self._are_starting = True
        self._own: Part | None = None
        """What the command does itself if no process has done anything by then."""

    def _new_pool(self) -> ProcessPoolExecutor:
        # Not forked: a connection of the command would be one of theirs, too.
        return ProcessPoolExecutor(self._number, mp_context=get_context("spawn"), initializer=begin)

    def take(self, part: Part) -> None:
        can_be_own = self._are_starting and not part.is_anew and self._own is None
        if can_be_own and len(self._taken) >= self._number:
            self._own = part
        else:
            self._submit(part)

    def _submit(self, part: Part) -> None:
        try:
            self._taken[self._pool.submit(do_part, part)] = part
        except BrokenProcessPool:
            self._lost.append(part)

    def finished(self) -> list[Result]:
        while True:
            patience = None if self._own is None else 0
            results = self._results(wait(self._taken, timeout=patience, return_when=FIRST_COMPLETED).done)
            if self._lost:
                results += self._replace()
            self._are_starting = self._are_starting and not results
            own, self._own = self._own, None
            if own is not None and results:
                self._submit(own)
            elif own is not None:
                results = [(own, self._done_here(own))]
            if results:
                return results

    def _done_here(self, part: Part) -> Done:
        return do_part(part)

    def _results(self, done: Iterable[Future[Done]]) -> list[Result]:
        results = []
        for future in list(done):
            part = self._taken.pop(future)
            try:
                results.append((part, future.result()))
            except BrokenProcessPool:
                self._lost.append(part)
        return results

    def _replace(self) -> list[Result]:
        """Have new processes take what was lost; when one dies, the pool stops all of them. Return what was done.

        What is given up is told as a result: a part that was lost again and again, or of which nobody can tell.
        """
        self._pool.shutdown(wait=True)
        results = self._results(self._taken)
        lost, self._lost = self._lost, []
        self._pool = self._new_pool()
        self.has_given_twice = True
        for part in lost:
            self._deaths[part] += 1
            if why := self._why_given_up(part):
                results.append((part, Done(error=why)))
            else:
                self._submit(replace(part, is_first=False))
        return results

    def _why_given_up(self, part: Part) -> str:
        if not part.marks:
            return f"{part.label}: a process has ended, and as no row is marked, nobody can tell what it has done."
        if self._deaths[part] <= MOST_DEATHS:
            return ""
        return (
            f"{part.label}: {self._deaths[part]} processes, one after the other, have ended before they had done the "
            "same part. Is there memory for them, and does python manage.py check pass? Take fewer (--workers), or "
            "leave --workers out."
        )

    def close(self) -> list[Result]:
        # Of those that have nothing to do nobody waits until they have ended, too.
        self._pool.shutdown(wait=bool(self._taken), cancel_futures=True)
        return self._results([each for each in self._taken if not each.cancelled()])


class Queue:
    """The workers of ``GDPR_TASK_BACKEND``. What none of them does in time, the command does itself."""

    room = IN_QUEUE
    gives_once = False
    has_given_twice = True  # nobody can tell

    def __init__(self) -> None:
        self._taken: dict[Part, tuple[Any, float]] = {}
        self._heard = time.monotonic()
        self._last_look = 0.0  # how long it took, in seconds

    def take(self, part: Part) -> None:
        try:
            result = import_string(TASK).using(backend=task_backend()).enqueue(asdict(part))
        except Exception as error:  # noqa: BLE001  (whatever the package of a queue raises)
            raise AnonymiseError(
                f"A task could not be enqueued at the backend {task_backend()!r} of GDPR_TASK_BACKEND "
                f"({type(error).__name__})."
            ) from None
        self._taken[part] = result, time.monotonic()

    def finished(self) -> list[Result]:
        pause = SHORTEST
        while True:
            # At once there is nothing to hear yet.
            time.sleep(min(max(pause, self._last_look / SHARE), LONGEST))
            if results := self._heard_of():
                return results
            if overdue := next((part for part in self._taken if self._is_overdue(part)), None):
                return [(overdue, self._done_here(overdue))]
            pause *= 2

    def _heard_of(self) -> list[Result]:
        """Return what workers have done since."""
        began = time.monotonic()
        found = [(part, _done(result)) for part, (result, _) in self._taken.items()]
        self._last_look = time.monotonic() - began
        results = [(part, done) for part, done in found if done is not None]
        for part, _ in results:
            del self._taken[part]
            self._heard = time.monotonic()
        return results

    def _is_overdue(self, part: Part) -> bool:
        """Whether no worker seems to do it: a table that is written anew takes long, and its lock is waited for."""
        result, since = self._taken[part]
        now = time.monotonic()
        if part.is_anew:
            return now - since > PATIENCE_ANEW or _has_failed(result)
        return now - min(since, self._heard) > PATIENCE or _has_failed(result)

    def _done_here(self, part: Part) -> Done:
        """Do it, waiting for a worker that is at it after all: whatever that has done is not done again."""
        done = do_part(part)
        result, _ = self._taken.pop(part)
        return _done(result) or done

    def close(self) -> list[Result]:
        """Make the parts void that lie in the queue: the run gets another id, as soon as those that are begun end."""
        for using in {part.using for part in self._taken}:
            with suppress(Error):  # then the next run does so
                renew_database_id(using)
        return self._heard_of()


def _done(result: Any) -> Done | None:
    """Return what a worker says that became of its part; None as long as it says nothing."""
    try:
        result.refresh()
        return Done(**result.return_value) if result.is_finished else None
    except Exception:  # noqa: BLE001  (whatever the package of a queue raises; the command does the part in the end)
        return None


def _has_failed(result: Any) -> bool:
    """Return whether the task has ended without an answer, as where its worker was stopped."""
    return bool(result.is_finished)
