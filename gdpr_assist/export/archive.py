"""What is known of some rows as a zip, in a format that is chosen by its name. Writes no rows.

Written as the rows are read, and never held as a whole.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import IO, Any, Protocol

from django.db.models import Model, QuerySet
from django.utils.translation import gettext as _

from ..declaring.declaration import Declaration
from ..declaring.search import Failed
from ..exceptions import ExportError
from ..registry import registry
from ..sensitive import sensitive
from . import csv, json
from .records import Table, View
from .zipping import Archive

RowsByModel = Iterable[tuple[type[Model], QuerySet[Any]] | tuple[type[Model], QuerySet[Any], View]]

# The file that names the models that could not be searched
NOT_SEARCHED = "could-not-be-searched.txt"


class Format(Protocol):
    """Writes the files of a table to a zip, and pauses where what it has written should be given out."""

    def __call__(self, archive: Archive, table: Table, *, bom: bool) -> Iterator[None]: ...


def as_csv(archive: Archive, table: Table, *, bom: bool) -> Iterator[None]:
    return csv.write(archive, table, _name(archive, table, ".csv"), bom=bom)


def as_json(archive: Archive, table: Table, *, bom: bool) -> Iterator[None]:
    name = _name(archive, table, ".json")
    table.schema = archive.name(f"{name.removesuffix('.json')}.schema.json", label=table.label)
    return json.write(archive, table, name, table.schema)


FORMATS: dict[str, Format] = {"csv": as_csv, "json": as_json}


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
    texts: Callable[[list[Table]], Mapping[str, str]] = lambda tables: {},
) -> Iterator[bytes]:
    """Yield the same zip in pieces; each is given out before the next rows are read.

    ``counts`` is filled with the number of rows by name of file. ``texts`` is called in the end, with what was
    written, and returns what else is in the zip, {name of the file: text}. Raises ``ExportError``, and so never gives
    out the directory at the end, without which nothing takes the pieces for a zip.
    ``ValueError``, before the first piece, for a ``format`` that there is not.
    """
    if format not in FORMATS:
        raise ValueError(f"There is no format {format!r} of an export. Known are: {', '.join(sorted(FORMATS))}.")
    return _pieces(rows, {} if counts is None else counts, failed, format, bom, texts)


@sensitive
def _pieces(
    rows: RowsByModel,
    counts: dict[str, int],
    failed: Failed | None,
    format: str,
    bom: bool,
    texts: Callable[[list[Table]], Mapping[str, str]],
) -> Iterator[bytes]:
    tables: list[Table] = []
    with Archive(counts) as archive:
        for model, *rest in rows:
            tables.append(table := Table(registry.declaration(model), *rest))
            with _broken_off(table.declared):
                for _pause in FORMATS[format](archive, table, bom=bom):
                    if chunk := archive.take():
                        yield chunk
        if failed := getattr(rows, "failed", {}) if failed is None else failed:
            archive.write(archive.name(NOT_SEARCHED), _not_searched(failed))
        for name, content in texts(tables).items():
            archive.write(archive.name(name), content)
    yield archive.take()


def _name(archive: Archive, table: Table, suffix: str) -> str:
    """Return a name for a file of the table: the declared one, which is for CSV unless a project says otherwise."""
    given = str(table.declared.export_filename)
    given = f"{given.removesuffix('.csv')}{suffix}" if given.endswith(".csv") else given
    table.file = archive.name(given, label=table.label, suffix=suffix)
    return table.file


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
