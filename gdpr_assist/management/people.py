"""Which people the arguments of a command name. Writes nothing."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from django.apps import apps
from django.core.exceptions import ValidationError
from django.core.management.base import CommandError
from django.db.models import Model

from ..databases.aliases import data_aliases
from ..declaring.meta import all_rows
from ..exceptions import ExportError
from ..subjects.subject import Subject
from .asking import ask


def people_of(options: dict[str, Any]) -> list[Subject]:
    """Return the people that the arguments name. Raises ``CommandError`` unless they name one row, or one value."""
    ways = [options["model"], options["email"], options["by"]]
    if sum(way is not None for way in ways) != 1 or (options["model"] and options["key"] is None):
        raise CommandError("Name a row (APP.MODEL KEY), an address (--email), or a kind of value (--by).")
    if options["model"]:
        return [person_of_row((options["model"], options["key"]), options["database"], options["party"])]
    kind = options["by"] or "email"
    value = options["email"] if options["email"] not in (None, "-") else _typed(kind)
    return Subject.find(**{kind: value.strip()})  # as the form of the admin takes it


def one_of(people: Sequence[Subject]) -> Subject:
    """Return the only one. Raises ``CommandError`` for several, which says how to name one of them."""
    if len(people) == 1:
        return people[0]
    cure = "Name the row of one." if people[0].keys else "Look for what only one of them is known by."
    raise CommandError(f"This finds {len(people)} people: {', '.join(map(str, people))}. {cure}")


def _typed(kind: str) -> str:
    try:
        return ask(f"{kind}: ")
    except EOFError:
        raise CommandError(f"The input ended before there was a value of {kind}.") from None


def person_of_row(named: Sequence[str], using: str, party: str | None) -> Subject:
    """Return the person that a row is, or is about; it is named by label and key.

    Raises ``CommandError`` if there is no such row.
    """
    label, key = named
    row = read_row(label, key, using)
    return Subject.of(row, party) if party else Subject(row)


def read_row(label: str, key: str, using: str) -> Model:
    try:
        model = apps.get_model(label)
    except (LookupError, ValueError):
        raise CommandError("There is no such model; name it as APP.MODEL.") from None
    if using not in data_aliases():
        raise CommandError(f"There is no database {using}; rows are on {', '.join(data_aliases())}.")
    try:
        row: Model | None = all_rows(model, using).filter(pk=key).first()
    except (ValueError, TypeError, ValidationError):
        row = None
    if row is None:
        raise CommandError(f"{model._meta.label} has no row with this key on {using}.")
    return row


def export_to(person: Subject, name: str | None, *, format: str, bom: bool) -> dict[str, int]:
    """Write the export to a new file that its owner alone can read; return the number of rows by name of file in it.

    Raises ``CommandError`` where it cannot be written, or broke off: then no file is left.
    """
    if name is None:
        raise CommandError("Say where the zip is to be written: --output FILE.")
    try:
        file = open(name, "xb", opener=partial(os.open, mode=0o600))  # noqa: SIM115  (Path.open() has no opener)
    except OSError as error:
        raise CommandError(f"The export could not be written to {name}: {type(error).__name__}") from None
    try:
        with file:
            return person.export(file, format=format, bom=bom)
    except BaseException as error:
        Path(name).unlink()
        if isinstance(error, OSError):
            raise CommandError(f"The export could not be written to {name}: {type(error).__name__}") from None
        if isinstance(error, ExportError):
            raise CommandError(str(error)) from None
        raise
