"""What takes the place of a field's value, as SQL for a set of rows and as a value for one. Writes nothing."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, TypeVar

from django.conf import settings
from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX, make_password
from django.core.exceptions import ValidationError
from django.db import connections, models
from django.db.models import Case, F, Field, Func, Model, Q, Value, When
from django.db.models.constants import LOOKUP_SEP
from django.db.models.functions import Cast, Left, Length, Replace, Right, Substr
from django.db.models.lookups import Exact
from django.utils import timezone

from ..databases.columns import has_sql_of_its_own
from ..exceptions import FieldAnonymiseError
from .digits import Joined, digest, digest_expression

# A unique text shorter than this many hex digits is too likely to meet another one.
SHORTEST_DIGEST = 16

# How many digits stand beside the primary key in a unique text: fewer could be tried out
FEWEST_DIGITS, MOST_DIGITS = 8, 16

UUID_LENGTH = 36

NO_DIGITS = (
    "it is too short for digits that nobody can guess, so that its new value is the primary key alone, or the end of "
    "it: whoever takes that value first keeps the row from being anonymised"
)

MAIL_SUFFIX = "@anon.example.com"
URL_PREFIX, URL_SUFFIX = "http://", ".anon.example.com"


@dataclass(frozen=True, kw_only=True)
class Replacement:
    """What takes the place of one field's value. Both ways must give the same.

    ``value(instance)`` is the value for one row. ``expression()`` is the same for a set: a value or an ORM expression;
    None if it can only be computed in Python. ``holds(name)`` is the condition under which a row already has it, None
    where that cannot be told (the current time, a random value).
    """

    value: Callable[[Model], Any]
    expression: Callable[[], Any] | None = None
    holds: Callable[[str], Q] | None = None

    is_constant: bool = False
    """Whether all rows that are anonymised together get the same value."""

    is_keyed: bool = False
    """Whether it takes the key of the database (``Instance.key``), which must be there before rows are changed."""

    doubt: str = ""
    """What a check says of the value (W014); empty if there is nothing to say."""

    cure: str = "Let the field be null or blank"
    """What that check tells to do, beside writing an anonymiser."""


Rule = Callable[[Any], Any]
R = TypeVar("R", bound=Rule)

# {field class, or its dotted path where importing it needs a database driver: rule}
_rules: dict[type[Field[Any, Any]] | str, Rule] = {}


def rule(*field_classes: type[Field[Any, Any]] | str) -> Callable[[R], R]:
    """Register the decorated function as the rule of ``field_classes``.

    It is called with the field when its model is declared, and returns what takes the place of the field's value: a
    constant, a callable that gets the instance, or a ``Replacement``. It is looked up by exact class: a subclass needs
    a rule of its own. Raises ``AnonymiseError`` inside the rule for a field that cannot be replaced.
    """

    def register(function: R) -> R:
        _rules.update(dict.fromkeys(field_classes, function))
        return function

    return register


def constant(value: Any) -> Replacement:
    """Return the replacement that is ``value`` in every row."""

    def holds(name: str) -> Q:
        return Q(**{f"{name}__isnull": True}) if value is None else Q(**{name: value})

    return Replacement(value=lambda instance: value, expression=lambda: value, holds=holds, is_constant=True)


def replacement_for(field: Field[Any, Any]) -> Replacement:
    """Return what takes the place of ``field``'s value.

    Raises ``FieldAnonymiseError`` if the field has no rule, or its rule cannot serve this field.
    """
    if is_hashed_password(field):
        return _unusable_password(field)
    function = _rules.get(type(field)) or _rules.get(f"{type(field).__module__}.{type(field).__qualname__}")
    if function is None:
        raise _no_rule(field)
    made = function(field)
    if not isinstance(made, Replacement):
        made = Replacement(value=made) if callable(made) else constant(made)
    # A project's own rule knows what its field's choices mean: they may be parts of a value.
    return _among_choices(field, made) if getattr(function, "__module__", "") == __name__ else made


def is_hashed_password(field: Field[Any, Any]) -> bool:
    """Return whether ``field`` holds the hash of a password, as that of a user does."""
    # AbstractBaseUser cannot be imported before the apps are loaded; this is what it has beside the column.
    return field.name == "password" and hasattr(field.model, "check_password")


def is_comparable(field: Any, value: Any, using: str) -> bool:
    """Return whether the database can tell if a column holds ``value``.

    Not if the field, a project's own, writes the same value differently each time (it encrypts, with a salt), or has
    the database do it.
    """
    if type(field).__module__.startswith("django."):
        return True
    if has_sql_of_its_own(field):
        return False
    try:
        written = [field.get_db_prep_save(value, connections[using]) for _ in range(2)]
    except (ValueError, TypeError, ArithmeticError, ValidationError):
        return False
    return bool(written[0] == written[1])


def field_label(field: Any) -> str:
    return f"{field.model._meta.label}.{field.name}"


def is_unique(field: Field[Any, Any]) -> bool:
    """Whether two rows with the same value here could break a constraint, also one over several fields."""
    return any(field.name in names for names in _unique_sets(field.model))


def is_unique_alone(field: Field[Any, Any]) -> bool:
    """Whether no two rows can have the same value here, whatever else they hold."""
    return {field.name} in _unique_sets(field.model, with_conditions=False)


def _unique_sets(model: type[Model], *, with_conditions: bool = True) -> list[set[str]]:
    sets = []
    for owner in (model, *model._meta.get_parent_list()):
        sets += [sources(owner, [field.name]) for field in owner._meta.local_fields if field.unique]
        sets += [sources(owner, names) for names in owner._meta.unique_together]
        for constraint in _unique_constraints(owner):
            if with_conditions or constraint.condition is None:
                sets.append(sources(owner, [*constraint.fields, *constraint.expressions]))
    return sets


def _unique_constraints(model: type[Model]) -> list[models.UniqueConstraint]:
    return [each for each in model._meta.constraints if isinstance(each, models.UniqueConstraint)]


def sources(model: type[Model], expressions: Iterable[Any]) -> set[str]:
    """Return the names of the fields that expressions, and generated columns in them, are made of."""
    columns = {each.attname: each for each in model._meta.concrete_fields} | {"pk": model._meta.pk}
    columns |= {each.name: each for each in model._meta.concrete_fields}
    found: set[str] = set()
    for name in names_in(F(each) if isinstance(each, str) else each for each in expressions):
        column: Any = columns.get(name)
        if getattr(column, "generated", False):  # from Django 5.0 on
            found |= sources(model, [column.expression])
        else:
            found.add(getattr(column, "name", name))
    return found


def names_in(expressions: Any) -> set[str]:
    """Return the names of the fields that expressions are made of."""
    names = set()
    for expression in expressions:
        if isinstance(expression, F):
            names.add(expression.name.split(LOOKUP_SEP)[0])  # type: ignore[attr-defined]
        elif isinstance(expression, Q):
            named = [child[0] for child in expression.children if isinstance(child, tuple)]
            names |= {name.split(LOOKUP_SEP)[0] for name in named}
            names |= names_in(
                part
                for child in expression.children
                for part in (child[1:] if isinstance(child, tuple) else [child])
                if hasattr(part, "resolve_expression")
            )
        elif expression is not None:
            names |= names_in(expression.get_source_expressions())
    return names


def _null_repeats(field: Field[Any, Any]) -> bool:
    """Whether any number of rows may be NULL here: SQL holds NULLs to be different unless told otherwise."""
    return not any(
        getattr(constraint, "nulls_distinct", None) is False
        and field.name in sources(owner, [*constraint.fields, *constraint.expressions])
        for owner in (field.model, *field.model._meta.get_parent_list())
        for constraint in _unique_constraints(owner)
    )


def _no_rule(field: Field[Any, Any]) -> FieldAnonymiseError:
    name = type(field).__name__
    return FieldAnonymiseError(
        f"Unknown field type for anonymiser: {field_label(field)} is a {name}.",
        check="E004",
        hint=f"Register a rule with @gdpr_assist.rule({name}), write anonymise_{field.name}, "
        "or list the field in PrivacyMeta.keep.",
    )


def _must_stay_unique(field: Field[Any, Any]) -> FieldAnonymiseError:
    return FieldAnonymiseError(
        f"Cannot anonymise {field_label(field)} - it is unique, and the same value would go into every row.",
        check="E007",
        hint=f"Write anonymise_{field.name} to make a value for each row, or let the field be null.",
    )


def _too_short(field: Field[Any, Any]) -> FieldAnonymiseError:
    return FieldAnonymiseError(
        f"Cannot anonymise {field_label(field)} - {field.max_length} characters are too few for a value of its own "
        "in every row.",
        check="E007",
        hint=f"Write anonymise_{field.name}, or let the field be null.",
    )


def _null_or(field: Field[Any, Any], value: Any) -> Replacement:
    if field.null and _null_repeats(field):
        return constant(None)
    if is_unique_alone(field):
        raise _must_stay_unique(field)
    return constant(value)


# -- choices ---


def choices_of(field: Field[Any, Any]) -> list[Any]:
    """Return the values that the field's ``choices`` name, in groups or not, without those that stand for none."""
    values = [value for value, _ in field.flatchoices if value not in (None, "")]
    try:
        return [field.to_python(value) for value in values]  # Django takes a duration or a date as a text, too
    except (ValidationError, ValueError, TypeError):
        return values


def _among_choices(field: Field[Any, Any], made: Replacement) -> Replacement:
    """Return ``made``, or what the field's choices allow in its place: an empty value first."""
    choices = choices_of(field)
    if not choices:
        return made
    if is_unique(field) and not made.is_constant:
        return replace(
            made, doubt="it has choices, and its new value, which must differ from row to row, is none of them"
        )
    if made.is_constant and made.expression is not None and made.expression() in [None, "", *choices]:
        return made
    is_text = isinstance(field, (models.CharField, models.TextField))
    if is_text and (field.blank or "" in [value for value, _ in field.flatchoices]):
        return constant("")
    chosen = constant(choices[0])

    def holds(name: str) -> Q:
        # What 1.x gave is no reason to take a row for refilled.
        return Q(**{name: choices[0]}) | (made.holds(name) if made.holds else Q())

    return replace(chosen, holds=holds, doubt="no choice of it is empty, so that every row gets the first one")


# -- the primary key as text ---

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
    field: Any = model._meta.pk
    while field.remote_field:
        field = field.target_field
    return field


# What a subclass may change about how Python's value and the database's differ.
_CONVERSIONS = ("db_type", "descriptor_class", "from_db_value", "get_db_prep_value", "get_prep_value", "to_python")


def _writes_as(field: Any, *classes: type[Field[Any, Any]]) -> bool:
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
    if _writes_as(field, models.UUIDField):
        digits = Replace(text, Value("-"), Value(""), output_field=models.TextField())
        parts: list[Any] = []
        for start, length in ((1, 8), (9, 4), (13, 4), (17, 4), (21, 12)):
            parts += [Substr(digits, start, length), Value("-")]
        return Joined(*parts[:-1])
    return text if _writes_as(field, *_TEXT_KEYS, *INTEGER_KEYS) else None


class _KeyText:
    """The primary key as text between ``prefix`` and ``suffix``; in a unique column, with digits nobody can guess.

    Without them a person could take the value that another row is going to get, and so keep it from being anonymised.
    ``model`` is that of the column's table: a multi-table child may have a key of its own, and so may another child.
    ``room`` is how many characters there is room for, None if for any number. ``unique`` is whether the text must
    differ from row to row: a key that was cut at its end would not.
    """

    def __init__(self, *, model: type[Model], prefix: str, suffix: str, room: int | None, unique: bool) -> None:
        self.model, self.prefix, self.suffix, self.room, self.unique = model, prefix, suffix, room, unique

    @cached_property
    def is_cut(self) -> bool:
        """Whether there may be no room for the whole key."""
        longest = _longest_key(self.model)
        return self.room is not None and (longest is None or longest > self.room)

    @cached_property
    def digits(self) -> int:
        """How many digits stand beside the key; 0 if there is no room for enough."""
        if not self.unique or self.is_cut:
            return 0
        if self.room is None:
            return MOST_DIGITS
        left = self.room - (_longest_key(self.model) or 0) - 1
        return min(left, MOST_DIGITS) if left >= FEWEST_DIGITS else 0

    @cached_property
    def last_digits(self) -> bool:
        """Whether the end of the key is what is kept: numbers are given one after the other."""
        return self.is_cut and self.unique and isinstance(key_field(self.model), INTEGER_KEYS)

    @cached_property
    def only_digits(self) -> bool:
        """Whether they stand for the key, too."""
        return self.is_cut and self.unique and not self.last_digits

    @property
    def label(self) -> str:
        """The first name that the model had: from it the digits are made, and they outlive that it is renamed."""
        meta = getattr(self.model, "_privacy_meta", None)
        labels = [getattr(meta, "log_label", None) or self.model._meta.label, *getattr(meta, "former_labels", ())]
        return str(labels[-1])

    def value(self, instance: Model) -> str:
        text, room = str(getattr(instance, self.model._meta.pk.attname)), self.room or 0
        if self.only_digits:
            text = digest(instance, self.label, text)[:room]
        elif self.is_cut:
            text = text[-room:] if self.last_digits else text[:room]
        elif self.digits:
            text += f"-{digest(instance, self.label, text)[: self.digits]}"
        return self.prefix + text + self.suffix

    def expression(self) -> Any:
        text, room = key_text(self.model, self.model._meta.pk.name), self.room or 0
        if self.only_digits:
            text = Left(digest_expression(self.label, text), room)
        elif self.is_cut:
            text = Right(text, room) if self.last_digits else Left(text, room)
        elif self.digits:
            return self._within(text, Value("-"), Left(digest_expression(self.label, text), self.digits))
        return self._within(text)

    def _within(self, *texts: Any) -> Any:
        around = [Value(self.prefix)] if self.prefix else [], [Value(self.suffix)] if self.suffix else []
        parts = [*around[0], *texts, *around[1]]
        return Joined(*parts) if len(parts) > 1 else parts[0]

    def holds(self, name: str) -> Q:
        """Also what 1.x gave, the key alone: a row that was anonymised then was not filled again since."""
        there = Q(**{name: self.expression()})
        if not (self.digits or self.only_digits):
            return there
        text = key_text(self.model)
        return there | Q(**{name: self._within(Left(text, self.room or 0) if self.is_cut else text)})


def _unless_empty(field: Field[Any, Any], made: Replacement) -> Replacement:
    """Return the replacement that is ``made`` in rows that have a value, and leaves NULL and ``""`` as they are."""
    new_expression, new_holds = made.expression, made.holds

    def is_empty(name: str) -> Q:
        # Not "= ''": for MariaDB a text of blanks is that too.
        return Q(Exact(Length(F(name)), 0)) | Q(**{f"{name}__isnull": True})

    def value(instance: Model) -> Any:
        old = getattr(instance, field.attname)
        return old if old in (None, "") else made.value(instance)

    def expression() -> Any:
        kept = When(is_empty(field.name), then=F(field.name))
        return Case(kept, default=new_expression and new_expression(), output_field=models.TextField())

    return replace(
        made,
        value=value,
        expression=new_expression and expression,
        holds=new_holds and (lambda name: is_empty(name) | new_holds(name)),
    )


def _from_key(field: Field[Any, Any], prefix: str = "", suffix: str = "") -> Replacement:
    room = None if field.max_length is None else field.max_length - len(prefix) - len(suffix)
    text = _KeyText(model=field.model, prefix=prefix, suffix=suffix, room=room, unique=is_unique(field))
    if room is not None and text.is_cut and room < (SHORTEST_DIGEST if text.only_digits else 1):
        raise _too_short(field)
    made = Replacement(value=text.value, is_keyed=bool(text.digits or text.only_digits))
    if text.unique and not made.is_keyed:
        longest = _longest_key(field.model) or 0
        needed = len(prefix) + longest + 1 + FEWEST_DIGITS + len(suffix)
        made = replace(made, doubt=NO_DIGITS, cure=f"Let the field be null, give it a max_length of {needed} or more")
    if key_text(field.model) is None:
        return made
    return replace(made, expression=text.expression, holds=text.holds)


def _longest_key(model: type[Model]) -> int | None:
    """Return how many characters the primary key has at most as text, None if any number."""
    key = key_field(model)
    if isinstance(key, models.UUIDField):
        return UUID_LENGTH
    lengths = (length for kind, length in INTEGER_LENGTHS.items() if isinstance(key, kind))
    return next(lengths, key.max_length)


class RandomDigits(Func):
    """32 hex digits, others in every row."""

    template = "REPLACE(gen_random_uuid()::text, '-', '')"
    arity = 0
    output_field = models.TextField()

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return self.as_sql(compiler, connection, template="LOWER(HEX(RANDOMBLOB(16)))", **context)

    def as_mysql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return self.as_sql(compiler, connection, template="MD5(CONCAT(UUID(), RAND()))", **context)


def _unusable_password(field: Field[Any, Any]) -> Replacement:
    """A hash that no password has, as ``set_unusable_password()`` gives, and another one in every row.

    Sessions are bound to the hash, so those of the user end with it. It is cut to the length of the column.
    """

    def holds(name: str) -> Q:
        return Q(**{f"{name}__startswith": UNUSABLE_PASSWORD_PREFIX})

    def expression() -> Any:
        made = Joined(Value(UNUSABLE_PASSWORD_PREFIX), RandomDigits())
        return made if field.max_length is None else Left(made, field.max_length)

    return Replacement(
        value=lambda instance: make_password(None)[: field.max_length], expression=expression, holds=holds
    )


# -- the default rules, in the order of the documentation's table ---

_POSTGRES = "django.contrib.postgres.fields"


@rule(
    models.CharField,
    models.SlugField,
    models.TextField,
    f"{_POSTGRES}.citext.CICharField",
    f"{_POSTGRES}.citext.CITextField",
)
def text(field: Field[Any, Any]) -> Replacement:
    if field.blank and not is_unique(field):
        return constant("")
    if field.null and _null_repeats(field):
        return constant(None)
    return _from_key(field)


@rule(models.EmailField, f"{_POSTGRES}.citext.CIEmailField")
def email(field: Field[Any, Any]) -> Replacement:
    if field.null and _null_repeats(field):
        return constant(None)
    return _unless_empty(field, _from_key(field, suffix=MAIL_SUFFIX))


@rule(models.URLField)
def url(field: Field[Any, Any]) -> Replacement:
    if field.blank and not is_unique(field):
        return constant("")
    if field.null and _null_repeats(field):
        return constant(None)
    return _unless_empty(field, _from_key(field, prefix=URL_PREFIX, suffix=URL_SUFFIX))


@rule(
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


@rule(models.BooleanField)
def boolean(field: Field[Any, Any]) -> Replacement:
    return _null_or(field, False)


def _null_or_now(field: Field[Any, Any], now: Callable[[], Any]) -> Replacement:
    if field.null and _null_repeats(field):
        return constant(None)
    if is_unique_alone(field):
        raise _must_stay_unique(field)
    return Replacement(value=lambda instance: now(), expression=now, is_constant=True)


@rule(models.DateField)
def date(field: Field[Any, Any]) -> Replacement:
    return _null_or_now(field, _today)


def _today() -> datetime.date:
    return timezone.localdate() if settings.USE_TZ else datetime.date.today()  # noqa: DTZ011


@rule(models.DateTimeField)
def date_time(field: Field[Any, Any]) -> Replacement:
    return _null_or_now(field, timezone.now)


@rule(models.TimeField)
def time(field: Field[Any, Any]) -> Replacement:
    return _null_or(field, datetime.time(0, 0))


@rule(models.DurationField)
def duration(field: Field[Any, Any]) -> Replacement:
    return _null_or(field, datetime.timedelta(0))


@rule(models.BinaryField)
def binary(field: Field[Any, Any]) -> Replacement:
    return _null_or(field, b"")


@rule(models.GenericIPAddressField)
def ip_address(field: models.GenericIPAddressField[Any, Any]) -> Replacement:
    return _null_or(field, "::" if field.protocol.lower() == "ipv6" else "0.0.0.0")


class RandomUUID(Func):
    """A new UUID in every row."""

    template = "gen_random_uuid()"
    arity = 0
    output_field = models.UUIDField()

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return self.as_sql(compiler, connection, template="LOWER(HEX(RANDOMBLOB(16)))", **context)

    def as_mysql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        # A column of MariaDB's own type takes only what looks like a UUID: version 4, variant 8.
        template = "INSERT(INSERT(MD5(CONCAT(UUID(), RAND())), 13, 1, '4'), 17, 1, '8')"
        return self.as_sql(compiler, connection, template=template, **context)


@rule(models.UUIDField)
def uuid_(field: Field[Any, Any]) -> Replacement:
    if is_unique(field) and not (field.null and _null_repeats(field)):
        return Replacement(value=lambda instance: uuid.uuid4(), expression=RandomUUID)
    return _null_or(field, uuid.UUID(int=0))


class EmptyOfSameKind(Func):
    """``[]`` where the JSON value is an array, ``{}`` elsewhere."""

    output_field = models.JSONField()

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        template = "CASE JSON_TYPE(%(expressions)s) WHEN 'array' THEN '[]' ELSE '{}' END"
        return self.as_sql(compiler, connection, template=template, **context)

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        template = "CASE JSONB_TYPEOF(%(expressions)s) WHEN 'array' THEN '[]'::jsonb ELSE '{}'::jsonb END"
        return self.as_sql(compiler, connection, template=template, **context)

    def as_mysql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        template = "CASE JSON_TYPE(%(expressions)s) WHEN 'ARRAY' THEN '[]' ELSE '{}' END"
        return self.as_sql(compiler, connection, template=template, **context)


@rule(models.JSONField)
def json(field: Field[Any, Any]) -> Replacement:
    if field.null or is_unique(field):
        return _null_or(field, {})
    if callable(field.default) and (empty := field.default()) in ({}, []):
        return constant(empty)
    return Replacement(
        value=lambda instance: [] if isinstance(getattr(instance, field.attname), list) else {},
        expression=lambda: EmptyOfSameKind(F(field.name)),
        holds=lambda name: Q(**{name: {}}) | Q(**{name: []}),
    )


@rule(f"{_POSTGRES}.array.ArrayField")
def array(field: Field[Any, Any]) -> Replacement:
    return _null_or(field, [])


@rule(f"{_POSTGRES}.hstore.HStoreField")
def hstore(field: Field[Any, Any]) -> Replacement:
    return _null_or(field, {})


@rule(*(f"{_POSTGRES}.ranges.{name}RangeField" for name in ("Integer", "BigInteger", "Decimal", "DateTime", "Date")))
def range_(field: Any) -> Replacement:
    return _null_or(field, field.range_type(empty=True))


@rule("django.contrib.postgres.search.SearchVectorField")
def search_vector(field: Field[Any, Any]) -> Replacement:
    made = _null_or(field, "")
    # Django searches a vector for a text; it cannot ask whether one is empty.
    return made if field.null else replace(made, holds=None)


@rule(models.FileField, models.ImageField)
def stored_file(field: Field[Any, Any]) -> Replacement:
    """``""``, also where it may be null: Django saves an empty file as ``""``, never as NULL."""
    _check_can_be_empty(field)
    if is_unique_alone(field):
        raise _must_stay_unique(field)
    return constant("")


@rule(models.FilePathField)
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


@rule(models.ForeignKey, models.OneToOneField)
def relation(field: Field[Any, Any]) -> Replacement:
    if not field.null:
        raise FieldAnonymiseError(
            f"Cannot anonymise {field_label(field)} - can only null relationship field",
            check="E005",
            hint=f"Let the field be null, write anonymise_{field.name}, or list it in PrivacyMeta.keep.",
        )
    return _null_or(field, None)


@rule(models.ManyToManyField)
def many_to_many(field: Field[Any, Any]) -> Replacement:
    raise FieldAnonymiseError(
        f"Cannot anonymise {field_label(field)} - cannot anonymise ManyToManyField",
        check="E006",
        hint=f"Write anonymise_{field.name}, or anonymise the through model.",
    )
