"""How a command asks before it does what cannot be undone; changes nothing."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from django.core.management.base import CommandError

# Answers that mean no; any other but yes is told how to go on.
NO = ("no", "n")


def check_superuser(warning: str, *, asked: bool, allowed: bool) -> None:
    """Raise ``CommandError`` if there is a ``warning`` of the last superuser, and nobody has seen or allowed it."""
    if warning and not asked and not allowed:
        raise CommandError(
            f"{warning} Nothing was changed. If that is meant, say --last-superuser; a scrub leaves accounts that "
            "PrivacyMeta.scrub says."
        )


def check_confirmed(options: dict[str, Any], write: Callable[[str], object], question: str, superuser: str) -> None:
    """Ask the ``question``, unless ``--noinput`` was given; ``superuser`` is the warning of the last one.

    Raises ``CommandError`` unless the answer is yes.
    """
    check_superuser(superuser, asked=options["interactive"], allowed=options["last_superuser"])
    if options["interactive"]:
        write(question)
        check_yes()


def ask(question: str) -> str:
    """Return what is typed. The question is written to stderr: what the command says may be for another program.

    Raises ``EOFError``.
    """
    sys.stderr.write(question)
    sys.stderr.flush()
    return input()


def check_yes() -> None:
    """Raise ``CommandError`` unless somebody at the terminal types yes."""
    try:
        answer: str | None = ask("Type 'yes' to go on: ")
    except EOFError:
        answer = None
    if answer is not None and answer.lower() in NO:
        raise CommandError("Cancelled. Nothing was changed.")
    if answer != "yes":
        raise CommandError(
            "Cancelled. Nothing was changed. Only the answer yes, in small letters, goes on. To run without a "
            "question, give --noinput."
        )
