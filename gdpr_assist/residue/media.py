"""Looks for values in the names and the contents of stored files. Writes nothing, and prints no name of a file."""

from __future__ import annotations

import posixpath
from collections import Counter
from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.core.files.storage import default_storage
from django.db.models import FileField

from ..copies.files import root_of, shown
from .values import Values

# In bytes. What is read at once, and how much of it is read again with the next: a value may stand across both.
CHUNK = 1_000_000
OVERLAP = 4_000


def look(values: Values, found: Counter[str], unread: dict[str, str]) -> None:
    """Count the files with one of ``values``: ``"names of files in <storage>"``, ``"contents of files in ..."``."""
    for storage in _storages():
        place = shown(storage)
        failed: Counter[str] = Counter()
        try:
            for name in _names(storage):
                found[f"names of files in {place}"] += _is_in_name(values, name)
                found[f"contents of files in {place}"] += _is_in_content(values, storage, name, failed)
        except FileNotFoundError:
            pass  # there is no folder before the first file
        except Exception as error:  # noqa: BLE001  (each storage has errors of its own)
            unread[f"files in {place}"] = type(error).__name__
        unread.update({f"{count} of the files in {place}": why for why, count in failed.items()})
    for place in [place for place, count in found.items() if not count]:
        del found[place]


def _storages() -> list[Any]:
    """Return the storages of the project, each place once."""
    columns = (column for model in apps.get_models() for column in model._meta.local_concrete_fields)
    every = [default_storage, *(column.storage for column in columns if isinstance(column, FileField))]
    return list({root_of(storage): storage for storage in reversed(every)}.values())


def _names(storage: Any, folder: str = "") -> Iterator[str]:
    folders, files = storage.listdir(folder)
    yield from (posixpath.join(folder, name) for name in files)
    for each in folders:
        yield from _names(storage, posixpath.join(folder, each))


def _is_in_name(values: Values, name: str) -> bool:
    """Names of people have hyphens in those of files, or underscores."""
    spaced = posixpath.splitext(name)[0].replace("_", " ")
    return any(map(values.are_in, (name, spaced, spaced.replace("-", " "))))


def _is_in_content(values: Values, storage: Any, name: str, failed: Counter[str]) -> bool:
    try:
        with storage.open(name) as file:
            before = b""
            while chunk := file.read(CHUNK):
                if values.are_in(before + chunk):
                    return True
                before = chunk[-OVERLAP:]
    except Exception as error:  # noqa: BLE001  (each storage has errors of its own)
        failed[type(error).__name__] += 1
    return False
