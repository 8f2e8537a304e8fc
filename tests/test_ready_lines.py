"""The lines of GDPR_CONTRIB that README and docs show start a strict site, each with nothing but its apps."""

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from gdpr_assist.ready_made import DECLARING

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.rst", *sorted((ROOT / "docs").rglob("*.rst"))]
LINE = re.compile(r"GDPR_CONTRIB = \[(.+?)\]")

# {app: what it needs beside itself}: pgtrigger takes a driver of PostgreSQL
NEEDS = {"pghistory": "psycopg"}

# What an account of which nothing is said leads to
OF_THE_ACCOUNT = {"E044", "E047", "W033"}


def shown():
    """Return the names of each line, without those that have rules alone."""
    lines = (re.findall(r'"(\w+)"', line) for page in PAGES for line in LINE.findall(page.read_text()))
    return {tuple(name for name in names if name in DECLARING) for names in lines}


def check(names):
    """Return the numbers of the messages of our checks that are errors to a strict site of ``names``."""
    needed = [*(DECLARING[name].APP for name in names), *(NEEDS[name] for name in names if name in NEEDS)]
    missing = [each for each in needed if find_spec(each.partition(".")[0]) is None]
    if missing:
        pytest.skip(f"{missing} not installed")
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "django", "check", "--settings=tests.others.settings_contrib"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": path, "CONTRIB": ",".join(names)},
        capture_output=True,
        text=True,
        check=False,
    )
    errors = done.stderr.partition("ERRORS:")[2].partition("WARNINGS:")[0]
    found = set(re.findall(r"\(gdpr_assist\.(\w+)\)", errors))
    assert found or done.returncode == 0, done.stderr
    return found


def test_the_lines_are_found():
    assert {("auth", "sessions", "admin"), ("auth", "sessions", "admin", "allauth"), ("auth", "axes")} <= shown()


@pytest.mark.parametrize("names", sorted(shown() | {("auth", name) for name in DECLARING} - {("auth", "wagtail")}))
def test_a_line_starts_a_strict_site(names):
    if names == ("admin",):
        pytest.skip("README shows it beside an account of the site's own")
    assert check(dict.fromkeys(names)) == set()


@pytest.mark.parametrize("name", ["allauth", "axes", "sessions", "taggit"])
def test_of_one_alone_it_is_the_account_that_is_missed(name):
    found = check([name])
    assert "W033" in found
    assert found <= OF_THE_ACCOUNT
