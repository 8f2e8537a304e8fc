"""Real apps in bundles: somebody goes, and is looked for everywhere. See tests/bundles and CONTRIBUTING.rst."""

import os
import re
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
NAME = re.compile(r"^[\w.-]+", re.MULTILINE)


def _is_installed(requirements):
    try:
        return all(map(version, NAME.findall(requirements.read_text())))
    except PackageNotFoundError:
        return False


# Not part of every test environment: see tox.ini. Those of recipes take an environment each: `make bundles`.
PLACES = [ROOT / "tests/bundles" / name / "requirements.txt" for name in ("auth", "histories")]
BUNDLES = [place.parent.name for place in PLACES if _is_installed(place)]


@pytest.mark.parametrize("bundle", BUNDLES)
def test_nothing_of_who_goes_is_left_and_they_get_in_by_no_way(bundle, record_property):
    """In a process of its own, as the project has settings of its own."""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "tests.bundles", bundle],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    record_property("bundle", done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
