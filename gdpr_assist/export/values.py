"""What a value of an export is: in JSON, of which kind, and as a text. Reads no rows."""

from __future__ import annotations

import math
from base64 import b64encode
from collections.abc import Callable, Collection
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any
from uuid import UUID

from django.db import models
from django.utils.duration import duration_iso_string
from django.utils.timezone import is_naive

# The kinds of values, each as JSON Schema says it
KINDS: dict[str, dict[str, Any]] = {
    "null": {"type": "null"},
    "boolean": {"type": "boolean"},
    "integer": {"type": "integer"},
    "float": {"anyOf": [{"type": "number"}, {"enum": ["NaN", "Infinity", "-Infinity"]}]},
    "decimal": {"type": "string", "pattern": r"^(-?[0-9]+(\.[0-9]+)?(E[+-]?[0-9]+)?|-?Infinity|-?s?NaN[0-9]*)$"},
    "text": {"type": "string"},
    "uuid": {"type": "string", "format": "uuid"},
    "bytes": {"type": "string", "contentEncoding": "base64"},
    "date-time": {"type": "string", "format": "date-time"},
    # Without an offset it is no date-time of JSON Schema.
    "naive date-time": {"type": "string", "pattern": r"^[0-9]{4}(-[0-9]{2}){2}T[0-9]{2}(:[0-9]{2}){2}(\.[0-9]+)?$"},
    "date": {"type": "string", "format": "date"},
    "time": {"type": "string", "pattern": r"^[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?([+-][0-9:.]+)?$"},
    # The format "duration" has no sign and no fractions.
    "duration": {"type": "string", "pattern": r"^-?P[0-9]+DT[0-9]{2}H[0-9]{2}M[0-9]{2}(\.[0-9]+)?S$"},
    "range": {
        "type": "object",
        "properties": {"lower_inc": {"type": "boolean"}, "upper_inc": {"type": "boolean"}, "empty": {"const": True}},
    },
    "list": {"type": "array"},
    "object": {"type": "object"},
}

# The kinds of JSON itself
OF_JSON = ("null", "boolean", "integer", "float", "text", "list", "object")

# (classes of fields, the kinds that their columns may have); the first that fits counts
OF_FIELDS: tuple[tuple[Any, tuple[str, ...]], ...] = (
    (models.JSONField, OF_JSON),
    (models.BooleanField, ("boolean",)),
    (models.IntegerField, ("integer",)),
    (models.FloatField, ("float",)),
    (models.DecimalField, ("decimal",)),
    (models.DateTimeField, ("date-time",)),
    (models.DateField, ("date",)),
    (models.TimeField, ("time",)),
    (models.DurationField, ("duration",)),
    (models.UUIDField, ("uuid",)),
    (models.BinaryField, ("bytes",)),
    (
        (models.CharField, models.TextField, models.FileField, models.FilePathField, models.GenericIPAddressField),
        ("text",),
    ),
)

# In JSON, and its kind
Encoded = tuple[Any, str]


def text(value: Any) -> str:
    """Return ``value`` as a text; of a row whose text cannot be made, which one it is."""
    try:
        return str(value)
    except Exception:  # whatever the __str__ of a project raises
        if isinstance(value, models.Model):
            return f"{value._meta.label} {value.pk}"
        raise


def encoded(value: Any) -> Encoded:
    """Return ``value`` such that JSON loses nothing of it, and its kind; of a class that is not known, its text."""
    if isinstance(value, datetime):
        return datetime.isoformat(value), "naive date-time" if is_naive(value) else "date-time"
    make, kind = _way(type(value))  # type: ignore[arg-type]
    return make(value), kind


def kinds_of(field: Any) -> set[str]:
    """Return the kinds of values that the column of ``field`` may have; empty where its class does not say."""
    declared = next((kinds for classes, kinds in OF_FIELDS if isinstance(field, classes)), ())
    return {*declared, "null"} if declared and field.null else set(declared)


def schema_of(kinds: Collection[str]) -> dict[str, Any]:
    """Return what JSON Schema says of a value of one of ``kinds``; without any, nothing is known."""
    several = [schema for kind, schema in KINDS.items() if kind in kinds]
    return {"anyOf": several} if len(several) > 1 else dict(*several)


def _same(value: Any) -> Any:
    return value


def _float(value: float) -> float | str:
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _bytes(value: Any) -> str:
    return b64encode(bytes(value)).decode()


def _list(value: Any) -> list[Any]:
    return [encoded(each)[0] for each in value]


def _object(value: dict[Any, Any]) -> dict[str, Any]:
    return {text(name): encoded(each)[0] for name, each in value.items()}


def _range(value: Any) -> dict[str, Any]:
    if value.isempty:
        return {"empty": True}
    ends = {"lower": encoded(value.lower)[0], "upper": encoded(value.upper)[0]}
    return {**ends, "lower_inc": value.lower_inc, "upper_inc": value.upper_inc}


# How a value of a class is written, and its kind. The first that fits counts: a bool is an int, too. A subclass may
# have a text of its own, which is not what the column holds.
WAYS: tuple[tuple[Any, Callable[[Any], Any], str], ...] = (
    (type(None), _same, "null"),
    (bool, _same, "boolean"),
    (int, int, "integer"),
    (float, _float, "float"),
    (Decimal, Decimal.__str__, "decimal"),
    (str, _same, "text"),
    (UUID, UUID.__str__, "uuid"),
    ((bytes, bytearray, memoryview), _bytes, "bytes"),
    (date, date.isoformat, "date"),
    (time, time.isoformat, "time"),
    (timedelta, duration_iso_string, "duration"),
    (dict, _object, "object"),
    ((list, tuple, set, frozenset), _list, "list"),
)


@lru_cache(maxsize=1000)
def _way(kind: Any) -> tuple[Callable[[Any], Any], str]:
    if hasattr(kind, "isempty"):  # the ranges of psycopg, in each of its versions
        return _range, "range"
    return next(((make, name) for classes, make, name in WAYS if issubclass(kind, classes)), (text, "text"))
