"""The tutorial, done as it is written: its commands run, its code pasted into a real interactive shell."""

import os
import pty
import re
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

import gdpr_assist

ROOT = Path(__file__).parent.parent
SETTINGS = Path("site_of_mine/settings.py")
# What takes the environment of the tests in place of one of its own
SET_UP = ("mkdir ", "python3 -m venv", "python -m pip")


def blocks() -> list[tuple[str, str]]:
    """Return [(language, text)] of the code in the tutorial."""
    text = (ROOT / "docs/tutorial.rst").read_text(encoding="utf-8")
    found = re.findall(r"^\.\. code-block:: (\w+)\n\n((?:    .*\n|\n)+)", text, re.MULTILINE)
    return [
        (language, re.sub(r"^    ", "", block, flags=re.MULTILINE).strip("\n") + "\n") for language, block in found
    ]


class Reader:
    """Somebody who follows the tutorial in a directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        path = os.pathsep.join([sysconfig.get_path("scripts"), str(Path(sys.executable).parent), os.environ["PATH"]])
        where = str(Path(gdpr_assist.__file__).parent.parent)
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("DJANGO_", "COVERAGE_"))},
            "PATH": path,
            "PYTHONPATH": where,
            "PYTHONWARNINGS": "default",
            "TERM": "dumb",
        }

    def run(self, command: str) -> str:
        done = subprocess.run(
            command,
            check=False,
            shell=True,
            cwd=self.directory,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def paste(self, code: str) -> str:
        """Paste ``code`` into ``manage.py shell`` on a terminal, press Return, leave; return what was printed."""
        ours, theirs = pty.openpty()
        shell = subprocess.Popen(
            [sys.executable, "manage.py", "shell", "--interface=python"],
            cwd=self.directory,
            env=self.environment,
            stdin=theirs,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        os.write(ours, (code + "\nexit()\n").encode())
        try:
            printed, _ = shell.communicate(timeout=120)
        finally:
            shell.kill()
            os.close(ours)
            os.close(theirs)
        assert "Error" not in printed, printed
        return printed

    def console(self, block: str) -> str:
        """Type what stands behind ``$``, and behind ``>>>`` into the shell that the line before has started."""
        printed, typed = [], ""
        for line in [*block.splitlines(), "$ true"]:
            if line.startswith(">>> "):
                typed += line.removeprefix(">>> ") + "\n"
                continue
            if typed:
                printed.append(self.paste(typed))
                typed = ""
            command = line.removeprefix("$ ")
            if not command.startswith(SET_UP) and not command.endswith("manage.py shell"):
                printed.append(self.run(command))
        return "".join(printed)


@pytest.fixture(scope="module")
def printed(tmp_path_factory):
    """What each block of the tutorial has printed, in their order."""
    reader = Reader(tmp_path_factory.mktemp("tutorial"))
    found = []
    for language, block in blocks():
        if language == "console":
            found.append(reader.console(block))
        elif block.startswith("INSTALLED_APPS"):
            with (reader.directory / SETTINGS).open("a") as settings:
                settings.write(block)
        elif "class Comment" in block:
            (reader.directory / "forum/models.py").write_text(block)
        else:
            found.append(reader.paste(block))
    return found


def test_the_export_has_both_comments(printed):
    assert "{'forum-Comment.csv': 2}" in "".join(printed)


def test_deleting_the_account_anonymises_her_comments(printed):
    assert any(
        "'1@anon.example.com'" in each and "'2@anon.example.com'" in each and "ann@example.org" not in each
        for each in printed
    )


def test_the_backup_brings_her_back_and_gdpr_rerun_erases_her_again(printed):
    restored, rerun = printed[-2:]
    assert "('Ann Example', 'ann@example.org')" in restored
    dry_run, first, second = re.split(r"(?<=Rows that were not there: 0)\n", rerun)[:3]
    assert "Rows to be erased: 2" in dry_run
    assert "Rows erased: 2" in first
    assert "Rows erased: 0" in second
