"""SIGKILL at every step of an erasure, a replay and a reconciliation: killing.py says how, scenarios.py what."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

ROOT = Path(__file__).parents[2]
SEED = 20261124

SCENARIOS = [
    "anonymise",
    "queryset",
    "in parts",
    "delete",
    "outer",
    "rolled-back",
    "replay",
    "reconcile",
    "person",
    "scrub",
]

# Of one that takes very many steps, so many kills
SAMPLED = {"scrub": 40}


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_after_a_kill_the_log_and_the_data_agree(scenario, record_property):
    command = [
        sys.executable,
        "-W",
        "ignore",
        "-m",
        "tests.faults.killing",
        scenario,
        str(SEED),
        str(SAMPLED.get(scenario, 0)),
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    kills = [json.loads(line) for line in done.stdout.splitlines()]
    wrong = [kill for kill in kills if kill["errors"]]
    listed = sum(kill["listed"] for kill in kills)
    record_property("fault", f"{settings.DB}: {scenario}")
    record_property("numbers", [len(kills), len(kills) - len(wrong), listed])
    assert wrong == []
    points = kills[0]["points"]
    assert len({kill["point"] for kill in kills}) == SAMPLED.get(scenario, points)
    assert {kill["point"] for kill in kills} <= set(range(1, points + 1))
