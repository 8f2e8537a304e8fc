"""What is known of some rows as CSV files in a zip; writes no rows."""

from __future__ import annotations

import csv
import io
import json
import re
import zipfile
from collections.abc import Iterable
from typing import IO, Any

from django.db.models import Model, QuerySet

from .declaration import Declaration
from .registry import registry

# A spreadsheet runs such a cell as a formula (OWASP, "CSV Injection"). Numbers, also of telephones, stay.
FORMULA = re.compile(r"[=@\t\r]|[+-](?![\d\s().+-]*$)")


def write_zip(file: IO[bytes], found: Iterable[tuple[type[Model], QuerySet[Any]]]) -> dict[str, int]:
    """Write a zip with one CSV file for each model to ``file``; return the number of rows by name of file."""
    counts: dict[str, int] = {}
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for model, queryset in found:
            declared = registry.declaration(model)
            name = _free_name(declared, counts)
            with (
                archive.open(name, "w") as binary,
                io.TextIOWrapper(binary, "utf-8", newline="") as text,
            ):
                counts[name] = write_csv(text, declared, queryset)
    return counts


def write_csv(file: IO[str], declared: Declaration, queryset: QuerySet[Any]) -> int:
    """Write the rows of ``queryset`` as ``PrivacyMeta.export`` gives them; return their number.

    The columns are the declared ones; where a custom ``export`` gives others, all that any row has.
    """
    rows = [declared.meta.export(instance) for instance in queryset.iterator(chunk_size=2000)]
    names = list(dict.fromkeys(name for row in rows for name in row)) or list(declared.export_fields)
    writer = csv.DictWriter(file, names, restval="")
    writer.writeheader()
    writer.writerows({name: _cell(value) for name, value in row.items()} for row in rows)
    return len(rows)


def _cell(value: Any) -> Any:
    if value is None:
        return ""
    text = json.dumps(value, default=str, ensure_ascii=False) if isinstance(value, (dict, list)) else str(value)
    return f"'{text}" if FORMULA.match(text) else text


def _free_name(declared: Declaration, taken: Iterable[str]) -> str:
    """The model's file name; with its label in front where two models chose the same."""
    name = declared.export_filename
    return f"{declared.label}-{name}" if name in taken else name
