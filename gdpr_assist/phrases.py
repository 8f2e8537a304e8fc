"""A text in English that can be said in another language, wherever somebody reads it. Knows nothing of rows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.utils.translation import gettext as _


class Phrase(str):
    """A text in English, as commands print it and files hold it, which knows from what it was made.

    ``pattern`` is marked for translation where it is written, and has a named placeholder for each of ``values``; one
    of these may be a phrase itself.
    """

    pattern: str
    values: dict[str, str]

    def __new__(cls, pattern: str, **values: str) -> Phrase:
        made = super().__new__(cls, pattern % values if values else pattern)
        made.pattern, made.values = pattern, values
        return made

    def __getnewargs_ex__(self) -> tuple[tuple[str], dict[str, str]]:
        """Say how a copy of it is made."""
        return (self.pattern,), self.values


def translated(text: str) -> str:
    """Return ``text`` in the active language if it is a phrase, else as it is."""
    if not isinstance(text, Phrase):
        return text
    values = {name: translated(value) for name, value in text.values.items()}
    return _(text.pattern) % values if values else _(text.pattern)


def listed(texts: Iterable[str]) -> str:
    """Return ``texts`` with commas between them, as a phrase if there are several."""
    numbered = {f"text{number}": text for number, text in enumerate(texts)}
    if len(numbered) == 1:
        return numbered["text0"]
    return Phrase(", ".join(f"%({name})s" for name in numbered), **numbered)


def packed(text: str) -> Any:
    """Return ``text`` so that JSON can hold it, and ``unpacked`` makes the same of it."""
    if not isinstance(text, Phrase):
        return text
    return {"pattern": text.pattern, "values": {name: packed(value) for name, value in text.values.items()}}


def unpacked(held: Any) -> str:
    """Return the text of which ``packed`` made this."""
    if isinstance(held, str):
        return held
    return Phrase(held["pattern"], **{name: unpacked(value) for name, value in held["values"].items()})
