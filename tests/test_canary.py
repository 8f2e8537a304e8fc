"""The canary: of people with a token in every text column, some are erased. See tests/canary and CONTRIBUTING.rst."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROJECTS = ["example"]
# Not part of every test environment: see tests/canary/requirements.txt.
if importlib.util.find_spec("simple_history"):
    PROJECTS.append("packages")


@pytest.mark.parametrize("project", PROJECTS)
def test_nothing_of_the_erased_is_left_and_nothing_of_others_is_lost(project, record_property):
    """In a process of its own, as the project has settings of its own."""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    seed = {} if "AT_RANDOM" in os.environ else {"CANARY_SEED": "1"}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "tests.canary", project],
        cwd=ROOT,
        env={"CANARY_PEOPLE": "300", **seed, **os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    record_property("canary", done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
