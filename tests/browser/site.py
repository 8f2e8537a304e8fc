"""The example site, seeded and served in a process of its own, so that a browser meets what a person meets."""

import os
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent.parent
PROJECT = ROOT / "example_project"

PEOPLE = 40

# In seconds
LONGEST_START = 60


# Of the site as it is, and with a queue
SETTINGS = "tests.browser.settings"
WITH_A_QUEUE = "tests.browser.queue"

# Whoever has bought something and has a picture
PEOPLE_WITH_MOST = """
    SELECT id, username, email, first_name || ' ' || last_name FROM auth_user
    WHERE id IN (SELECT customer_id FROM shop_order)
    AND id IN (SELECT user_id FROM accounts_profile WHERE avatar != '') ORDER BY id
"""


# Somebody of the staff who may do nothing, with the password of the officer
ADD_CLERK = """
    INSERT INTO auth_user
        (username, password, is_staff, is_active, is_superuser, first_name, last_name, email, date_joined)
    SELECT 'clerk', password, 1, 1, 0, '', '', '', date_joined FROM auth_user WHERE username = 'officer'
"""


class Person(NamedTuple):
    key: int
    username: str
    email: str
    name: str


class Site(NamedTuple):
    address: str
    folder: Path

    def url(self, path=""):
        return f"{self.address}/admin/{path}"

    def people(self):
        """Return the people of whom there is most."""
        return [Person(*row) for row in self.asked(PEOPLE_WITH_MOST)]

    def email_of(self, person):
        """Return the address that the row of a person has now."""
        [[email]] = self.asked("SELECT email FROM auth_user WHERE id = ?", person.key)
        return email

    def asked(self, query, *values):
        with closing(sqlite3.connect(self.folder / "db.sqlite3", timeout=20)) as database:
            return database.execute(query, values).fetchall()

    def change(self, statement, *values):
        with closing(sqlite3.connect(self.folder / "db.sqlite3", timeout=20)) as database, database:
            database.execute(statement, values)

    @contextmanager
    def without_a_log(self):
        """Have the database of the event log away for a while: the site finds an empty one."""
        log, away = self.folder / "gdpr_log.sqlite3", self.folder / "away.sqlite3"
        log.rename(away)
        yield
        away.replace(log)

    def log(self):
        return (self.folder / "server.log").read_text()


def seed(folder):
    """Make the databases and files of a new site in ``folder``."""
    for arguments in (
        ("migrate", "--verbosity=0"),
        ("migrate", "--database=gdpr_log", "--verbosity=0"),
        ("seed", f"--people={PEOPLE}"),
        ("create_demo_admin",),
    ):
        subprocess.run(_command(*arguments), env=_environment(folder), check=True, stdout=subprocess.DEVNULL)


@contextmanager
def served(folder, theme="", settings=SETTINGS):
    """Serve the site whose databases and files are in ``folder``, with an app as the theme of its admin; yield it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = (folder / "server.log").open("w")
    with (
        log,
        subprocess.Popen(
            _command("runserver", "--noreload", "--nothreading", str(port)),
            env=_environment(folder, theme, settings),
            stdout=log,
            stderr=log,
        ) as server,
    ):
        try:
            _wait_for(f"http://127.0.0.1:{port}/admin/login/", server)
            yield Site(f"http://127.0.0.1:{port}", folder)
        finally:
            server.terminate()


def work(folder):
    """Let a worker do all that waits in the queue of the site."""
    command = _command("db_worker", "--batch", "--no-startup-delay", "--interval=0")
    subprocess.run(command, env=_environment(folder, settings=WITH_A_QUEUE), check=True, capture_output=True)


def make_queue(folder):
    """Give the site the tables of the queue."""
    command = _command("migrate", "--verbosity=0")
    subprocess.run(command, env=_environment(folder, settings=WITH_A_QUEUE), check=True)


def _command(*arguments):
    return [sys.executable, str(PROJECT / "manage.py"), *arguments]


def _environment(folder, theme="", settings=SETTINGS):
    return {
        **os.environ,
        "EXAMPLE_VAR": str(folder),
        "EXAMPLE_THEME": theme,
        "DJANGO_SETTINGS_MODULE": settings,
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(PROJECT)]),
        "PYTHONWARNINGS": "ignore",
    }


def _wait_for(address, server):
    until = time.monotonic() + LONGEST_START
    while time.monotonic() < until and server.poll() is None:
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except (urllib.error.URLError, TimeoutError):
            time.sleep(0.1)
    raise RuntimeError("The example site did not start.")
