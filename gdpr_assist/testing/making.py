"""Makes rows for tests, with a token of their own in every text column. Writes rows; nothing but tests calls it.

The only module that knows model_bakery, which is what the extra ``testing`` of the package installs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.files.base import ContentFile
from django.db import DEFAULT_DB_ALIAS, models
from django.db.models import Field, Model
from django.utils.module_loading import import_string

from ..declaring.meta import declarable
from .within import as_stored, declared_paths, filled

try:
    from model_bakery import baker, generators
except ImportError:
    baker = None  # type: ignore[assignment]

# Of a token, in characters
LENGTH = 12

# {class of fields: what stands around a token in it}
AROUND = {models.EmailField: ("", "@quill.example"), models.URLField: ("https://", ".example/")}

TEXTS = (models.CharField, models.TextField, models.GenericIPAddressField, models.JSONField, models.FileField)


@dataclass(frozen=True)
class Written:
    """One row, and the tokens in its columns."""

    row: Model
    tokens: dict[str, list[str]]
    """{name of a column: tokens in it}"""

    beside: list[str]
    """Those that are no part of what is personal in a column of JSON."""


def make_row(model: type[Model], *, using: str = DEFAULT_DB_ALIAS, **values: Any) -> Model:
    """Make a row of ``model``, with ``values``, a token in every text column, and what else it needs.

    In a column of JSON of which only some is personal (``json_fields``), a token stands at each path. Rows that it
    must point at are made too; keys that may be NULL are. Raises ``ImproperlyConfigured`` where model_bakery is not
    installed, and what that, or the database, raises for a row that it cannot make.
    """
    return write(model, using, values).row


def write(model: type[Model], using: str, values: dict[str, Any]) -> Written:
    """Do what ``make_row`` does, and return the tokens too."""
    if baker is None:
        raise ImproperlyConfigured(
            "gdpr_assist.testing makes rows with model_bakery, which is not installed: "
            'pip install "django-gdpr-assist[testing]".'
        )
    given: dict[str, Any] = dict(values)
    tokens: dict[str, list[str]] = {}
    beside: list[str] = []
    optional = []
    paths = declared_paths(model)
    known = [import_string(name) for name in getattr(settings, "BAKER_CUSTOM_FIELDS_GEN", {})]
    for column in _columns(model):
        if {column.name, column.attname} & values.keys():
            continue
        if column.name in paths:
            value, within, others = filled(paths[column.name], _new_token)
            given[column.name] = as_stored(column, value)
            if len(given[column.name]) > _length(column):
                given[column.name], within, others = as_stored(column, {}), [], []
            tokens[column.name], beside = within, beside + others
        elif type(column) not in known and (token := _token(column)):
            tokens[column.name], given[column.name] = [token], _value(column, token)
        elif (type(column) in known or _is_known(column)) and not column.unique:
            optional.append(column.name)  # unique ones may be NULL: model_bakery gives every row the same day
    row: Model = baker.make(model, _using=using, _fill_optional=optional, **given)
    return Written(row, tokens, beside)


def _columns(model: type[Model]) -> list[Field[Any, Any]]:
    """Return the columns that hold no key, and the primary key if it is a text that somebody has to choose."""
    key: Any = model._meta.pk
    is_chosen = isinstance(key, models.CharField) and not key.has_default()
    return [*([key] if is_chosen else []), *(each for each in declarable(model) if not each.is_relation)]


def _is_known(column: Field[Any, Any]) -> bool:
    """Whether model_bakery can make a value. It goes by the exact class, and is told here of what kind that is."""
    known = generators.get_type_mapping()
    kind = next((each for each in type(column).__mro__ if each in known), None)
    if kind not in (None, type(column)) and generators.get(type(column)) is None:
        generators.add(type(column), known[kind])  # type: ignore[arg-type]
    return kind is not None


def _token(column: Field[Any, Any]) -> str:
    """Return a token for the column; an empty text for one that has no room for it, or is no text."""
    if isinstance(column, models.GenericIPAddressField):
        return "" if column.protocol.lower() == "ipv4" else f"fd0c:c0de:{uuid4().hex[:4]}::{uuid4().hex[:4]}"
    room = LENGTH + len("".join(_around(column)))
    is_text = isinstance(column, (models.CharField, models.TextField, models.JSONField, models.FileField))
    return _new_token() if is_text and not column.choices and _length(column) >= room else ""


def _new_token() -> str:
    return f"kq{uuid4().hex[: LENGTH - 3]}z"


def _length(column: Field[Any, Any]) -> int:
    return column.max_length or 1000


def _around(column: Field[Any, Any]) -> tuple[str, str]:
    return next((around for kind, around in AROUND.items() if isinstance(column, kind)), ("", ""))


def _value(column: Field[Any, Any], token: str) -> Any:
    if isinstance(column, models.FileField):
        return ContentFile(token.encode(), f"{token}.txt")
    if isinstance(column, models.JSONField):
        return {"said": token}
    return token.join(_around(column))
