"""Whatever line of a declaration of people is taken out, a strict check ends with an error that names it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.mutants import errors, mutants, named, said

pytestmark = pytest.mark.anywhere

ROOT = Path(__file__).parents[1]

# Mutants that no check can see, and why
EQUIVALENT = {
    "people.Sale identifiers: phone": "no class of field says that a column of text is a person's number",
    "people.StaffAccount subject": "each row is a person all the same, as the model of accounts says",
}


@pytest.fixture
def count(record_property):
    """Return a function that fails unless all of so many mutants were named, and has their number printed."""

    def count(project, found, at_least):
        equivalent = [name for name, _ in found if name in EQUIVALENT]
        record_property("mutants", project)
        record_property("numbers", [len(found), sum(is_named for _, is_named in found), len(equivalent)])
        assert [name for name, is_named in found if not is_named] == equivalent
        assert len(found) >= at_least

    return count


def test_of_the_apps_of_the_tests(count, settings):
    settings.GDPR_STRICT = True
    settings.SILENCED_SYSTEM_CHECKS = []
    before = errors()
    found = [(str(each), named(each, said(each, before))) for each in mutants({"people", "own"})]
    assert EQUIVALENT.keys() <= dict(found).keys()
    count("tests", found, 30)


def test_of_the_example_project(count, tmp_path):
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "example.settings",
        "EXAMPLE_VAR": str(tmp_path),
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "example_project"), os.environ.get("PYTHONPATH", "")]),
    }
    command = [sys.executable, "-m", "tests.mutants", "accounts", "auth", "forum", "newsletter", "shop"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    printed = json.loads(done.stdout)
    assert printed["before"] == []
    count("example_project", printed["mutants"], 10)
