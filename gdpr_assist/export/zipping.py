"""A zip that is given out while it is written, and never held as a whole. Knows no models."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import IO, Any

from django.utils import timezone

from .cleaning import file_name


class Sink(io.RawIOBase):
    """What a zip is written to where there is no file: its content is taken out again piece by piece."""

    def __init__(self) -> None:
        self._written = bytearray()

    def write(self, data: Any) -> int:
        self._written += data
        return len(data)

    def take(self) -> bytes:
        taken = bytes(self._written)
        self._written.clear()
        return taken


class Archive:
    """A zip; only one of its files is open at a time. What was written of it is taken out in pieces.

    Its last piece comes when the block ends, and without it nothing takes the others for a zip: after an error it must
    not be taken.
    """

    def __init__(self, counts: dict[str, int]) -> None:
        self.counts = counts
        """{name of a file: rows}, filled while they are written"""

        self._sink = Sink()
        self._zip = zipfile.ZipFile(self._sink, "w", zipfile.ZIP_DEFLATED)
        self._names: set[str] = set()

    def __enter__(self) -> Archive:
        return self

    def __exit__(self, *error: object) -> None:
        self._zip.close()

    def take(self) -> bytes:
        """Return what was written since the last call; after a short page, zlib keeps all to itself."""
        return self._sink.take()

    def name(self, wanted: str, *, label: str = "gdpr_assist", suffix: str = "") -> str:
        """Return a harmless name that no other file has, made of the one that is ``wanted``; see ``file_name``."""
        name = file_name(wanted, label=label, taken=self._names, suffix=suffix)
        self._names.add(name.casefold())
        return name

    @contextmanager
    def open(self, name: str) -> Iterator[IO[bytes]]:
        """Give the file ``name`` to write to, made now."""
        now = datetime.now(timezone.get_current_timezone())
        info = zipfile.ZipInfo(name, date_time=now.timetuple()[:6])
        info.compress_type = zipfile.ZIP_DEFLATED
        # Nobody knows yet whether it will be more than 4 GiB
        with self._zip.open(info, "w", force_zip64=True) as file:
            yield file

    @contextmanager
    def text(self, name: str) -> Iterator[IO[str]]:
        """Give the same for a text; half of a character, which UTF-8 does not have, is written as JSON writes it."""
        with self.open(name) as binary, io.TextIOWrapper(binary, "utf-8", "backslashreplace", newline="") as file:
            yield file

    def write(self, name: str, content: str) -> None:
        with self.text(name) as file:
            file.write(content)
