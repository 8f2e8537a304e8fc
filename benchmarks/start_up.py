"""The start of a site with many models, in fresh processes: ``python -m benchmarks.start_up with|without``."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from time import process_time
from typing import IO

import django
from django.conf import settings

from . import child
from .figures import Figure

BAR = 30
MODELS = 200
APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "benchmarks.many",
]


def measure(times: int) -> Figure:
    for side in ("with", "without"):
        _start(side)  # the first one compiles
    pairs = [(_start("with"), _start("without")) for _ in range(times)]
    return Figure(
        work="start_up",
        title=f"django.setup() with {MODELS} registered models",
        rows=MODELS,
        ours=statistics.median(ours for ours, _ in pairs),
        beside=statistics.median(beside for _, beside in pairs),
        measured_in="ms",
        figure=statistics.median(ours - beside for ours, beside in pairs),
        unit="ms",
        bar=BAR,
        note=f"processor time, so that others on the machine do not count; {times} pairs",
    )


def _start(side: str) -> float:
    # With bytecode, as pip makes it for what it installs: compiling the source takes longer than all the rest.
    return child.run(side, "benchmarks.start_up", DJANGO_SETTINGS_MODULE="", PYTHONDONTWRITEBYTECODE="")


def profile(file: IO[str]) -> None:
    """Write what the import of each module of the package takes; the rest is ready()."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "benchmarks.start_up", "with"],
        cwd=child.ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    file.write("import time: self [us] | cumulative | imported package\n")
    file.writelines(f"{line}\n" for line in done.stderr.splitlines() if " gdpr_assist" in line)


def main(side: str) -> None:
    settings.configure(
        INSTALLED_APPS=["gdpr_assist", *APPS] if side == "with" else APPS,
        DATABASES={
            alias: {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"} for alias in ("default", "gdpr_log")
        },
        DATABASE_ROUTERS=["gdpr_assist.routers.EventLogRouter"] if side == "with" else [],
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        SECRET_KEY="only for benchmarks",
        USE_TZ=True,
    )
    start = process_time()
    django.setup()
    json.dump((process_time() - start) * 1000, sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1])
