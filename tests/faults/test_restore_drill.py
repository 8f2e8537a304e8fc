"""The whole restore drill, with pg_dump and pg_restore, mariadb-dump and mariadb, or a copy of the file."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def drill():
    command = [sys.executable, "-W", "ignore", "-m", "tests.faults.drilling"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def numbers(output):
    return dict(line.split(": ") for line in output.splitlines() if ": " in line)


def test_the_drill(drill):
    """One test: each step needs the one before it."""
    assert drill["the backup is back"]
    assert "  missing here: 4  <- restored? run gdpr_rerun" in drill["status before"]
    assert drill["a dry run changes nothing"]
    assert drill["to be applied"] == "To be applied: 4"

    first = numbers(drill["first"])
    assert (first["Applied"], first["Already applied"], first["Failed"], first["Undecided"]) == ("4", "1", "0", "0")
    assert drill["exactly the erased are erased"]
    assert "  missing here: 0\n" in drill["status after"]

    assert drill["a newcomer gets a key of their own"]
    second = numbers(drill["second"])
    assert (second["Applied"], second["Already applied"]) == ("0", "5")
    assert drill["the second changes nothing"]
    assert drill["the log is as it was"]
