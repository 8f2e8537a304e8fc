"""How a command asks before it does what cannot be undone; changes nothing."""

from __future__ import annotations

from django.core.management.base import CommandError

# Answers that mean no; any other but yes is told how to go on.
NO = ("no", "n")


def check_yes() -> None:
    """Raise ``CommandError`` unless somebody at the terminal types yes."""
    try:
        answer: str | None = input("Type 'yes' to go on: ")
    except EOFError:
        answer = None
    if answer is not None and answer.lower() in NO:
        raise CommandError("Cancelled. Nothing was changed.")
    if answer != "yes":
        raise CommandError(
            "Cancelled. Nothing was changed. Only the answer yes, in small letters, goes on. To run without a "
            "question, give --noinput."
        )
