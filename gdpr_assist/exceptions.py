"""The errors of the app. They name fields and models, never values."""

from __future__ import annotations

from typing import Any


class AnonymiseError(Exception):
    """Something cannot be anonymised; nothing was changed."""


class FieldAnonymiseError(AnonymiseError):
    """One field cannot be anonymised as it is declared.

    ``check`` is the number of the system check that reports it at start-up (``"E005"``), ``hint`` the cure.
    """

    def __init__(self, message: str, *, check: str, hint: str) -> None:
        super().__init__(message)
        self.check = check
        self.hint = hint


class PartlyErased(AnonymiseError):
    """An erasure over several databases came through on some of them and not on the others.

    ``results`` holds those of the plans that took effect, ``remaining`` the plans that did not, with their keys:
    ``execute_together(error.remaining)`` finishes the erasure.
    """

    def __init__(self, message: str, *, results: list[Any], remaining: list[Any]) -> None:
        super().__init__(message)
        self.results = results
        self.remaining = remaining


class TooManyPeople(AnonymiseError):
    """A value is that of more people than anything that one person is known by."""


class TryAgain(AnonymiseError):
    """Others are at the same rows, or have changed them meanwhile; nothing was changed. A moment later it may do."""


class EventLogError(AnonymiseError):
    """The event log could not be written; the erasure was refused and nothing was erased."""


class NotLogged(EventLogError):
    """An erasure that had happened before it was to be logged could not be logged; it is not undone."""


class ExportError(Exception):
    """An export broke off. What was written of it is not whole, and does not open as a zip."""
