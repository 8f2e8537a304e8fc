"""Says in words of its own why a database refused: its text may hold the value."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import DatabaseError, IntegrityError
from django.db.models import Model, ProtectedError, RestrictedError

from ..databases.errors import FOR_NOW, NO_RIGHT, cause, grant, raised_by
from ..databases.placement import explained
from ..databases.statements import refuses_value
from ..declaring.rules import field_label
from ..declaring.uniqueness import is_unique
from ..exceptions import AnonymiseError
from ..planning.plans import Plan


@contextmanager
def explained_refusals(plan: Plan) -> Iterator[None]:
    """Turn a database's refusal of a value, whose text holds the value, into an error that names the model."""
    try:
        with explained(plan.using):
            yield
    except (ProtectedError, RestrictedError):
        raise  # of a deletion by a receiver: no value in it
    except DatabaseError as error:
        _raise_cause(error, plan.declaration.model, raised_by(error) or plan.using, "changed", "UPDATE")
        if not refuses_value(error, plan.using):
            raise
        raise AnonymiseError(
            f"{plan.label}: the database refused the new value ({type(error).__name__}) of one of "
            f"{_suspects(plan, error)}. Nothing was changed. Look at the constraints of these columns, and write an "
            "anonymiser for the one that cannot take its rule's value."
        ) from None


@contextmanager
def explained_deletion(model: type[Model], using: str) -> Iterator[None]:
    """Turn a database's refusal to delete rows of ``model`` into an error that names it."""
    try:
        with explained(using):
            yield
    except DatabaseError as error:
        _raise_cause(error, model, raised_by(error) or using, "deleted", "DELETE")
        raise


def _raise_cause(error: DatabaseError, model: type[Model], using: str, done: str, right: str) -> None:
    reason = cause(error, using)
    if not reason:
        return
    cure = f": {grant(error, right, model._meta.db_table, using)}" if reason == NO_RIGHT else ""
    text = (
        f"{model._meta.label}: the database {using!r} does not let its rows be {done} ({type(error).__name__}): "
        f"{reason}{cure}. Nothing was changed."
    )
    if reason in FOR_NOW:
        # Of the same class and code, by which a caller may know it and try again
        again = type(error)(*error.args[:-1], text).with_traceback(error.__traceback__)
        raise again from error.__cause__
    raise AnonymiseError(text) from None


def _suspects(plan: Plan, error: Exception) -> str:
    """Name the columns, and those among them that can have clashed, where the error may be that of a clash."""
    fields = ", ".join(plan.fields)
    if not isinstance(error, IntegrityError):
        return fields
    unique = [change.field.name for change in plan.changes if is_unique(change.field)]
    keys = [field_label(key) for key in plan.declaration.references]
    reasons = {"unique": unique, "pointed at by": keys}
    listed = "; ".join(f"{reason}: {', '.join(names)}" for reason, names in reasons.items() if names)
    return f"{fields} ({listed})" if listed else fields
