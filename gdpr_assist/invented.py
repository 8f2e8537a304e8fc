"""Rows that nobody has: a value for each column, by its class. Asks no database, and calls no code of the model."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any

from django.db import models
from django.db.models import Model
from django.db.models.base import ModelState

from .undocumented import all_choices

# {what stands in the name of a column: what a text in it is}
_TEXTS = {"phone": "+44 1632 960017", "street": "17 Example Road", "address": "17 Example Road", "city": "Exampleton"}


def _text(field: Any) -> str:
    text = next((text for word, text in _TEXTS.items() if word in field.name.lower()), "Alex Example")
    return text[: field.max_length]


# {class of a field: what a column of it, or of a class below it, holds}; the first that fits
_VALUES: dict[type[Any], Callable[[Any], Any]] = {
    models.EmailField: lambda field: "alex@example.org",
    models.URLField: lambda field: "https://example.org/alex",
    models.SlugField: lambda field: "alex",
    models.FileField: lambda field: "files/alex.pdf",
    models.FilePathField: lambda field: "files/alex.pdf",
    models.GenericIPAddressField: lambda field: "192.0.2.1",
    models.CharField: _text,
    models.TextField: _text,
    models.BooleanField: lambda field: True,
    models.IntegerField: lambda field: 17,
    models.FloatField: lambda field: 17.5,
    models.DecimalField: lambda field: Decimal(17),
    models.DateTimeField: lambda field: datetime(1990, 5, 17, 12, tzinfo=timezone.utc),
    models.DateField: lambda field: date(1990, 5, 17),
    models.TimeField: lambda field: time(12),
    models.DurationField: lambda field: timedelta(days=17),
    models.UUIDField: lambda field: uuid.UUID(int=17),
    models.JSONField: lambda field: {"name": "Alex Example"},
    models.BinaryField: lambda field: b"Alex Example",
}


def invented(model: type[Model]) -> Model:
    """Return an object of ``model`` that is not stored; a column of an unknown class holds None.

    Neither its ``__init__`` nor a receiver of ``pre_init`` or ``post_init`` is called.
    """
    row: Model = object.__new__(model)
    row._state = ModelState()
    for field in model._meta.concrete_fields:
        row.__dict__[field.attname] = _value(field)
    return row


def _value(field: Any) -> Any:
    while field.remote_field:
        field = field.target_field
    choices = [value for value, _label in all_choices(field) if value not in (None, "")]
    if choices:
        return choices[0]
    return next((make(field) for kind, make in _VALUES.items() if isinstance(field, kind)), None)
