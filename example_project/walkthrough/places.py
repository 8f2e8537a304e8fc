"""Where the demonstration keeps its files, and how it runs manage.py there."""

import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
VAR = PROJECT / "var" / "demo"
DATABASE = VAR / "db.sqlite3"
LOG = VAR / "gdpr_log.sqlite3"
MEDIA = VAR / "media"
EXPORTS = VAR / "exports"
BACKUP = VAR / "backup"
STAGING = VAR / "staging"


def start_clean() -> None:
    """Remove what an earlier demonstration left; the site of ``make serve`` is elsewhere."""
    shutil.rmtree(VAR, ignore_errors=True)
    VAR.mkdir(parents=True)


def copy_site(database: Path, media: Path, target: Path) -> None:
    """Copy a main database and its uploads below ``target``, replacing what is there.

    The log is not copied: it must remember what a restored copy has forgotten.
    """
    target.mkdir(parents=True, exist_ok=True)
    with (
        closing(sqlite3.connect(database)) as old,
        closing(sqlite3.connect(target / DATABASE.name)) as new,
    ):
        old.backup(new)
    shutil.rmtree(target / MEDIA.name, ignore_errors=True)
    shutil.copytree(media, target / MEDIA.name)


def manage(*arguments: str, stdin: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    """Run ``manage.py`` in a process of its own; both its streams end in ``stdout``."""
    return subprocess.run(
        [sys.executable, PROJECT / "manage.py", *arguments],
        env={**os.environ, **environment},
        input=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
