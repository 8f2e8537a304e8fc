"""What has to be done in a process of its own: ``python -m benchmarks.child WORK``. Prints the answer as JSON."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import django

ROOT = Path(__file__).parent.parent


def run(work: str, module: str = "benchmarks.child", **environment: str) -> Any:
    """Start a child for ``work`` and return its answer. Raises ``RuntimeError`` with what it wrote if it fails."""
    done = subprocess.run(
        [sys.executable, "-m", module, work],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{work} in a child process failed:\n{done.stderr}")
    return json.loads(done.stdout)


def peak_memory(process: str = "self") -> float:
    """Return the most memory that a process ever had, in MiB; of another one on Linux only.

    Not by getrusage where it can be helped: Linux lets a child begin with the peak of its parent.
    """
    status = Path(f"/proc/{process}/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) / 1024
    size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return size / 2**20 if sys.platform == "darwin" else size / 1024


def memory_of_workers(work: Callable[[], Any]) -> float:
    """Return the peak of the largest process that scrubs parts of tables; of this one where there is none (SQLite)."""
    from gdpr_assist.scrubbing.workers import Workers  # noqa: PLC0415  (the other child runs without the app)

    peaks, close = [], Workers.close

    def looked_at(self: Workers) -> Any:
        peaks.extend(peak_memory(str(pid)) for pid in self._pool._processes)
        return close(self)

    with mock.patch.object(Workers, "close", looked_at):
        work()
    return max(peaks, default=peak_memory())


def memory_of(work: Callable[[], Any]) -> float:
    work()
    return peak_memory()


def export(format: str) -> None:
    from gdpr_assist.export.archive import write_zip  # noqa: PLC0415  (the other child runs without the app)

    from .models import Person  # noqa: PLC0415

    with tempfile.TemporaryFile() as file:
        write_zip(file, [(Person, Person.objects.all())], format=format)


def main(work: str) -> None:
    django.setup()
    from . import counting, pairs  # noqa: PLC0415  (models, so after setup)

    works: dict[str, Callable[[], Any]] = {
        "anonymise_db": lambda: memory_of(pairs.anonymise_db),
        "workers": lambda: memory_of_workers(partial(pairs.anonymise_several, workers=2, batch_size=20_000)),
        "queryset": lambda: memory_of(pairs.anonymise_found),
        "export": lambda: memory_of(partial(export, "csv")),
        "export_json": lambda: memory_of(partial(export, "json")),
        "export_complete": lambda: memory_of(partial(export, "complete")),
        "person": lambda: memory_of(counting.erase_citizen),
        "history": lambda: memory_of(counting.erase_citizen),
        "plain_deletes": counting.plain_deletes,
    }
    json.dump(works[work](), sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1])
