"""The zip of a job in the private storage of the site. Writes no rows."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterator
from typing import IO, Any

from django.core.files import File
from django.core.files.storage import storages

from ..conf import export_storage

logger = logging.getLogger(__name__)

# Of a name that nobody can guess
BYTES_OF_A_NAME = 16


def new_name() -> str:
    return f"{secrets.token_hex(BYTES_OF_A_NAME)}.zip"


def save(name: str, file: IO[bytes]) -> str:
    """Store ``file`` and return the name that the storage has given it."""
    return str(_storage().save(name, File(file)))


def read(name: str) -> Iterator[bytes]:
    """Return the pieces of what is stored under ``name``. Raises what the storage raises if it cannot be opened."""
    file = _storage().open(name, "rb")

    def pieces() -> Iterator[bytes]:
        with file:
            yield from file.chunks()

    return pieces()


def size(name: str) -> int | None:
    """Return how many bytes are stored under ``name``, None where the storage does not tell."""
    try:
        return int(_storage().size(name))
    except Exception:  # noqa: BLE001  (each storage raises errors of its own)
        return None


def delete(name: str) -> bool:
    """Delete what is stored under ``name``, if anything; return whether nothing is left."""
    try:
        _storage().delete(name)
    except Exception as error:  # noqa: BLE001  (each storage raises errors of its own)
        logger.error("The zip of an export could not be deleted (%s). It is tried again.", type(error).__name__)
        return False
    return True


def _storage() -> Any:
    return storages[str(export_storage())]
