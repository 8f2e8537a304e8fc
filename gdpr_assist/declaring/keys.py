"""The primary key as text, in SQL as in Python."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timezone
from decimal import Decimal
from functools import partial
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from django.db import models
from django.db.backends.utils import format_number
from django.db.models import Field, Model, Value
from django.db.models.functions import Cast, Replace, Substr
from django.utils.timezone import is_aware

from .digits import Joined

UUID_LENGTH = 36


_TEXT_KEYS = (
    models.CharField,
    models.TextField,
    models.SlugField,
    models.EmailField,
    models.URLField,
)
INTEGER_KEYS = (
    models.AutoField,
    models.BigAutoField,
    models.SmallAutoField,
    models.IntegerField,
    models.BigIntegerField,
    models.SmallIntegerField,
    models.PositiveIntegerField,
    models.PositiveBigIntegerField,
    models.PositiveSmallIntegerField,
)

# No text that somebody has chosen, whatever Python makes of it
_TELL_NOTHING = (
    *INTEGER_KEYS,
    models.UUIDField,
    models.DateField,
    models.TimeField,
    models.DurationField,
    models.DecimalField,
    models.FloatField,
    models.BooleanField,
)

# {class: characters of its largest number, or smallest with its sign}, the special classes first
INTEGER_LENGTHS = {
    models.BigAutoField: 20,
    models.SmallAutoField: 6,
    models.AutoField: 11,
    models.BigIntegerField: 20,
    models.PositiveBigIntegerField: 19,
    models.SmallIntegerField: 6,
    models.PositiveSmallIntegerField: 5,
    models.IntegerField: 11,
}


def is_converted(field: Any) -> bool:
    """Whether a field, of a class that is not Django's own, stores something else than what Python has."""
    base = next(each for each in type(field).__mro__ if each.__module__.startswith("django."))
    return not stores_as(field, base)


def key_field(model: type[Model]) -> Any:
    """Return the field that holds the primary key's value, through one-to-one keys and multi-table parents."""
    return _end(model._meta.pk)


def key_fields(model: type[Model]) -> list[Any]:
    """Return the same of each part of the primary key: of one that is not composite, one field."""
    return [_end(part) for part in getattr(model._meta, "pk_fields", [model._meta.pk])]


def _end(field: Any) -> Any:
    while field.remote_field:
        field = field.target_field
    return field


def is_composite(model: type[Model]) -> bool:
    """Whether the primary key is of several columns, as from Django 5.2 on it may be.

    ``pk__in`` then takes no set, and no expression of SQL is the key as text.
    """
    return len(getattr(model._meta, "pk_fields", ())) > 1


def telling_keys(model: type[Model]) -> list[Any]:
    """Return the fields of the primary key that may hold what somebody has chosen: no number, no UUID, no key."""
    parts = getattr(model._meta, "pk_fields", [model._meta.pk])
    return [
        each for each in parts if not each.remote_field and not isinstance(each, (*INTEGER_KEYS, models.UUIDField))
    ]


# What a subclass may change about how Python's value and the database's differ.
_CONVERSIONS = ("db_type", "descriptor_class", "from_db_value", "get_db_prep_value", "get_prep_value", "to_python")


def stores_as(field: Any, *classes: type[Field[Any, Any]]) -> bool:
    """Whether a field is of one of ``classes``, or of a subclass that stores its values as that class does."""
    return any(
        isinstance(field, each)
        and all(getattr(type(field), name, None) is getattr(each, name, None) for name in _CONVERSIONS)
        for each in classes
    )


class AsText(Cast):
    """A cast to text. MariaDB compares it with a column of any collation only if it has one of its own."""

    def as_mysql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        sql, parameters = super().as_mysql(compiler, connection, **context)
        return f"CONVERT({sql} USING utf8mb4) COLLATE utf8mb4_bin", parameters


def key_text(model: type[Model], key: Any = "pk") -> Any:
    """Return the expression equal to what ``stored_texts`` gives, or None if the databases write this type otherwise.

    A project's own class has one if it converts nothing.

    A UUID is 32 hex digits on SQLite and on MariaDB before Django 5.0, and has dashes elsewhere: first take all dashes
    out, then put them where Python does.
    """
    text = AsText(key, models.TextField())
    field = key_field(model)
    if stores_as(field, models.UUIDField):
        digits = Replace(text, Value("-"), Value(""), output_field=models.TextField())
        parts: list[Any] = []
        for start, length in ((1, 8), (9, 4), (13, 4), (17, 4), (21, 12)):
            parts += [Substr(digits, start, length), Value("-")]
        return Joined(*parts[:-1])
    return text if stores_as(field, *_TEXT_KEYS, *INTEGER_KEYS) else None


def stored_text(model: type[Model], key: Any) -> str:
    """Return the same of one primary key as ``stored_texts``."""
    [text] = stored_texts(model, [key])
    return text


def stored_texts(model: type[Model], keys: Iterable[Any]) -> Iterator[str]:
    """Yield each primary key as text, the same whatever it is in memory: of a composite one JSON, which Django reads.

    ``to_python`` of the field reads it.
    """
    write = [_writer(field) for field in key_fields(model)]
    for key in keys:
        if isinstance(key, (tuple, list)):
            yield json.dumps([of(part) for of, part in zip(write, key, strict=True)])
        else:
            yield write[0](key)


def is_plain(model: type[Model]) -> bool:
    """Whether the fields of the primary key are of Django's own classes, or store as these do."""
    return all(map(_is_plain, key_fields(model)))


def _is_plain(field: Any) -> bool:
    return stores_as(field, *_TEXT_KEYS, *_TELL_NOTHING)


def _writer(field: Any) -> Callable[[Any], str]:
    return partial(_as_stored if _is_plain(field) else _as_stored_or_shown, field)


def _as_stored(field: Any, key: Any) -> str:
    return _text(field, field.get_prep_value(key))


def _as_stored_or_shown(field: Any, key: Any) -> str:
    """What the database has says least of a class of a project's own; where that does not lead back, as dumpdata does.

    ``str()`` of a value may be anything: https://docs.djangoproject.com/en/5.2/howto/custom-model-fields/
    """
    stored = field.get_prep_value(key)
    text = _text(field, stored)
    try:
        if field.get_prep_value(field.to_python(text)) == stored:
            return text
    except Exception:  # noqa: BLE001  (whatever a project's class raises for a text that is not its own)
        pass
    value = field.to_python(key)
    return str(field.value_to_string(SimpleNamespace(**{field.name: value, field.attname: value})))


def _text(field: Any, stored: Any) -> str:
    """Return what the field gives the database as the text that this gives back: an enum's member has a name too."""
    if isinstance(stored, str):
        return str.__str__(stored)
    if isinstance(stored, int) and not isinstance(stored, bool):
        return int.__repr__(stored)
    if isinstance(stored, UUID):
        return UUID.__str__(stored)
    if isinstance(stored, Decimal) and isinstance(field, models.DecimalField):
        return str(format_number(stored, field.max_digits, field.decimal_places))
    if isinstance(stored, datetime) and is_aware(stored):
        return str(stored.astimezone(timezone.utc))
    if isinstance(stored, (bytes, memoryview)):
        return base64.b64encode(stored).decode("ascii")
    return str(stored)


def is_text(model: type[Model]) -> bool:
    """Whether the primary key, or a part of it, is no number, UUID, or date, whatever it is in memory."""
    return not all(isinstance(field, _TELL_NOTHING) for field in key_fields(model))


def is_whole_number(model: type[Model]) -> bool:
    """Whether the primary key is a whole number, which the databases take as it is."""
    return stores_as(key_field(model), *INTEGER_KEYS)


def longest_key(model: type[Model]) -> int | None:
    """Return how many characters the primary key has at most as text, None if any number."""
    key = key_field(model)
    if isinstance(key, models.UUIDField):
        return UUID_LENGTH
    lengths = (length for kind, length in INTEGER_LENGTHS.items() if isinstance(key, kind))
    return next(lengths, key.max_length)
