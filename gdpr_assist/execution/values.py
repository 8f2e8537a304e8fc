"""The new values of one row in memory: what rules and a project's anonymisers give. Writes nothing."""

from __future__ import annotations

import copy
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, NoReturn

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import DatabaseError
from django.db.models import JSONField, Model

from ..declaring.declaration import Change
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

    attnames: frozenset[str]
    """The attnames of these, and of all others that the plan changes."""


class Changes:
    """Changes that Python makes to each row of a plan; what is the same for all rows is computed once."""

    def __init__(self, plan: Plan, changes: Iterable[Change]) -> None:
        changes = list(changes)
        self.plan = plan
        self.anonymisers = [(each, each.anonymiser) for each in changes if each.anonymiser is not None]
        self.rules = [(each, each.replacement.value) for each in changes if each.replacement is not None]
        self.given: list[Any] = [each.field for each, _ in self.rules if not each.in_sql]  # by a rule of the project's
        fields: list[Any] = [each.field for each in changes if not each.field.many_to_many]
        self.names = frozenset(field.name for field in fields if not field.primary_key)
        planned = {each.field for each in plan.changes}
        concrete = plan.declaration.model._meta.concrete_fields
        self.attnames = frozenset(field.attname for field in concrete if field in planned)
        within = plan.declaration.meta.json_fields
        self.within_json = [field for field in fields if field.name in within and isinstance(field, JSONField)]

    def apply(self, instance: Model, before: dict[str, Any]) -> Applied:
        """Make the changes to the instance in memory; return which columns are to be written.

        An anonymiser, or a receiver of pre_anonymise, may also set other columns: these are found by comparing with
        ``before``. Raises ``AnonymiseError`` if an anonymiser fails.
        """
        for change, anonymiser in self.anonymisers:
            value = self._call(change, anonymiser, instance)
            if value is not None:  # otherwise it has set the value itself
                _set(instance, change.field, value)
        given = changed_fields(instance, before) + self.given
        for change, value_of in self.rules:
            _set(instance, change.field, self._call(change, value_of, instance))
        # JSON's null is None in memory, as NULL is, which would be written
        null = {
            each for each in self.within_json if getattr(instance, each.attname) is before.get(each.attname) is None
        }
        if null:
            given = [field for field in given if field not in null]
        names = self.names.difference(field.name for field in null)
        if not given:
            return Applied(given=given, names=names, attnames=self.attnames)
        names = names.union(field.name for field in given if not field.primary_key)
        written = [field.attname for field in instance._meta.concrete_fields if field.name in names]
        return Applied(given=given, names=names, attnames=self.attnames.union(written))

    def _call(self, change: Change, function: Callable[[Model], Any], instance: Model) -> Any:
        try:
            return function(instance)
        except Exception as error:  # noqa: BLE001  (whatever a project's code may raise)
            name = f"anonymise_{change.field.name}" if change.anonymiser else "its rule"
            raise_explained(error, f"{self.plan.label}.{change.field.name}: {name}")


def held(plan: Plan, instance: Model) -> dict[str, Any]:
    """What the instance holds, to compare with later: {attname: value}. Columns that were not loaded are loaded."""
    if plan.instance is not None and (deferred := instance.get_deferred_fields()):
        instance.refresh_from_db(using=plan.using, fields=deferred)
    values = instance.__dict__.copy()
    if CHANGED_IN_PLACE.isdisjoint(map(type, values.values())):
        return values
    return {name: copy.deepcopy(each) if type(each) in CHANGED_IN_PLACE else each for name, each in values.items()}


def changed_fields(instance: Model, before: dict[str, Any]) -> list[Any]:
    """Return the columns that hold something else than before. What is the same object costs no comparison."""
    now = instance.__dict__
    if now == before:
        return []
    names = {name for name, value in now.items() if value is not (old := before.get(name)) and value != old}
    return [field for field in instance._meta.concrete_fields if field.attname in names]


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


def raise_explained(error: Exception, what: str) -> NoReturn:
    """Raise, for what a project's code raised, an ``AnonymiseError`` that says ``what`` raised it, and where.

    Not what it said, which may hold what the row holds; under DEBUG the developer gets his own traceback with it. An
    error of a database passes, and is explained by whoever knows its statement.
    """
    if isinstance(error, (AnonymiseError, DatabaseError)):
        raise error
    frame = traceback.extract_tb(error.__traceback__)[-1]
    raise AnonymiseError(
        f"{what} raised {type(error).__name__} (line {frame.lineno} of {frame.name}). Nothing was changed."
    ) from (error if settings.DEBUG else None)
