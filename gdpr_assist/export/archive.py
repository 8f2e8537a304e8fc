"""What is known of some rows as CSV files in a zip, page by page; writes no rows."""

from __future__ import annotations

import csv
import io
import json
import traceback
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import IO, Any

from django.db.models import Model, QuerySet
from django.utils.translation import gettext as _

from ..databases.rows import pages, takes_conditions
from ..declaring.declaration import Declaration
from ..declaring.meta import PrivacyMeta
from ..declaring.search import Failed
from ..exceptions import ExportError
from ..registry import registry
from ..sensitive import sensitive
from .cleaning import cell, file_name

RowsByModel = Iterable[tuple[type[Model], QuerySet[Any]]]

ROWS_PER_PAGE = 2000

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
def write_zip(file: IO[bytes], rows: RowsByModel, failed: Failed | None = None) -> dict[str, int]:
    """Write a zip with one CSV file for each model to ``file``; return the number of rows by name of file.

    A text in it names the models that could not be searched: those of ``failed``, or of ``rows.failed`` if ``rows``
    is what ``registry.search()`` returned. Raises ``ExportError``; what ``file`` holds then cannot be opened as a zip.
    """
    counts: dict[str, int] = {}
    for chunk in stream_zip(rows, counts, failed):
        file.write(chunk)
    return counts


@sensitive
def stream_zip(
    rows: RowsByModel, counts: dict[str, int] | None = None, failed: Failed | None = None
) -> Iterator[bytes]:
    """Yield the same zip in pieces; each is given out before the next rows are read.

    ``counts`` is filled with the number of rows by name of file. Raises ``ExportError``, and so never gives out the
    directory at the end, without which nothing takes the pieces for a zip.
    """
    counts = {} if counts is None else counts
    sink = Sink()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        for model, queryset in rows:
            declared = registry.declaration(model)
            name = file_name(str(declared.export_filename), label=declared.label, taken=counts)
            counts[name] = 0
            with (
                _broken_off(declared),
                # Nobody knows yet whether it will be more than 4 GiB
                archive.open(name, "w", force_zip64=True) as binary,
                io.TextIOWrapper(binary, "utf-8", newline="") as text,
            ):
                yield sink.take()
                for written in _write_csv(text, declared, queryset):
                    counts[name] += written
                    if chunk := sink.take():  # after a short page, zlib keeps all to itself
                        yield chunk
        if failed := getattr(rows, "failed", {}) if failed is None else failed:
            archive.writestr(file_name(NOT_SEARCHED, label="gdpr_assist", taken=counts), _not_searched(failed))
    yield sink.take()


def _not_searched(failed: Failed) -> str:
    lines = [f"{model._meta.label} ({error})\n" for model, error in failed.items()]
    return _("These models could not be searched. What they hold may be missing here.") + "\n\n" + "".join(lines)


def _write_csv(file: IO[str], declared: Declaration, queryset: QuerySet[Any]) -> Iterator[int]:
    """Write the rows of ``queryset`` as ``PrivacyMeta.export`` gives them; yield the number of each page.

    The columns are the declared ones; where a custom ``export`` gives others, all that any row has: those rows are
    read twice.
    """
    names = list(declared.export_fields)
    if type(declared.meta).export is not PrivacyMeta.export:
        given = (name for page in _exported(declared, queryset) for row in page for name in row)
        names = list(dict.fromkeys(given)) or names
    writer = csv.DictWriter(file, names, restval="")
    writer.writerow({name: _cell(name) for name in names})
    for page in _exported(declared, queryset):
        writer.writerows({name: _cell(value) for name, value in row.items()} for row in page)
        yield len(page)


def _exported(declared: Declaration, queryset: QuerySet[Any]) -> Iterator[list[dict[str, Any]]]:
    """Yield what is known of each row, in pages; of a row once, however often the queryset's joins find it."""
    for page in _pages(queryset):
        rows = {row.pk: row for row in page}
        yield [declared.meta.export(row) for row in rows.values()]


def _pages(queryset: QuerySet[Any]) -> Iterable[list[Any]]:
    return pages(queryset, ROWS_PER_PAGE) if takes_conditions(queryset) else [list(queryset)]


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


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, (dict, list)):
        return cell(json.dumps(value, default=str, ensure_ascii=False))
    text = str(value)
    return text if isinstance(value, (int, float, Decimal)) and _is_number(text) else cell(text)


def _is_number(text: str) -> bool:
    """Whether ``text`` is a number, also as Python writes a small one; a class may have a text of its own."""
    try:
        float(text)
    except ValueError:
        return False
    return True
