"""Pages that are read in a browser without any other tool: tables, and a cover. No script, and no style within them.

Built from the templates in ``gdpr_assist/export/``, in the language that is active. An app that stands before this one
in ``INSTALLED_APPS`` may have others.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cache
from itertools import chain, pairwise
from typing import Any, NamedTuple
from urllib.parse import quote

from django.core.exceptions import FieldDoesNotExist
from django.db.models import Field, Model
from django.db.models.fields.files import FieldFile
from django.template.backends.django import DjangoTemplates
from django.utils import timezone
from django.utils.formats import localize
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from ..phrases import Phrase, translated
from ..registry import registry
from ..undocumented import all_choices
from . import uploads
from .naming import called, called_in, keys
from .records import Record, Table
from .values import encoded, text
from .zipping import Archive

ROWS_PER_PAGE = 1000

COVER = "index.html"
STYLE = "export.css"
TEMPLATES = "gdpr_assist/export"

# What every browser shows within a page; none of it holds a script
IMAGES = (".png", ".jpg", ".jpeg", ".gif", ".webp", ".avif", ".bmp")


class Cell(NamedTuple):
    """What stands in a cell: a text, and where that leads to."""

    text: str
    href: str = ""
    is_image: bool = False
    is_cut: bool = False
    """Whether the file could not be read to its end."""


@dataclass(frozen=True, kw_only=True)
class Whole:
    """An export of which all rows are written."""

    reference: str
    """By which it can be told from others."""

    tables: list[Table]
    counts: Mapping[str, int]
    failed: list[str]
    """Labels of models that could not be searched."""

    manifest: Mapping[str, Any]
    """For whom it is, and what was left out; empty where nobody knows."""


def write(archive: Archive, table: Table, stem: str) -> Iterator[None]:
    """Write the records to pages, and the files that they name before each; pause after each.

    ``stem`` is that of the names of files, which no other table has.
    """
    columns = {column: _labels(table, column) for column in table.columns}
    titles = [title(table, column) for column in columns]
    pages: Iterable[Any] = chain(table.records(ROWS_PER_PAGE), [None])
    for number, (page, following) in enumerate(pairwise(pages), start=1):
        for column, stored in _stored(page):
            yield from uploads.copy(archive, table, column, stored, f"files/{stem}")
        context = {
            "name": _names(table),
            "titles": titles,
            "rows": [[_cell(table, name, record.get(name), columns[name]) for name in columns] for record in page],
            "number": number,
            "previous": quote(f"{stem}-{number - 1}.html") if number > 1 else "",
            "following": quote(f"{stem}-{number + 1}.html") if following else "",
        }
        table.pages.append(f"tables/{stem}-{number}.html")
        archive.write(table.pages[-1], _rendered("table.html", context))
        yield


def cover(archive: Archive, whole: Whole) -> None:
    """Write the page with which a reader begins: for whom, from when, what there is, and what was left out and why."""
    withheld = {each["file"]: each["withheld"] for each in whole.manifest.get("files", ())}
    models = {declared.label: declared.model for declared in registry}
    context = {
        "whole": whole,
        "made": timezone.now(),
        "known_by": [(called(kind), values) for kind, values in whole.manifest.get("identifiers", {}).items()],
        "failed": [capfirst(models[label]._meta.verbose_name_plural) for label in whole.failed],
        "tables": [_about(table, whole, withheld.get(table.file, {})) for table in whole.tables],
        "unread": [each for table in whole.tables for each in table.uploads.values() if each.error],
        "empty": [capfirst(models[label]._meta.verbose_name_plural) for label in whole.manifest.get("empty", ())],
        "not_included": [_said(each, models) for each in whole.manifest.get("not_included", ())],
        "acted": [_acted(each, models[each.label]) for each in whole.manifest.get("acted", ())],
        "copies": [_counted(models[label], count) for label, count in whole.manifest.get("copies", {}).items()],
        "is_left_out": any(whole.manifest.get(each) for each in ("copies", "not_included", "acted", "narrowed")),
    }
    archive.write(COVER, _rendered(COVER, context))
    archive.write(STYLE, _rendered(STYLE, {}))


@cache
def _engine() -> DjangoTemplates:
    """Return an engine of our own: that of a project may not be Django's, or escape nothing."""
    return DjangoTemplates({"NAME": __name__, "DIRS": [], "APP_DIRS": True, "OPTIONS": {}})


def _rendered(name: str, context: dict[str, Any]) -> str:
    return str(_engine().get_template(f"{TEMPLATES}/{name}").render(context))


def title(table: Table, column: str) -> str:
    """Return what a reader calls a column."""
    try:
        field: Any = table.declared.model._meta.get_field(column)
        return str(capfirst(field.verbose_name))
    except (FieldDoesNotExist, AttributeError):
        return str(capfirst(text(column).replace("_", " ").strip()))


def _names(table: Table) -> str:
    names = str(capfirst(table.declared.model._meta.verbose_name_plural))
    if not table.view.party:
        return names
    # Translators: a heading: what this person is in the rows, as "Messages (this person: sender)"
    text = _("%(rows)s (this person: %(party)s)")
    return text % {"rows": names, "party": called_in(table.declared.model, table.view.party)}


def _about(table: Table, whole: Whole, withheld: Mapping[str, str]) -> dict[str, Any]:
    return {
        "name": _names(table),
        "rows": whole.counts[table.file],
        "pages": list(map(quote, table.pages)),
        "csv": quote(table.file),
        "json": quote(table.json),
        "schema": quote(table.schema),
        "files": sum(1 for each in table.uploads.values() if each.file),
        "purposes": table.declared.purposes,
        "recipients": table.declared.recipients,
        "withheld": [(title(table, column), _(reason)) for column, reason in withheld.items()],
    }


def _said(left: Any, models: Mapping[str, type[Model]]) -> str:
    """Return in words why rows are not in the export: how many of which model, and the reason."""
    return f"{_counted(models[left.label], left.count)}, {translated(left.reason)}"


def _acted(left: Any, model: type[Model]) -> str:
    """Return in words which rows of ``model`` only name the person, and under which fields."""
    fields = ", ".join(called_in(model, key) for key in dict.fromkeys(keys(left.reason)))
    # Translators: as "Orders: 96 rows, in which this person is named under “packed by” only"
    text = _("%(rows)s, in which this person is named under “%(fields)s” only")
    return text % {"rows": _counted(model, left.count), "fields": fields}


def _counted(model: type[Model], count: int) -> str:
    rows = ngettext("%(rows)s row", "%(rows)s rows", count) % {"rows": localize(count)}
    return f"{capfirst(model._meta.verbose_name_plural)}: {rows}"


def _stored(page: Iterable[Record]) -> Iterator[tuple[str, FieldFile]]:
    return ((name, value) for each in page for name, value in each.items() if isinstance(value, FieldFile) and value)


def _labels(table: Table, column: str) -> Mapping[Any, Any]:
    """Return what the choices of a field are called."""
    if table.has_own_export:
        return {}
    try:
        field: Any = table.declared.model._meta.get_field(column)
    except FieldDoesNotExist:
        return {}
    return dict(all_choices(field)) if isinstance(field, Field) else {}


def _cell(table: Table, column: str, value: Any, labels: Mapping[Any, Any]) -> Cell:
    if isinstance(value, FieldFile):
        return _file(table, column, value)
    # Not looked up: the value of a JSON column is no key.
    label = next((label for each, label in labels.items() if value == each), None)
    return Cell(shown(value) if label is None else text(label))


def _file(table: Table, column: str, stored: FieldFile) -> Cell:
    upload = table.uploads.get((column, str(stored.name)))
    if upload is None:
        return Cell("")
    is_image = not upload.error and upload.file.lower().endswith(IMAGES)
    href = quote(f"../{upload.file}") if upload.file else ""
    return Cell(upload.name, href, is_image, is_cut=bool(upload.error))


def shown(value: Any) -> str:
    """Return ``value`` as somebody reads it who is no programmer, in the active language and time zone."""
    if value is None:
        return ""
    if isinstance(value, Phrase):
        return translated(value)
    if isinstance(value, bool):
        return _("Yes") if value else _("No")
    if isinstance(value, datetime):
        return str(localize(value if timezone.is_naive(value) else timezone.localtime(value)))
    written, kind = encoded(value)
    if kind == "bytes":
        size = len(bytes(value))
        return ngettext("%(size)s byte", "%(size)s bytes", size) % {"size": localize(size)}
    if kind in ("list", "object", "range"):
        return json.dumps(written, ensure_ascii=False, indent=2)
    if kind in ("date", "time") or (kind in ("integer", "float", "decimal") and _is_finite(value)):
        return str(localize(value))
    return text(value)


def _is_finite(value: float | Decimal) -> bool:
    return math.isfinite(value)
