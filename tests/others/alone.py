"""Runs tests in a process of their own, as apps cannot be added to one that has its tables."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def run_alone(settings, tests, *options):
    """Run the module ``tests`` with the module ``settings``, both of this package, on SQLite; fail as it does."""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    others = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "TEST_"))}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", f"--ds=tests.others.{settings}", *options, f"tests/others/{tests}.py"],
        cwd=ROOT,
        env={**others, "DB": "sqlite", "PYTHONPATH": path},  # which takes a key to a table that is still to come
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-10_000:] + done.stderr
