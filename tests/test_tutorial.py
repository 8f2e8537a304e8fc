"""The tutorials and guides, done as written: commands run, code pasted into a shell, what is printed compared."""

import os
import pty
import re
import subprocess
import sys
import sysconfig
from doctest import ELLIPSIS, OutputChecker
from pathlib import Path

import pytest

import gdpr_assist

pytestmark = pytest.mark.anywhere

ROOT = Path(__file__).parent.parent
SETTINGS = "site_of_mine/settings.py"
# What takes the environment of the tests in place of one of its own
SET_UP = ("mkdir ", "python3 -m venv", "python -m pip")
REFUSED = "CommandError: "


def blocks(page: str) -> list[tuple[str, str, str]]:
    """Return [(language, caption, text)] of the code on a page below ``docs``."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    found = re.findall(r"^\.\. code-block:: (\w+)\n(?:    :caption: (.+)\n)?\n((?:    .*\n|\n)+)", text, re.MULTILINE)
    return [
        (language, caption, re.sub(r"^    ", "", block, flags=re.MULTILINE).strip("\n") + "\n")
        for language, caption, block in found
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

    def run(self, command: str, *, is_refused: bool = False) -> str:
        """Return what ``command`` prints, with the message of a management command that refuses."""
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
        assert (done.returncode != 0) == is_refused, done.stdout + done.stderr
        return done.stdout + "".join(re.findall(f"^{REFUSED}.*", done.stderr, re.MULTILINE))

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
        """Type what stands behind ``$``, and behind ``>>>`` into the shell that the line before has started.

        What is shown below a command has to be what it prints; ``...`` stands for anything.
        """
        printed = []
        for step in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, *rest = step.splitlines()
            typed = [line.removeprefix(">>> ") for line in rest if line.startswith(">>> ")]
            shown = "\n".join(line for line in rest if not line.startswith(">>> ")).strip()
            if typed:
                printed.append(self.paste("\n".join(typed)))
            elif not command.startswith(SET_UP) and not command.endswith("manage.py shell"):
                printed.append(self.run(command, is_refused=REFUSED in shown))
            if shown:
                found = without_prompts(printed[-1]).strip()
                assert OutputChecker().check_output(shown, found, ELLIPSIS), f"{command} printed:\n{found}"
        return "".join(printed)

    def write(self, caption: str, code: str) -> None:
        """Do what a caption says: ``file``, or ``file, in Class`` of a ``PrivacyMeta``. Settings are added to."""
        name, _, model = caption.partition(", in ")
        path = self.directory / name
        before = path.read_text() if path.exists() else ""
        if model:
            start = before.index(f"class {model}(")
            declared = re.compile(r"    class PrivacyMeta:\n(?:        .*\n)+").search(before, start)
            code = before.replace(declared[0], re.sub("^", "    ", code, flags=re.MULTILINE).rstrip(" "))
        elif name == SETTINGS:
            code = before + code
        path.write_text(code)

    def follow(self, given: list[tuple[str, str, str]]) -> list[str]:
        """Do what these blocks say; return what each has printed, in their order."""
        printed = []
        for language, caption, block in given:
            if language == "console":
                printed.append(self.console(block))
            elif caption:
                self.write(caption, block)
            else:
                printed.append(self.paste(block))
        return printed


def without_prompts(printed: str) -> str:
    """Return what an interactive shell printed between its banner and its farewell; what is from no shell stays."""
    _, prompt, rest = printed.partition("now exiting")[0].partition(">>> ")
    return re.sub(r"^(>>> |\.\.\. )+", "", rest, flags=re.MULTILINE) if prompt else printed


@pytest.fixture(scope="module")
def printed(tmp_path_factory):
    return Reader(tmp_path_factory.mktemp("tutorial")).follow(blocks("tutorial.rst"))


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


# -- a person ------------------------------------------------------------------------------------


def test_a_person_in_ten_minutes(tmp_path):
    exported, erased, left, restored, in_code = Reader(tmp_path).follow(blocks("tutorial_person.rst"))[-5:]
    assert "this person,person-" in exported
    assert erased.startswith("3\nauth.User: 1 row")
    assert left.startswith("CommandError: Nobody was found.0\n")
    assert restored.startswith("auth.User 1\nApplied: 1\n")
    assert restored.endswith("CommandError: Nobody was found.0\n")
    assert "{'shop.Order': 1}" in in_code


@pytest.mark.parametrize("page", ["erase_a_person", "known_by_email", "two_people"])
def test_what_a_guide_about_people_shows(page, tmp_path):
    """What stands in no file, and is typed nowhere, is left out. The settings are those of the tutorial."""
    reader = Reader(tmp_path)
    reader.run("django-admin startproject site_of_mine .")
    reader.run("python manage.py startapp shop")
    settings = next(block for _, caption, block in blocks("tutorial_person.rst") if caption == SETTINGS)
    reader.write(SETTINGS, settings + 'GDPR_NOT_PERSONAL = ["admin.LogEntry"]\n')
    reader.follow([each for each in blocks(f"howto/{page}.rst") if each[0] == "console" or each[1]])


# -- README --------------------------------------------------------------------------------------

SOMEBODY = """
from django.contrib.auth.models import User
from shop.models import Order
ada = User.objects.create_user("ada", "ada@example.com")
Order.objects.bulk_create(Order(customer=customer, email="ada@example.com") for customer in (ada, ada, None))
"""


def test_what_the_readme_shows_first(tmp_path):
    readme = (ROOT / "README.rst").read_text(encoding="utf-8")
    model, use, settings, people, admin = (block for language, _, block in blocks("../README.rst"))
    reader = Reader(tmp_path)
    reader.run("django-admin startproject site_of_mine .")
    reader.run("python manage.py startapp shop")
    reader.write(SETTINGS, settings)
    reader.write("shop/models.py", f"{model}\n\n{people}")
    reader.write("shop/admin.py", admin)
    for command in re.findall(r"^    (python manage\.py .*)$", readme, re.MULTILINE):
        reader.run(command)
    reader.run("python manage.py check --fail-level WARNING")
    reader.write("first.py", SOMEBODY + use)
    shown = re.search(r"^    auth\.User: .*\n    shop\.Order: .*\n", readme, re.MULTILINE)
    assert reader.run("python manage.py shell -v 0 < first.py") == re.sub("^    ", "", shown[0], flags=re.MULTILINE)
    assert (tmp_path / "ada.zip").exists()
    assert "ada@example.com" not in reader.run("python manage.py dumpdata")
