"""Runs a ``Plan`` in one transaction on the rows' own database. The only writer of personal data."""

from __future__ import annotations

import copy
import logging
import traceback
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.db import DataError, IntegrityError, connections, transaction
from django.db.models import Model, ProtectedError, QuerySet, RestrictedError

from . import eventlog
from .conf import settings
from .declaration import Change, all_rows
from .exceptions import AnonymiseError
from .files import delete_files, named_files
from .planning import Plan, batch_size, chunks, content_type
from .planning import plan as make_plan
from .signals import post_anonymise, pre_anonymise
from .tables import LONGEST_KEY, EventLog, PrivacyAnonymised

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Result:
    """What an execution did: how many rows it anonymised, how many it left because they were anonymised before."""

    label: str
    using: str
    anonymised: int
    skipped: int
    operation: uuid.UUID | None = None
    """The id under which it was logged; None if it was not."""


def execute(plan: Plan, *, within: eventlog.Erasure | None = None) -> Result:
    """Anonymise the rows of ``plan``: all of them, or after an exception none.

    ``within`` is an erasure that is under way in the same transaction; it takes the events and logs them.
    Raises ``AnonymiseError`` if an anonymiser fails, the database refuses a value, the object of the plan is gone, or
    (``EventLogError``) the log cannot be written.
    """
    erasure = within or eventlog.Erasure(plan.using)
    seen = anonymised = 0
    with _restored(plan.instance), _explained(plan), _transaction(plan, savepoint=within is None):
        for batch in plan.batches():
            seen += len(batch)
            anonymised += len(_run(plan, batch, erasure))
        if within is None:
            eventlog.record(erasure)
    logged = erasure.id if erasure.events and eventlog.is_kept() else None
    return Result(
        label=plan.label,
        using=plan.using,
        anonymised=anonymised,
        skipped=seen - anonymised,
        operation=logged,
    )


def execute_together(plans: Iterable[Plan]) -> list[Result]:
    """Execute ``plans`` as one erasure: one transaction and one operation on each of their databases.

    For a person's rows in several models. All keys are read first, so that a plan which finds its rows through those
    of another one still finds them. Raises ``AnonymiseError``; then nothing was changed.
    """
    pinned = [plan.pinned() for plan in plans]
    erasures = {plan.using: eventlog.Erasure(plan.using) for plan in pinned}
    with ExitStack() as transactions:
        for using in erasures:
            transactions.enter_context(transaction.atomic(using=using))
        results = [execute(plan, within=erasures[plan.using]) for plan in pinned]
        for erasure in erasures.values():
            eventlog.record(erasure)
    return results


def execute_in_ranges(plan: Plan) -> Iterator[int]:
    """Anonymise the rows of ``plan`` range by range, each in a transaction of its own; yield the rows done so far.

    Logs nothing: for scrubbing a copy.
    """
    done = 0
    for batch in plan.batches():
        with eventlog.suspended(), _explained(plan), _transaction(plan):
            done += len(_run(plan, batch, eventlog.Erasure(plan.using)))
        yield done


def delete(rows: QuerySet[Any]) -> None:
    """Delete ``rows`` as Django does, with cascades and signals: for a replay."""
    rows.delete()


def forget_markers(model: type[Model], keys: Iterable[Any], using: str) -> None:
    """Remove the markers of deleted rows: a new row with a reused key must not be born anonymised."""
    markers = PrivacyAnonymised.objects.using(using).filter(content_type=content_type(model, using))
    for texts in chunks(map(str, keys), batch_size(using)):
        markers.filter(object_id__in=texts).delete()


def _run(plan: Plan, batch: list[Any], erasure: eventlog.Erasure) -> list[Any]:
    """Anonymise those rows of ``batch`` that are there and not anonymised before; return their keys."""
    keys = _lock(plan, batch)
    if plan.instance is not None and not keys:
        raise AnonymiseError(f"{plan.label}: the object is not in the database any more.")
    keys = _mark(plan, keys)
    if not keys:
        return keys
    files = named_files(plan, keys)
    if plan.mode == "rows":
        _run_rows(plan, keys)
    else:
        _run_sets(plan, keys)
    if files:
        transaction.on_commit(lambda: delete_files(files, plan.using), using=plan.using, robust=True)
    if settings.GDPR_LOG_ON_ANONYMISE:
        erasure.add(EventLog.EVENT_ANONYMISE, plan.declaration.model, keys)
    _run_children(plan, keys, erasure)
    return keys


def _run_children(plan: Plan, keys: list[Any], erasure: eventlog.Erasure) -> None:
    """Anonymise what multi-table children add to these rows: an order that is a gift order is one object."""
    for child in plan.children:
        link: Any = child._meta.get_ancestor_link(plan.declaration.model)
        rows = all_rows(child, plan.using).filter(**{f"{link.name}__in": keys})
        part = make_plan(rows, force=plan.force)
        for batch in part.batches():
            _run(part, batch, erasure)


def _lock(plan: Plan, batch: list[Any]) -> list[Any]:
    """Return those keys whose rows are there, and keep anybody from deleting them before the marker is in."""
    rows = all_rows(plan.declaration.model, plan.using).filter(pk__in=batch).order_by("pk")
    features = connections[plan.using].features
    if features.has_select_for_update_of:
        rows = rows.select_for_update(of=("self",))
    elif features.has_select_for_update:
        rows = rows.select_for_update()
    return list(rows.values_list("pk", flat=True))


def _mark(plan: Plan, keys: list[Any]) -> list[Any]:
    """Write the markers and return the keys to anonymise.

    Before anything else, so that receivers which anonymise each other's rows come to an end.
    """
    markers = PrivacyAnonymised.objects.using(plan.using)
    kind = content_type(plan.declaration.model, plan.using)
    texts = [str(key) for key in keys]
    if any(len(text) > LONGEST_KEY for text in texts):
        raise AnonymiseError(
            f"{plan.label}: a primary key of over {LONGEST_KEY} characters cannot be marked as anonymised."
        )
    there = set(markers.filter(content_type=kind, object_id__in=texts).values_list("object_id", flat=True))
    markers.bulk_create([PrivacyAnonymised(content_type=kind, object_id=text) for text in texts if text not in there])
    return keys if plan.force else [key for key, text in zip(keys, texts, strict=True) if text not in there]


def _run_sets(plan: Plan, keys: list[Any]) -> None:
    rows = all_rows(plan.declaration.model, plan.using).filter(pk__in=keys)
    in_python = [change for change in plan.declaration.changes if not change.in_sql]
    if in_python:
        changed: dict[frozenset[str], list[Model]] = defaultdict(list)
        for instance in rows:
            changed[_apply(plan, instance, in_python, _values(plan, instance))].append(instance)
        for names, instances in changed.items():
            if names:
                all_rows(plan.declaration.model, plan.using).bulk_update(instances, sorted(names))
    columns = {
        change.field.name: change.replacement.expression()
        for change in plan.declaration.changes
        if change.replacement is not None and change.replacement.expression is not None
    }
    if columns:
        rows.update(**columns)


def _run_rows(plan: Plan, keys: list[Any]) -> None:
    if plan.instance is not None:
        instances: Iterable[Model] = [plan.instance]
    else:
        instances = QuerySet(model=plan.model, using=plan.using).filter(pk__in=keys).order_by("pk")
    for instance in instances:
        _run_row(plan, instance)


def _run_row(plan: Plan, instance: Model) -> None:
    before = _values(plan, instance)
    pre_anonymise.send(sender=plan.model, instance=instance, using=plan.using)
    names = _apply(plan, instance, plan.declaration.changes, before)
    if names:
        instance.save(using=plan.using, update_fields=names)
    post_anonymise.send(sender=plan.model, instance=instance, using=plan.using)


def _values(plan: Plan, instance: Model) -> dict[str, Any]:
    """What the instance holds, to compare with later: {attname: value}. Columns that were not loaded are loaded."""
    if deferred := instance.get_deferred_fields():
        instance.refresh_from_db(using=plan.using, fields=deferred)
    return {field.attname: _snapshot(instance.__dict__.get(field.attname)) for field in instance._meta.concrete_fields}


def _apply(plan: Plan, instance: Model, changes: Sequence[Change], before: dict[str, Any]) -> frozenset[str]:
    """Make ``changes`` to the instance in memory; return the names of the columns to be written.

    An anonymiser, or a receiver of pre_anonymise, may also set other columns: these are found by comparing.
    """
    fields = instance._meta.concrete_fields
    for change in changes:
        if change.anonymiser is not None:
            value = _call(plan, change, change.anonymiser, instance)
            if value is not None:  # otherwise it has set the value itself
                _set(instance, change.field, value)
    changed = [field for field in fields if instance.__dict__.get(field.attname) != before[field.attname]]
    for change in changes:
        if change.replacement is not None:
            _set(instance, change.field, _call(plan, change, change.replacement.value, instance))
            if not change.in_sql:
                changed.append(change.field)
    _check_values(plan, instance, changed)
    written = [*changed, *(change.field for change in changes if change.field in fields)]
    return frozenset(field.name for field in written if not field.primary_key)


def _snapshot(value: Any) -> Any:
    """What to compare with later: a JSON value may be changed in place."""
    return copy.deepcopy(value) if isinstance(value, (dict, list)) else value


def _set(instance: Model, field: Any, value: Any) -> None:
    is_key = field.is_relation and not isinstance(value, Model)
    setattr(instance, field.attname if is_key else field.name, value)


def _check_values(plan: Plan, instance: Model, fields: Iterable[Any]) -> None:
    """Refuse what an anonymiser gave and the column cannot hold, before a database cuts it or names it in an error."""
    connection = connections[plan.using]
    for field in fields:
        value = getattr(instance, field.attname)
        try:
            field.get_db_prep_save(value, connection)
        except (ValueError, TypeError, ArithmeticError, ValidationError) as error:
            reason = f"a {type(value).__name__}, which the column cannot hold ({type(error).__name__})"
        else:
            if not isinstance(value, str) or field.max_length is None or len(value) <= field.max_length:
                continue
            reason = f"a text of over {field.max_length} characters"
        raise AnonymiseError(f"{plan.label}.{field.name}: an anonymiser gave {reason}. Nothing was changed.")


def _call(plan: Plan, change: Change, function: Callable[[Model], Any], instance: Model) -> Any:
    try:
        return function(instance)
    except AnonymiseError:
        raise
    except Exception as error:  # noqa: BLE001  (whatever a project's code may raise)
        # The text of the error may hold what the row holds: say where it was raised, not what it said.
        frame = traceback.extract_tb(error.__traceback__)[-1]
        name = f"anonymise_{change.field.name}" if change.anonymiser else "its rule"
        raise AnonymiseError(
            f"{plan.label}.{change.field.name}: {name} raised {type(error).__name__} "
            f"(line {frame.lineno} of {frame.name}). Nothing was changed."
        ) from None


def _transaction(plan: Plan, savepoint: bool = True) -> transaction.Atomic:
    return transaction.atomic(using=plan.using, savepoint=savepoint)


@contextmanager
def _explained(plan: Plan) -> Iterator[None]:
    """Turn a database's refusal of a value, whose text holds the value, into an error that names the model."""
    try:
        yield
    except (ProtectedError, RestrictedError):
        raise  # of a deletion by a receiver: no value in it
    except (IntegrityError, DataError) as error:
        raise AnonymiseError(
            f"{plan.label}: the database refused the new value ({type(error).__name__}) of one of "
            f"{', '.join(plan.fields)}. Nothing was changed. Look at the constraints of these columns, and write an "
            "anonymiser for the one that cannot take its rule's value."
        ) from None


@contextmanager
def _restored(instance: Model | None) -> Iterator[None]:
    """Give the object in memory its values back if the block fails: its row was rolled back."""
    if instance is None:
        yield
        return
    values, related = dict(instance.__dict__), dict(instance._state.fields_cache)
    try:
        yield
    except BaseException:
        instance.__dict__.clear()
        instance.__dict__.update(values)
        instance._state.fields_cache = related
        raise
