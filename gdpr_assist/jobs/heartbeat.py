"""Says that a worker is alive, from a thread with a connection of its own. Writes nothing but that."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event, Thread
from typing import Any

from django.db import Error, connections

from ..tables import Job
from .keeping import note, using

# In seconds
INTERVAL = 3.0


class Heartbeat:
    """Within the block, notes every few seconds that the job is running, and how many rows are done.

    A beat that cannot be written is left out: SQLite has one writer, and none may wait for this. Nothing beats in the
    transaction of an erasure, which locks the row of the job: ``stop`` ends it before.
    """

    def __init__(self, job: Job, done: Callable[[], int]) -> None:
        self._job = job
        self._done = done
        self._is_over = Event()
        self._is_given_up = Event()
        self._thread = Thread(target=self._beat, name=f"gdpr_assist job {job.pk}", daemon=True)

    @property
    def is_given_up(self) -> bool:
        """Whether somebody has said that the job is not running."""
        return self._is_given_up.is_set()

    def __enter__(self) -> Heartbeat:
        self._thread.start()
        return self

    def __exit__(self, *error: Any) -> None:
        self.stop()

    def stop(self) -> None:
        self._is_over.set()
        self._thread.join()

    def _beat(self) -> None:
        while not self._is_over.wait(INTERVAL):
            try:
                if not note(self._job, done=self._done()):
                    self._is_given_up.set()
            except Error:
                connections[using()].close_if_unusable_or_obsolete()
        connections[using()].close()
