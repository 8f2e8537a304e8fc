"""What is known of some rows as a zip, in a format that is chosen by its name. Writes no rows.

Written as the rows are read, and never held as a whole.
"""

from __future__ import annotations

import secrets
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import tzinfo
from json import dumps
from typing import IO, Any, Protocol

from django.db.models import Model, QuerySet
from django.utils import timezone
from django.utils.translation import get_language, override
from django.utils.translation import gettext as _

from ..declaring.declaration import Declaration
from ..declaring.search import Failed
from ..exceptions import ExportError
from ..registry import registry
from ..sensitive import sensitive
from . import complete, csv, json, page
from .page import Whole
from .records import Table, View
from .zipping import Archive

RowsByModel = Iterable[tuple[type[Model], QuerySet[Any]] | tuple[type[Model], QuerySet[Any], View]]

# The file that names the models that could not be searched
NOT_SEARCHED = "could-not-be-searched.txt"


MANIFEST = "manifest.json"

# In hexadecimal digits, two for a byte
REFERENCE_BYTES = 4


class Writer(Protocol):
    """Writes the files of a table to a zip, and pauses where what it has written should be given out."""

    def __call__(self, archive: Archive, table: Table, *, bom: bool) -> Iterator[None]: ...


@dataclass(frozen=True)
class Format:
    """How an export is written."""

    write: Writer
    end: Callable[[Archive, Whole], None] | None = None
    """Writes what stands in the zip beside the tables, in the end."""


def as_csv(archive: Archive, table: Table, *, bom: bool) -> Iterator[None]:
    table.file = archive.name(_named(table, ".csv"), label=table.label, suffix=".csv")
    return csv.write(archive, table, table.file, bom=bom)


def as_json(archive: Archive, table: Table, *, bom: bool) -> Iterator[None]:
    table.file = archive.name(_named(table, ".json"), label=table.label, suffix=".json")
    table.schema = archive.name(f"{table.file.removesuffix('.json')}.schema.json", label=table.label)
    return json.write(archive, table, table.file, table.schema)


def as_all(archive: Archive, table: Table, *, bom: bool) -> Iterator[None]:
    return complete.write(archive, table, archive.name(_named(table, ""), label=table.label), bom=bom)


FORMATS = {"csv": Format(as_csv), "json": Format(as_json), "complete": Format(as_all, page.cover)}


def new_reference() -> str:
    """Return what stands for an export in names and on paper: it says nothing of anybody, and no other one has it."""
    return secrets.token_hex(REFERENCE_BYTES)


@sensitive
def write_zip(
    file: IO[bytes], rows: RowsByModel, failed: Failed | None = None, *, format: str = "csv", bom: bool = False
) -> dict[str, int]:
    """Write a zip with a file for each model to ``file``; return the number of rows by name of file.

    ``bom``: CSV begins with a byte order mark, for spreadsheets. A text in the zip names the models that could not be
    searched: those of ``failed``, or of ``rows.failed`` if ``rows`` is what ``registry.search()`` returned. Raises
    ``ExportError``; what ``file`` holds then cannot be opened as a zip. ``ValueError`` for a ``format`` that there is
    not.
    """
    counts: dict[str, int] = {}
    for chunk in stream_zip(rows, counts, failed, format=format, bom=bom):
        file.write(chunk)
    return counts


def stream_zip(
    rows: RowsByModel,
    counts: dict[str, int] | None = None,
    failed: Failed | None = None,
    *,
    format: str = "csv",
    bom: bool = False,
    reference: str = "",
    manifest: Callable[[list[Table]], dict[str, Any]] = lambda tables: {},
    tables: list[Table] | None = None,
) -> Iterator[bytes]:
    """Yield the same zip in pieces; each is given out before the next rows are read.

    ``counts`` is filled with the number of rows by name of file, ``tables`` with what was written. ``manifest`` is
    called with that in the end, and returns what ``manifest.json`` holds. ``reference`` is that of the export, by
    default a new one.
    Language and time zone are those that are active now. Raises ``ExportError``, and so never gives out the directory
    at the end, without which nothing takes the pieces for a zip.
    ``ValueError``, before the first piece, for a ``format`` that there is not.
    """
    if format not in FORMATS:
        raise ValueError(f"There is no format {format!r} of an export. Known are: {', '.join(sorted(FORMATS))}.")
    counts = {} if counts is None else counts
    tables = [] if tables is None else tables
    pieces = _pieces(rows, counts, failed, FORMATS[format], bom, reference or new_reference(), manifest, tables)
    return spoken(pieces, get_language(), timezone.get_current_timezone())


def spoken(pieces: Iterator[bytes], language: str | None, zone: tzinfo) -> Iterator[bytes]:
    """Yield ``pieces``, each made in this language and time zone: a response is sent when others may be active."""
    piece: bytes | None = b""
    while piece is not None:
        with override(language), timezone.override(zone):
            piece = next(pieces, None)
        if piece:
            yield piece


@sensitive
def _pieces(
    rows: RowsByModel,
    counts: dict[str, int],
    failed: Failed | None,
    format: Format,
    bom: bool,
    reference: str,
    manifest: Callable[[list[Table]], dict[str, Any]],
    tables: list[Table],
) -> Iterator[bytes]:
    with Archive(counts) as archive:
        for model, *rest in rows:
            tables.append(table := Table(registry.declaration(model), *rest))
            with _broken_off(table.declared):
                for _pause in format.write(archive, table, bom=bom):
                    yield archive.take()
        missing: Failed = getattr(rows, "failed", {}) if failed is None else failed
        if missing:
            archive.write(archive.name(NOT_SEARCHED), _not_searched(missing))
        if said := manifest(tables):
            archive.write(archive.name(MANIFEST), dumps(said, indent=2, ensure_ascii=False, default=str))
        if format.end:
            labels = [model._meta.label for model in missing]
            format.end(archive, Whole(reference=reference, tables=tables, counts=counts, failed=labels, manifest=said))
    yield archive.take()


def _named(table: Table, suffix: str) -> str:
    """Return the declared name of a file, which is one for CSV unless a project says otherwise, with ``suffix``."""
    given = str(table.declared.export_filename)
    return f"{given.removesuffix('.csv')}{suffix}" if given.endswith(".csv") else given


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
