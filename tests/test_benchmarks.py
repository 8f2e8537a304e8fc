"""The benchmarks run, on a few rows; their figures mean nothing here."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

pytestmark = pytest.mark.anywhere

ROOT = Path(__file__).parent.parent

LINES = {
    "anonymise_db",
    "ranges",
    "compacted",
    "no_marks",
    "workers",
    "workers_ranges",
    "queryset",
    "mixed",
    "rows",
    "person",
    "history",
    "replay",
    "residue",
    "replay_one",
    "memory_anonymise_db",
    "memory_workers",
    "memory_queryset",
    "memory_export",
    "memory_export_json",
    "memory_export_complete",
    "memory_person",
    "memory_history",
    "delete_one",
    "delete_one_log",
    "delete_many",
    "delete_many_log",
    "delete_people",
    "delete_people_log",
    "person_queries",
    "person_queries_log",
    "get",
    "list",
    "related",
    "unregistered",
    "start_up",
}


def test_all_lines_are_measured(tmp_path):
    few = ["--n=20", "--pairs=1", "--starts=1", "--memory-rows=20"]
    subprocess.run(
        [sys.executable, "-m", "benchmarks", f"--db={settings.DB}", *few, f"--output={tmp_path}"],
        cwd=ROOT,
        # The databases of this process have other names.
        env=os.environ | {"DB_NAME": f"{settings.DB_NAME}_bench_{os.getpid()}"},
        check=True,
        stdout=subprocess.PIPE,
    )
    content = json.loads((tmp_path / f"{settings.DB}.json").read_text())
    figures = {figure["work"]: figure for figure in content["figures"]}
    assert figures.keys() == LINES
    exact = [figures[work]["verdict"] for work in ("get", "list", "related", "unregistered")]
    assert exact == ["met"] * 4
    table = (tmp_path / f"{settings.DB}.rst").read_text()
    assert "anonymise_db ``--no-marks``" in table  # as code, or two hyphens become a dash
    table = table.replace("`", "")
    assert [figure["title"] for figure in figures.values() if figure["title"] not in table] == []


# A package that is not installed, whatever else is
COMPARED = (
    "import runpy, sys; sys.modules['dj_anonymizer'] = None; runpy.run_module('benchmarks.peers', run_name='__main__')"
)


def test_the_comparison_says_which_package_is_missing_before_it_makes_a_database():
    done = subprocess.run([sys.executable, "-c", COMPARED], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "dj_anonymizer" in done.stderr
    assert "pip install -r benchmarks/peers/requirements.txt" in done.stderr
    assert "Traceback" not in done.stderr


def test_nothing_else_knows_the_packages_of_the_comparison():
    names = ("benchmarks.peers", ".peers", "django_scrubber", "dj_anonymizer")
    others = [path for path in (ROOT / "benchmarks").rglob("*.py") if "peers" not in path.relative_to(ROOT).parts]
    assert len(others) > 10
    assert [path.name for path in others if any(name in path.read_text(encoding="utf-8") for name in names)] == []
