"""The new values of one row in memory: what rules and a project's anonymisers give. Writes nothing."""

from __future__ import annotations

import copy
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import DatabaseError
from django.db.models import Model

from ..declaration import Change
from ..exceptions import AnonymiseError
from ..planning.plans import Plan

# Types of a JSON value that an anonymiser may change without setting a new one
CHANGED_IN_PLACE = {dict, list}


@dataclass(frozen=True, kw_only=True)
class Applied:
    """What was done to one row in memory."""

    given: list[Any]
    """The columns to which the project's code gave a value: nobody has checked that they can hold it."""

    names: frozenset[str]
    """The names of all columns that are to be written."""


def held(plan: Plan, instance: Model) -> dict[str, Any]:
    """What the instance holds, to compare with later: {attname: value}. Columns that were not loaded are loaded."""
    if plan.instance is not None and (deferred := instance.get_deferred_fields()):
        instance.refresh_from_db(using=plan.using, fields=deferred)
    values = instance.__dict__.copy()
    if CHANGED_IN_PLACE.isdisjoint(map(type, values.values())):
        return values
    return {name: copy.deepcopy(each) if type(each) in CHANGED_IN_PLACE else each for name, each in values.items()}


def apply(plan: Plan, instance: Model, changes: Sequence[Change], before: dict[str, Any]) -> Applied:
    """Make ``changes`` to the instance in memory; return which columns are to be written.

    An anonymiser, or a receiver of pre_anonymise, may also set other columns: these are found by comparing with
    ``before``. Raises ``AnonymiseError`` if an anonymiser fails.
    """
    _call_anonymisers(plan, instance, changes)
    given = changed_fields(instance, before)
    for change in changes:
        if change.replacement is not None:
            _set(instance, change.field, _call(plan, change, change.replacement.value, instance))
            if not change.in_sql:
                given.append(change.field)
    written = given + [change.field for change in changes if not change.field.many_to_many]
    return Applied(given=given, names=frozenset(field.name for field in written if not field.primary_key))


def _call_anonymisers(plan: Plan, instance: Model, changes: Sequence[Change]) -> None:
    for change in changes:
        if change.anonymiser is not None:
            value = _call(plan, change, change.anonymiser, instance)
            if value is not None:  # otherwise it has set the value itself
                _set(instance, change.field, value)


def changed_fields(instance: Model, before: dict[str, Any]) -> list[Any]:
    """Return the columns that hold something else than before. What is the same object costs no comparison."""
    now = instance.__dict__.items()
    names = {name for name, value in now if value is not (old := before.get(name)) and value != old}
    return [field for field in instance._meta.concrete_fields if field.attname in names] if names else []


def _set(instance: Model, field: Any, value: Any) -> None:
    is_key = field.is_relation and not isinstance(value, Model)
    setattr(instance, field.attname if is_key else field.name, value)


def prepared(plan: Plan, field: Any, value: Any, connection: Any) -> Any:
    """Return ``value`` of ``field`` as the database takes it.

    Raises ``AnonymiseError`` for what an anonymiser gave and the column cannot hold, before a database cuts it or
    names it in an error.
    """
    if hasattr(value, "resolve_expression"):
        return value  # the field would take F("name") for a text
    try:
        ready = field.get_db_prep_save(value, connection)
    except (ValueError, TypeError, ArithmeticError, ValidationError) as error:
        reason = f"a {type(value).__name__}, which the column cannot hold ({type(error).__name__})"
    else:
        if not isinstance(value, str) or field.max_length is None or len(value) <= field.max_length:
            return ready
        reason = f"a text of over {field.max_length} characters"
    raise AnonymiseError(f"{plan.label}.{field.name}: an anonymiser gave {reason}. Nothing was changed.")


def _call(plan: Plan, change: Change, function: Callable[[Model], Any], instance: Model) -> Any:
    name = f"anonymise_{change.field.name}" if change.anonymiser else "its rule"
    with explained_call(f"{plan.label}.{change.field.name}: {name}"):
        return function(instance)


@contextmanager
def explained_call(what: str) -> Iterator[None]:
    """Turn what a project's code raises into an ``AnonymiseError`` that says ``what`` raised it, and where.

    Not what it said, which may hold what the row holds; under DEBUG the developer gets his own traceback with it. An
    error of a database passes, and is explained by whoever knows its statement.
    """
    try:
        yield
    except (AnonymiseError, DatabaseError):
        raise
    except Exception as error:  # noqa: BLE001  (whatever a project's code may raise)
        frame = traceback.extract_tb(error.__traceback__)[-1]
        raise AnonymiseError(
            f"{what} raised {type(error).__name__} (line {frame.lineno} of {frame.name}). Nothing was changed."
        ) from (error if settings.DEBUG else None)
