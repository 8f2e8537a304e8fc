"""The default rules, in the order of the documentation's table."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

from django.conf import settings
from django.db import models
from django.db.models import F, Field, Q
from django.utils import timezone
from django.utils.translation import gettext_noop

from ..exceptions import FieldAnonymiseError
from ..phrases import Phrase
from .functions import EmptyOfSameKind, RandomUUID
from .rules import Replacement, Rule, constant, field_label
from .texts import from_key, unless_empty
from .uniqueness import is_unique, is_unique_alone, null_repeats

MAIL_SUFFIX = "@anon.example.com"
URL_PREFIX, URL_SUFFIX = "http://", ".anon.example.com"

# {field class, or its dotted path where importing it needs a database driver: rule}
DEFAULTS: dict[type[Field[Any, Any]] | str, Rule] = {}

_POSTGRES = "django.contrib.postgres.fields"

R = TypeVar("R", bound=Rule)


def default(*field_classes: type[Field[Any, Any]] | str) -> Callable[[R], R]:
    """Make the decorated function the default rule of ``field_classes``."""

    def note(function: R) -> R:
        DEFAULTS.update(dict.fromkeys(field_classes, function))
        return function

    return note


@default(
    models.CharField,
    models.SlugField,
    models.TextField,
    f"{_POSTGRES}.citext.CICharField",
    f"{_POSTGRES}.citext.CITextField",
)
def text(field: Field[Any, Any]) -> Replacement:
    if field.blank and not is_unique(field):
        return constant("")
    if field.null and null_repeats(field):
        return constant(None)
    return from_key(field)


@default(models.EmailField, f"{_POSTGRES}.citext.CIEmailField")
def email(field: Field[Any, Any]) -> Replacement:
    if field.null and null_repeats(field):
        return constant(None)
    return unless_empty(field, from_key(field, suffix=MAIL_SUFFIX))


@default(models.URLField)
def url(field: Field[Any, Any]) -> Replacement:
    if field.blank and not is_unique(field):
        return constant("")
    if field.null and null_repeats(field):
        return constant(None)
    return unless_empty(field, from_key(field, prefix=URL_PREFIX, suffix=URL_SUFFIX))


@default(
    models.IntegerField,
    models.BigIntegerField,
    models.SmallIntegerField,
    models.PositiveIntegerField,
    models.PositiveBigIntegerField,
    models.PositiveSmallIntegerField,
    models.DecimalField,
    models.FloatField,
)
def number(field: Field[Any, Any]) -> Replacement:
    return _null_or(field, 0)


@default(models.BooleanField)
def boolean(field: Field[Any, Any]) -> Replacement:
    return _null_or(field, False)


def _null_or_now(field: Field[Any, Any], now: Callable[[], Any]) -> Replacement:
    if field.null and null_repeats(field):
        return constant(None)
    if is_unique_alone(field):
        raise must_stay_unique(field)
    # Translators: what a field becomes: the time when it is done
    return Replacement(
        value=lambda instance: now(), expression=now, words=Phrase(gettext_noop("the time of it")), is_constant=True
    )


@default(models.DateField)
def date(field: Field[Any, Any]) -> Replacement:
    return _null_or_now(field, _today)


def _today() -> datetime.date:
    return timezone.localdate() if settings.USE_TZ else datetime.date.today()  # noqa: DTZ011


@default(models.DateTimeField)
def date_time(field: Field[Any, Any]) -> Replacement:
    return _null_or_now(field, timezone.now)


@default(models.TimeField)
def time(field: Field[Any, Any]) -> Replacement:
    return _null_or(field, datetime.time(0, 0))


@default(models.DurationField)
def duration(field: Field[Any, Any]) -> Replacement:
    return _null_or(field, datetime.timedelta(0))


@default(models.BinaryField)
def binary(field: Field[Any, Any]) -> Replacement:
    return _null_or(field, b"")


@default(models.GenericIPAddressField)
def ip_address(field: models.GenericIPAddressField[Any, Any]) -> Replacement:
    return _null_or(field, "::" if field.protocol.lower() == "ipv6" else "0.0.0.0")


@default(models.UUIDField)
def uuid_(field: Field[Any, Any]) -> Replacement:
    if is_unique(field) and not (field.null and null_repeats(field)):
        return Replacement(
            value=lambda instance: uuid.uuid4(), expression=RandomUUID, words=Phrase(gettext_noop("a random UUID"))
        )
    return _null_or(field, uuid.UUID(int=0))


@default(models.JSONField)
def json(field: Field[Any, Any]) -> Replacement:
    if field.null or is_unique(field):
        return _null_or(field, {})
    if callable(field.default) and (empty := field.default()) in ({}, []):
        return constant(empty)
    return Replacement(
        value=lambda instance: [] if isinstance(getattr(instance, field.attname), list) else {},
        expression=lambda: EmptyOfSameKind(F(field.name)),
        holds=lambda name: Q(**{name: {}}) | Q(**{name: []}),
        words=Phrase(gettext_noop("empty")),
    )


@default(f"{_POSTGRES}.array.ArrayField")
def array(field: Field[Any, Any]) -> Replacement:
    return _null_or(field, [])


@default(f"{_POSTGRES}.hstore.HStoreField")
def hstore(field: Field[Any, Any]) -> Replacement:
    return _null_or(field, {})


@default(
    *(f"{_POSTGRES}.ranges.{name}RangeField" for name in ("Integer", "BigInteger", "Decimal", "DateTime", "Date"))
)
def range_(field: Any) -> Replacement:
    return _null_or(field, field.range_type(empty=True))


@default("django.contrib.postgres.search.SearchVectorField")
def search_vector(field: Field[Any, Any]) -> Replacement:
    made = _null_or(field, "")
    # Django searches a vector for a text; it cannot ask whether one is empty.
    return made if field.null else replace(made, holds=None)


@default(models.FileField, models.ImageField)
def stored_file(field: Field[Any, Any]) -> Replacement:
    """``""``, also where it may be null: Django saves an empty file as ``""``, never as NULL."""
    _check_can_be_empty(field)
    if is_unique_alone(field):
        raise must_stay_unique(field)
    return constant("")


@default(models.FilePathField)
def file_path(field: Field[Any, Any]) -> Replacement:
    _check_can_be_empty(field)
    return _null_or(field, "")


def _check_can_be_empty(field: Field[Any, Any]) -> None:
    if not field.null and not field.blank:
        raise FieldAnonymiseError(
            f"Cannot anonymise {field_label(field)} - can only null file fields",
            check="E005",
            hint=f"Let the field be null or blank, write anonymise_{field.name}, or list it in PrivacyMeta.keep.",
        )


@default(models.ForeignKey, models.OneToOneField)
def relation(field: Field[Any, Any]) -> Replacement:
    if not field.null:
        raise FieldAnonymiseError(
            f"Cannot anonymise {field_label(field)} - can only null relationship field",
            check="E005",
            hint=f"Let the field be null, write anonymise_{field.name}, or list it in PrivacyMeta.keep.",
        )
    return _null_or(field, None)


@default(models.ManyToManyField)
def many_to_many(field: Field[Any, Any]) -> Replacement:
    raise FieldAnonymiseError(
        f"Cannot anonymise {field_label(field)} - cannot anonymise ManyToManyField",
        check="E006",
        hint=f"Write anonymise_{field.name}, or anonymise the through model.",
    )


def must_stay_unique(field: Field[Any, Any]) -> FieldAnonymiseError:
    """Return the error that ``field`` is unique and would get the same value in every row."""
    return FieldAnonymiseError(
        f"Cannot anonymise {field_label(field)} - it is unique, and the same value would go into every row.",
        check="E007",
        hint=f"Write anonymise_{field.name} to make a value for each row, or let the field be null.",
    )


def _null_or(field: Field[Any, Any], value: Any) -> Replacement:
    if field.null and null_repeats(field):
        return constant(None)
    if is_unique_alone(field):
        raise must_stay_unique(field)
    return constant(value)
