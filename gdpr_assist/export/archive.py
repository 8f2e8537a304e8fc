"""What is known of some rows as a zip, with one file for each model, in a format that is chosen by its name.

Written as the rows are read, and never held as a whole. Writes no rows.
"""

from __future__ import annotations

import io
import traceback
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import IO, Any

from django.db.models import Model, QuerySet
from django.utils.translation import gettext as _

from ..declaring.declaration import Declaration
from ..declaring.search import Failed
from ..exceptions import ExportError
from ..registry import registry
from ..sensitive import sensitive
from . import csv
from .cleaning import file_name
from .records import EVERYTHING, Record, View, columns, records

RowsByModel = Iterable[tuple[type[Model], QuerySet[Any]] | tuple[type[Model], QuerySet[Any], View]]

# Writes columns and pages of records to a file; yields the number of each page
Format = Callable[[IO[str], list[str], Iterable[list[Record]]], Iterator[int]]

# {name of the format, which is also the suffix of its files: how it is written}
FORMATS: dict[str, Format] = {"csv": csv.write}

# The file that names the models that could not be searched
NOT_SEARCHED = "could-not-be-searched.txt"


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


@sensitive
def write_zip(
    file: IO[bytes], rows: RowsByModel, failed: Failed | None = None, *, format: str = "csv"
) -> dict[str, int]:
    """Write a zip with one file for each model to ``file``; return the number of rows by name of file.

    A text in it names the models that could not be searched: those of ``failed``, or of ``rows.failed`` if ``rows``
    is what ``registry.search()`` returned. Raises ``ExportError``; what ``file`` holds then cannot be opened as a zip.
    ``ValueError`` for a ``format`` that there is not.
    """
    counts: dict[str, int] = {}
    for chunk in stream_zip(rows, counts, failed, format=format):
        file.write(chunk)
    return counts


def stream_zip(
    rows: RowsByModel,
    counts: dict[str, int] | None = None,
    failed: Failed | None = None,
    *,
    format: str = "csv",
    names: dict[str, list[str]] | None = None,
    texts: Callable[[], Mapping[str, str]] = dict,
) -> Iterator[bytes]:
    """Yield the same zip in pieces; each is given out before the next rows are read.

    ``counts`` is filled with the number of rows by name of file, ``names`` with those of the columns. ``texts`` is
    called in the end, and returns what else is in the zip, {name of the file: text}. Raises ``ExportError``, and so
    never gives out the directory at the end, without which nothing takes the pieces for a zip.
    ``ValueError``, before the first piece, for a ``format`` that there is not.
    """
    if format not in FORMATS:
        raise ValueError(f"There is no format {format!r} of an export. Known are: {', '.join(sorted(FORMATS))}.")
    return _pieces(rows, {} if counts is None else counts, {} if names is None else names, failed, format, texts)


@sensitive
def _pieces(
    rows: RowsByModel,
    counts: dict[str, int],
    names: dict[str, list[str]],
    failed: Failed | None,
    format: str,
    texts: Callable[[], Mapping[str, str]],
) -> Iterator[bytes]:
    sink = Sink()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        for model, queryset, *views in rows:
            view: Any = views[0] if views else EVERYTHING
            declared = registry.declaration(model)
            given = _with_suffix(str(declared.export_filename), format)
            name = file_name(given, label=declared.label, taken=counts, suffix=f".{format}")
            counts[name] = 0
            with (
                _broken_off(declared),
                # Nobody knows yet whether it will be more than 4 GiB
                archive.open(name, "w", force_zip64=True) as binary,
                io.TextIOWrapper(binary, "utf-8", newline="") as text,
            ):
                yield sink.take()
                names[name] = columns(declared, queryset, view)
                for written in FORMATS[format](text, names[name], records(declared, queryset, view)):
                    counts[name] += written
                    if chunk := sink.take():  # after a short page, zlib keeps all to itself
                        yield chunk
        if failed := getattr(rows, "failed", {}) if failed is None else failed:
            archive.writestr(file_name(NOT_SEARCHED, label="gdpr_assist", taken=counts), _not_searched(failed))
        for name, content in texts().items():
            archive.writestr(file_name(name, label="gdpr_assist", taken=counts), content)
    yield sink.take()


def _with_suffix(name: str, format: str) -> str:
    """Return the declared name of a file, which is one for CSV unless a project says otherwise, for the format."""
    return f"{name.removesuffix('.csv')}.{format}" if name.endswith(".csv") else name


def _not_searched(failed: Failed) -> str:
    lines = [f"{model._meta.label} ({error})\n" for model, error in failed.items()]
    return _("These models could not be searched. What they hold may be missing here.") + "\n\n" + "".join(lines)


@contextmanager
def _broken_off(declared: Declaration) -> Iterator[None]:
    """Say where an error was raised, not what it said: that may hold what the row holds."""
    try:
        yield
    except Exception as error:  # noqa: BLE001  (whatever a project's code or a database may raise)
        frame = traceback.extract_tb(error.__traceback__)[-1]
        raise ExportError(
            f"{declared.label}: the export broke off: {type(error).__name__} (line {frame.lineno} of {frame.name})."
        ) from None
