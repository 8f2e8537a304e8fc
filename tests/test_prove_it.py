"""The tests that docs/howto/prove_it_in_ci offers pass on the example project, and fail where something is wrong."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.anywhere

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs/howto/prove_it_in_ci.rst"

# What somebody gets wrong: an anonymiser that does nothing, a path that was forgotten
MISTAKES = """

import pytest


@pytest.fixture(autouse=True)
def mistakes():
    from forum.models import Comment
    from shop.models import Order
    from tests.observing import changed

    with changed(Comment, anonymise_body=lambda self, instance: instance.body), changed(Order, subject=None):
        yield
"""


def snippets():
    """Return {file: code} of the page."""
    found = re.findall(
        r"^\.\. code-block:: python\n    :caption: (.+)\n\n((?:    .*\n|\n)+)", PAGE.read_text(), re.MULTILINE
    )
    return {name: re.sub(r"^    ", "", code, flags=re.MULTILINE) for name, code in found}


def run(directory, more=""):
    """Run the snippets on the example project; return the exit status, and what pytest says."""
    for name, code in snippets().items():
        (directory / name).write_text(code + (more if name == "conftest.py" else ""))
    paths = [str(ROOT), str(ROOT / "example_project"), os.environ.get("PYTHONPATH", "")]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", "--tb=line", "-rA"],
        cwd=directory,
        env={
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "example.settings",
            "EXAMPLE_VAR": str(directory / "var"),
            "PYTHONPATH": os.pathsep.join(paths),
        },
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_it_passes_on_the_example_project(tmp_path):
    status, said = run(tmp_path)
    assert status == 0, said
    passed = re.findall(r"^PASSED test_gdpr\.py::(\w+)(?:\[(\S+)\])?", said, re.MULTILINE)
    assert {name for name, _ in passed} == set(re.findall(r"def (test_\w+)", snippets()["test_gdpr.py"]))
    assert {"shop.Order", "accounts.Profile"} <= {label for _, label in passed}


def test_it_fails_where_something_is_wrong(tmp_path):
    status, said = run(tmp_path, MISTAKES)
    assert status == 1
    assert set(re.findall(r"^FAILED test_gdpr\.py::(\S+)", said, re.MULTILINE)) == {
        "test_nothing_is_forgotten",
        "test_each_model_is_anonymised_as_it_is_declared[forum.Comment]",
        "test_a_person_leaves_no_trace",
    }
    assert "shop.Order.customer: it leads to a person, and has no answer" in said
    assert "the text of body is still in body." in said
    assert "There is a trace of the values. forum_comment.body on default: 1." in said
