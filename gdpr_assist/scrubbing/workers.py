"""Processes that scrub parts of tables at once: of this machine, or the workers of the site's queue."""

from __future__ import annotations

import time
from collections.abc import Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, replace
from multiprocessing import get_context
from typing import Any, Protocol

from django.utils.module_loading import import_string

from ..conf import task_backend
from ..exceptions import AnonymiseError
from .parts import Done, Part, do_part
from .process import begin

# By its name, as a queue knows it
TASK = "gdpr_assist.tasks.scrub_part"

# In a row, after which it is no accident any more
MOST_DEATHS = 3

# How many parts lie in a queue at once: as many of its workers can be busy
IN_QUEUE = 32

# In seconds: how often a queue is looked at, and when the command does itself what no worker has done
INTERVAL = 0.1
PATIENCE = 60.0

Result = tuple[Part, Done]


class Hands(Protocol):
    """Whoever does parts of tables."""

    room: int
    """How many parts it takes at once."""

    gives_once: bool
    """Whether a part is begun by one of them only, as long as it is not said to be another time."""

    def take(self, part: Part) -> None: ...

    def finished(self) -> list[Result]:
        """Wait until at least one of the parts that were taken is done, and return those that are."""
        ...

    def close(self) -> list[Result]:
        """Begin no part any more, wait for those that are begun, and return what became of these."""
        ...


class Workers:
    """Processes of this machine. Where one dies, its parts are taken again by others."""

    gives_once = True

    def __init__(self, number: int) -> None:
        self._number = number
        self.room = 2 * number  # so that nobody waits for the next part
        self._pool = self._new_pool()
        self._taken: dict[Future[Done], Part] = {}
        self._lost: list[Part] = []
        self._deaths = 0

    def _new_pool(self) -> ProcessPoolExecutor:
        # Not forked: a connection of the command would be one of theirs, too.
        return ProcessPoolExecutor(self._number, mp_context=get_context("spawn"), initializer=begin)

    def take(self, part: Part, *, is_first: bool = True) -> None:
        order = replace(part, is_first=part.is_first and is_first)
        try:
            self._taken[self._pool.submit(do_part, order)] = part
        except BrokenProcessPool:
            self._lost.append(part)

    def finished(self) -> list[Result]:
        while True:
            results = self._results(wait(self._taken, return_when=FIRST_COMPLETED).done)
            if self._lost:
                results += self._replace()
            if results:
                self._deaths = 0
                return results

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
        """Have new processes take what was lost; when one dies, the pool stops all of them. Return what was done."""
        self._pool.shutdown(wait=True)
        results = self._results(self._taken)
        lost, self._lost = self._lost, []
        self._deaths += 1
        if self._deaths > MOST_DEATHS:
            raise AnonymiseError(
                f"{MOST_DEATHS + 1} processes in a row have ended before they had done a part of "
                f"{', '.join(sorted({part.label for part in lost}))}. Is there memory for them, and does python "
                "manage.py check pass? Take fewer (--workers), or leave --workers out."
            )
        self._pool = self._new_pool()
        for part in lost:
            self.take(part, is_first=False)
        return results

    def close(self) -> list[Result]:
        self._pool.shutdown(wait=True, cancel_futures=True)
        return self._results([each for each in self._taken if not each.cancelled()])


class Queue:
    """The workers of ``GDPR_TASK_BACKEND``. What none of them does in time, the command does itself."""

    room = IN_QUEUE
    gives_once = False

    def __init__(self) -> None:
        self._taken: dict[Part, tuple[Any, float]] = {}

    def take(self, part: Part) -> None:
        try:
            result = import_string(TASK).using(backend=task_backend()).enqueue(asdict(part))
        except Exception as error:  # noqa: BLE001  (whatever the package of a queue raises)
            raise AnonymiseError(
                f"The backend {task_backend()!r} of GDPR_TASK_BACKEND did not take a part ({type(error).__name__})."
            ) from None
        self._taken[part] = result, time.monotonic()

    def finished(self) -> list[Result]:
        while True:
            results = self._results()
            if results:
                return results
            time.sleep(INTERVAL)

    def _results(self) -> list[Result]:
        results = []
        for part, (result, since) in list(self._taken.items()):
            done = _done(result)
            if done is None and time.monotonic() - since > PATIENCE:
                done = do_part(part)  # which waits for a worker that is at it, and finds what was done
                if done.is_busy:
                    self._taken[part] = result, time.monotonic()
                    continue
            if done is not None:
                del self._taken[part]
                results.append((part, done))
        return results

    def close(self) -> list[Result]:
        """What lies in the queue finds nothing to do when the run has ended."""
        return self._results()


def _done(result: Any) -> Done | None:
    """Return what a worker says that became of its part; None as long as it says nothing."""
    try:
        result.refresh()
        return Done(**result.return_value) if result.is_finished else None
    except Exception:  # noqa: BLE001  (whatever the package of a queue raises; the command does the part in the end)
        return None
