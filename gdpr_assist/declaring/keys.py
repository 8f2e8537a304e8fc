"""The primary key as text, in SQL as in Python."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import Field, Model, Value
from django.db.models.functions import Cast, Replace, Substr

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


class _AsText(Cast):
    """A cast to text. MariaDB compares it with a column of any collation only if it has one of its own."""

    def as_mysql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        sql, parameters = super().as_mysql(compiler, connection, **context)
        return f"CONVERT({sql} USING utf8mb4) COLLATE utf8mb4_bin", parameters


def key_text(model: type[Model], key: Any = "pk") -> Any:
    """Return the expression equal to ``str(obj.pk)``, or None if the databases write this type in ways of their own.

    A project's own class has one if it converts nothing.

    A UUID is 32 hex digits on SQLite and on MariaDB before Django 5.0, and has dashes elsewhere: first take all dashes
    out, then put them where Python does.
    """
    text = _AsText(key, models.TextField())
    field = key_field(model)
    if stores_as(field, models.UUIDField):
        digits = Replace(text, Value("-"), Value(""), output_field=models.TextField())
        parts: list[Any] = []
        for start, length in ((1, 8), (9, 4), (13, 4), (17, 4), (21, 12)):
            parts += [Substr(digits, start, length), Value("-")]
        return Joined(*parts[:-1])
    return text if stores_as(field, *_TEXT_KEYS, *INTEGER_KEYS) else None


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
