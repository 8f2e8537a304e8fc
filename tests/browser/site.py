"""The example site, seeded and served in a process of its own, so that a browser meets what a person meets."""

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
PROJECT = ROOT / "example_project"

PEOPLE = 40

# In seconds
LONGEST_START = 60


@contextmanager
def served(folder, settings="example.settings"):
    """Serve a new site whose databases and files are in ``folder``; yield its address."""
    environment = {
        **os.environ,
        "EXAMPLE_VAR": str(folder),
        "DJANGO_SETTINGS_MODULE": settings,
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(PROJECT)]),
        "PYTHONWARNINGS": "ignore",
    }

    def command(*arguments):
        return [sys.executable, str(PROJECT / "manage.py"), *arguments]

    for arguments in (
        ("migrate", "--verbosity=0"),
        ("migrate", "--database=gdpr_log", "--verbosity=0"),
        ("seed", f"--people={PEOPLE}"),
        ("create_demo_admin",),
    ):
        subprocess.run(command(*arguments), env=environment, check=True, stdout=subprocess.DEVNULL)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = (folder / "server.log").open("w")
    with (
        log,
        subprocess.Popen(
            command("runserver", "--noreload", "--nothreading", str(port)), env=environment, stdout=log, stderr=log
        ) as server,
    ):
        try:
            _wait_for(f"http://127.0.0.1:{port}/admin/login/", server)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()


def _wait_for(address, server):
    until = time.monotonic() + LONGEST_START
    while time.monotonic() < until and server.poll() is None:
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except (urllib.error.URLError, TimeoutError):
            time.sleep(0.1)
    raise RuntimeError("The example site did not start.")
