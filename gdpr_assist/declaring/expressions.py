"""What ``PrivacyMeta.replace`` puts in the place of a field's value, and what is wrong with it. Writes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from django.contrib.postgres.functions import RandomUUID, TransactionNow
from django.core.exceptions import FieldError, ValidationError
from django.db import DEFAULT_DB_ALIAS
from django.db.models import CharField, DecimalField, Field, FloatField, IntegerField, Model, Q, Subquery, TextField
from django.db.models import Value as Constant
from django.db.models.expressions import RawSQL
from django.db.models.functions import Now, Random
from django.db.models.lookups import IsNull

from ..exceptions import AnonymiseError, FieldAnonymiseError
from .defaults import must_stay_unique
from .keys import AsText, is_converted
from .meta import PrivacyMeta, all_rows, personal_fields
from .mistakes import Mistake
from .pseudonyms import Pseudonym, pseudonym
from .rules import Replacement, constant, field_label
from .uniqueness import is_unique_alone, null_repeats, sources

REPLACE = "PrivacyMeta.replace"
WRITE = 'Write replace = {"name": Concat(Value("Person "), Cast("pk", CharField()))}'

CHANGING = (Now, TransactionNow)
RANDOM = (Random, RandomUUID)

# The alias of the database that is being changed
_changed: ContextVar[str] = ContextVar("gdpr_assist_changed_database")


@contextmanager
def changing(using: str) -> Iterator[None]:
    """Ask this database within the block, wherever an object was read: a replica may be behind."""
    token = _changed.set(using)
    try:
        yield
    finally:
        _changed.reset(token)


def replace_shape_mistakes(meta: PrivacyMeta) -> Iterable[Mistake]:
    """Yield that ``replace`` is no {name of a field: what takes the place of its value}."""
    given: object = meta.replace
    if not isinstance(given, Mapping) or not all(isinstance(name, str) for name in given):
        yield Mistake(
            "E010", f"{meta.model._meta.label}: PrivacyMeta.replace is no dict by name of field.", f"{WRITE}."
        )


def replace_mistakes(meta: PrivacyMeta) -> Iterable[Mistake]:
    """Yield what is wrong with the names in ``replace``, whose shape is right."""
    personal = set(personal_fields(meta))
    for name in meta.replace:
        where = f"{meta.model._meta.label}: PrivacyMeta.replace names {name}"
        if name not in personal:
            yield Mistake(
                "E055",
                f"{where}, which is not in PrivacyMeta.fields.",
                "Add it to fields, or take it out of replace.",
            )
        for other, is_there in (
            (f"an anonymise_{name}", hasattr(meta, f"anonymise_{name}")),
            ("an entry in json_fields", name in meta.json_fields),
        ):
            if is_there:
                yield Mistake("E055", f"{where}, which has {other} too.", "Leave one of them.")


def replaced_in_copies(meta: PrivacyMeta) -> dict[str, Any]:
    """Return what of ``replace`` is true of a copy of the row, too: values and pseudonyms. A copy has another key."""
    given: Any = meta.replace if not list(replace_shape_mistakes(meta)) else {}
    return {
        name: each
        for name, each in given.items()
        if isinstance(each, (Constant, Pseudonym))
        or not (isinstance(each, Replacement) or callable(each) or hasattr(each, "resolve_expression"))
    }


def replaced_by(meta: PrivacyMeta, field: Field[Any, Any]) -> Replacement:
    """Return what ``replace`` puts in the place of ``field``'s value. Raises ``FieldAnonymiseError`` if it cannot."""
    return made_of(meta.replace[field.name], field, personal_fields(meta))


def made_of(written: Any, field: Field[Any, Any], changing: Iterable[str], source: str = REPLACE) -> Replacement:
    """Return the replacement that is ``written`` for ``field``; ``changing`` are the names of all fields that change.

    Raises ``FieldAnonymiseError``, which names the ``source``, if it cannot take the place of the value.
    """
    is_expression = hasattr(written, "resolve_expression") and not isinstance(written, (type, Constant))
    if is_expression:
        made = _computed(field, written, set(changing), source)
    elif isinstance(written, Replacement):
        made = written
    elif isinstance(written, Pseudonym):
        made = pseudonym(field, written, source)
    elif callable(written):
        cure = f"Write anonymise_{field.name}, or gdpr_assist.Replacement(value=...)"
        raise _refusal(field, source, "has a function for it", cure)
    else:
        made = _constant(field, written.value if isinstance(written, Constant) else written, source)
    if made.is_constant and is_unique_alone(field) and not (_is_null(made) and null_repeats(field)):
        raise must_stay_unique(field)
    return made


def _refusal(field: Field[Any, Any], source: str, what: str, cure: str) -> FieldAnonymiseError:
    return FieldAnonymiseError(f"{field_label(field)}: {source} {what}.", check="E055", hint=f"{cure}.")


def _is_null(made: Replacement) -> bool:
    return made.expression is not None and made.expression() is None


def _constant(field: Field[Any, Any], value: Any, source: str) -> Replacement:
    if value is None and not field.null:
        raise _refusal(field, source, "gives NULL, and the column may not be null", "Give another value")
    if isinstance(value, str) and field.max_length is not None and len(value) > field.max_length:
        raise _refusal(field, source, f"gives a text of over {field.max_length} characters", "Give a shorter one")
    try:
        field.get_prep_value(value.pk if isinstance(value, Model) else value)
    except (ValueError, TypeError, ArithmeticError, ValidationError):
        kind = type(value).__name__
        raise _refusal(field, source, f"gives a {kind} that the column cannot hold", "Give another value") from None
    return constant(value)


def _computed(field: Field[Any, Any], written: Any, changing: set[str], source: str) -> Replacement:
    """Return the replacement of which the database computes the value, for one row as for many."""
    _check(field, written, changing, source)
    parts = list(written.flatten()) if hasattr(written, "flatten") else [written]
    # So that it is compared with any column, and written into it
    expression = AsText(written, TextField()) if isinstance(field, (CharField, TextField)) else written

    def value(instance: Model) -> Any:
        model = field.model
        using = _changed.get(None) or instance._state.db or DEFAULT_DB_ALIAS
        rows = all_rows(model, using).filter(pk=getattr(instance, model._meta.pk.attname))
        for (found,) in rows.values_list(expression):
            return found
        raise AnonymiseError(f"{field_label(field)}: there is no such row, so that nothing can be computed of it.")

    def holds(name: str) -> Q:
        return Q(**{name: expression}) | Q(Q(**{f"{name}__isnull": True}), IsNull(expression, True))

    is_random = any(isinstance(each, RANDOM) for each in parts)
    return Replacement(
        value=value,
        expression=lambda: expression,
        holds=None if is_random or any(isinstance(each, CHANGING) for each in parts) else holds,
        is_constant=not (is_random or sources(field.model, [written])),
        is_asked=True,
        words=f"what an expression of {source} gives ({type(written).__name__})",
    )


def _check(field: Field[Any, Any], written: Any, changing: set[str], source: str) -> None:
    """Raise ``FieldAnonymiseError`` for an expression that cannot be written, or not in whatever order."""
    model = field.model
    if is_converted(field):
        raise _refusal(
            field,
            source,
            f"has an expression for it, and {type(field).__name__} prepares what it stores",
            "Give a value, or a gdpr_assist.Replacement",
        )
    if any(isinstance(each, (RawSQL, Subquery)) for each in getattr(written, "flatten", lambda: ())()):
        raise _refusal(
            field,
            source,
            "has SQL or a subquery for it, of which nobody can tell what it reads",
            f"{WRITE}, or an anonymise_{field.name}",
        )
    if changed := sorted(sources(model, [written]) & changing):
        # MariaDB gives it the new value of one that stands before it, the other databases the old one.
        raise _refusal(
            field,
            source,
            f"has an expression for it that reads {', '.join(changed)}, which changes too",
            f"Read the primary key, and fields that stay; else write anonymise_{field.name}",
        )
    try:
        resolved = written.resolve_expression(all_rows(model).query, allow_joins=False, for_save=True)
        is_of_rows = resolved.contains_aggregate or resolved.contains_over_clause
        gives = None if isinstance(field, (CharField, TextField)) else resolved.output_field
    except FieldError:
        raise _refusal(
            field,
            source,
            "has an expression for it that cannot be written: it reads what is no column of the table, or mixes types",
            f"Read columns of {model._meta.label} alone, and give each part its output_field",
        ) from None
    if is_of_rows:
        raise _refusal(field, source, "has an aggregate for it, which is of many rows", f"{WRITE}, or a value")
    if gives is not None and _kind(gives) != _kind(field):
        raise _refusal(
            field,
            source,
            f"has an expression for it that gives a {type(gives).__name__}",
            f"Wrap it: Cast(..., {type(field).__name__}())",
        )


def _kind(field: Any) -> str:
    while field.remote_field:
        field = field.target_field
    return "number" if isinstance(field, (IntegerField, DecimalField, FloatField)) else field.get_internal_type()
