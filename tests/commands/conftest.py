"""A site of its own for commands that run in a process of their own, as from a shell."""

import os
import pty
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# The databases' engine makes no difference to a terminal or an exit status: SQLite serves.
SETTINGS = """
from pathlib import Path

from tests.settings import *

HERE = Path(__file__).parent
for alias, name in [("default", "main"), ("other", "other"), ("gdpr_log", "log")]:
    DATABASES[alias]["NAME"] = HERE / f"{name}.sqlite3"
GDPR_CAN_ANONYMISE_DATABASE = True
"""

SEED = """
import django
django.setup()
from django.core.management import call_command
for alias in ("default", "other", "gdpr_log"):
    call_command("migrate", database=alias, run_syncdb=True, verbosity=0)
from tests.apps.shop.models import Customer
for number in range(3):
    Customer.objects.create(name="Ada", email=f"{number}@quill.example")
import shutil
from django.db import connection
connection.close()
shutil.copy("main.sqlite3", "backup.sqlite3")
Customer.objects.get(email="0@quill.example").anonymise()
Customer.objects.get(email="1@quill.example").delete()
"""


class Site:
    """A directory with the settings and the databases: 3 customers seeded, 1 anonymised, 1 deleted."""

    def __init__(self, directory):
        self.directory = directory
        self.environment = {
            **os.environ,
            "DB": "sqlite",
            "DJANGO_SETTINGS_MODULE": "site_settings",
            "PYTHONPATH": os.pathsep.join([str(directory), str(ROOT)]),
            "PYTHONWARNINGS": "ignore",
            "TERM": "xterm",
            "COLUMNS": "100",
            "LC_ALL": "C.UTF-8",
        }

    def python(self, *args, **kwargs):
        return subprocess.run(
            [sys.executable, *args],
            env=self.environment,
            cwd=self.directory,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            **kwargs,
        )

    def run(self, *args, **kwargs):
        """Run a management command with its output in a pipe, as in a cron job."""
        return self.python("-m", "django", *args, **kwargs)

    def run_on_terminal(self, *args, answer=""):
        """Run a management command on a pseudo-terminal; return its exit status and all that appeared there."""
        ours, theirs = pty.openpty()
        process = subprocess.Popen(
            [sys.executable, "-m", "django", *args],
            env=self.environment,
            cwd=self.directory,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
        )
        os.close(theirs)
        if answer:
            os.write(ours, answer.encode())
        seen = b""
        while chunk := _read(ours):
            seen += chunk
        os.close(ours)
        return process.wait(timeout=120), seen.decode()

    def restore(self):
        """Put back the backup that was made before the erasures; the log stays as it is."""
        shutil.copy(self.directory / "backup.sqlite3", self.directory / "main.sqlite3")

    def sql(self, statement, database="main"):
        with closing(sqlite3.connect(self.directory / f"{database}.sqlite3")) as connection, connection:
            return connection.execute(statement).fetchall()

    def customers(self):
        return [name for (name,) in self.sql("SELECT name FROM shop_customer ORDER BY name")]

    def comments(self):
        return [body for (body,) in self.sql("SELECT body FROM shop_comment ORDER BY body")]


def _read(terminal):
    try:
        return os.read(terminal, 65536)
    except OSError:  # Linux says so when the other end is closed
        return b""


@pytest.fixture(scope="session")
def seeded_site(tmp_path_factory):
    site = Site(tmp_path_factory.mktemp("site"))
    (site.directory / "site_settings.py").write_text(SETTINGS)
    done = site.python("-c", SEED)
    assert done.returncode == 0, done.stderr
    return site


@pytest.fixture
def site(seeded_site, tmp_path):
    """A copy of the seeded site that the test may change."""
    directory = tmp_path / "copy"
    shutil.copytree(seeded_site.directory, directory, ignore=shutil.ignore_patterns("__pycache__"))
    return Site(directory)
