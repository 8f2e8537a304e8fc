"""Runs a ``Plan`` in one transaction on the rows' own database. The only writer of personal data."""

from __future__ import annotations

import logging
import uuid
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from operator import itemgetter
from typing import Any

from django.db import DatabaseError, IntegrityError, connections, transaction
from django.db.models import (
    BooleanField,
    ExpressionWrapper,
    IntegerField,
    Model,
    ProtectedError,
    QuerySet,
    RestrictedError,
    Value,
)
from django.db.models.deletion import Collector
from django.utils import timezone

from . import eventlog
from .batching import LARGEST_BATCH, batch_size, chunks, pages
from .conf import settings
from .exceptions import AnonymiseError
from .files import delete_files, file_changes, named_files
from .meta import all_rows
from .placement import explained
from .planning import Plan, content_type, has_marker, marked_texts, markers
from .planning import plan as make_plan
from .rules import is_unique, key_text
from .signals import post_anonymise, pre_anonymise
from .statements import among, insert_select, refuses_value, write_back
from .tables import LONGEST_KEY, EventLog, PrivacyAnonymised, Scrub
from .values import apply, held, prepared

logger = logging.getLogger(__name__)

# Of a range that is anonymised by its bounds alone, without reading a key
ROWS_PER_RANGE = 20_000

# bulk_update compares each row with each, so that more of them take longer.
ROWS_PER_CASE = 100

# (primary key, whether the row was anonymised before)
Claimed = tuple[Any, bool]


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
        for claimed in _claims(plan):
            seen += len(claimed)
            anonymised += _run(plan, claimed, erasure)
        if plan.instance is not None and not seen:
            raise AnonymiseError(f"{plan.label}: the object is not in the database any more.")
        if within is None:
            eventlog.record(erasure)
    logged = erasure.id if erasure.count else None
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
        # A multi-table child first: with its parent it is anonymised too, and would be counted as done before.
        order = sorted(pinned, key=lambda plan: -len(plan.declaration.model._meta.get_parent_list()))
        done = {id(plan): execute(plan, within=erasures[plan.using]) for plan in order}
        for erasure in erasures.values():
            eventlog.record(erasure)
    return [done[id(plan)] for plan in pinned]


def begin_scrub(plan: Plan) -> Scrub | None:
    """Forget which rows of the plan's table were anonymised before, so that all of them are scrubbed.

    Where an earlier run was interrupted, its markers say which rows it has done: then they stay, but for rows that
    were filled again since, and what that run noted is returned.
    """
    with _transaction(plan):
        scrub, is_new = Scrub.objects.using(plan.using).get_or_create(
            label=plan.label, defaults={"started": timezone.now()}
        )
        if is_new:
            for model in (plan.declaration.model, *plan.descendants):
                markers(model, plan.using).delete()
        else:
            for model in (plan.declaration.model, *plan.descendants):
                _forget_refilled(plan, model)
    return None if is_new else scrub


def _forget_refilled(plan: Plan, model: type[Model]) -> None:
    """Remove the markers of refilled rows of ``model``, and of the rows of its parents through which it is reached."""
    owners = [each for each in (plan.declaration.model, *plan.descendants) if issubclass(model, each)]
    links: list[Any] = [model._meta.pk if each is model else model._meta.get_ancestor_link(each) for each in owners]
    refilled = make_plan(all_rows(model, plan.using)).refilled()
    rows = refilled.values_list("pk", *(link.attname for link in links))
    for page in pages(rows, batch_size(plan.using), key=itemgetter(0)):
        for owner, keys in zip(owners, list(zip(*page, strict=True))[1:], strict=True):
            forget_markers(owner, keys, plan.using)


def end_scrubs(plans: Iterable[Plan]) -> None:
    """Note that the run over ``plans`` has come to its end: the next one begins anew."""
    for plan in plans:
        Scrub.objects.using(plan.using).filter(label=plan.label).delete()


def execute_in_ranges(plan: Plan, size: int | None = None) -> Iterator[int]:
    """Anonymise the unmarked rows of ``plan`` range by range, each in a transaction of its own.

    Yield the number of rows done so far. Each range has ``size`` rows, by default as many as the database likes. Logs
    nothing: for scrubbing a copy.
    """
    done = 0
    has_text = key_text(plan.declaration.model) is not None
    if has_text and not plan.sends_signals and not plan.children and not file_changes(plan):
        # Nobody needs to know the keys.
        for rows in _ranges(plan, size or (ROWS_PER_RANGE if plan.mode == "set" else batch_size(plan.using))):
            with eventlog.suspended(), _explained(plan), _transaction(plan):
                done += _run_sets(plan, rows)
                _insert_markers(plan, rows)
            yield done
        return
    plan = replace(plan, force=False)  # the markers say which rows this run, or one it resumes, has done
    claims = _claims(plan, size)
    while True:
        # The rows are locked as they are read.
        with eventlog.suspended(), _explained(plan), _transaction(plan):
            claimed = next(claims, None)
            if claimed is None:
                return
            done += _run(plan, claimed, eventlog.Erasure(plan.using), in_range=True)
        yield done


def _ranges(plan: Plan, size: int) -> Iterator[QuerySet[Any]]:
    """Yield querysets of the unmarked rows of ``plan``, each up to the key that is ``size`` rows further."""
    rows, last = plan.rows(), None
    if markers(plan.declaration.model, plan.using).exists():
        rows = rows.exclude(has_marker(plan.declaration.model, plan.using))
    while True:
        rest = rows if last is None else rows.filter(pk__gt=last)
        last = rest.order_by("pk").values_list("pk", flat=True)[size - 1 : size].first()
        yield rest if last is None else rest.filter(pk__lte=last)
        if last is None:
            return


def delete(rows: Sequence[Model], using: str) -> None:
    """Delete ``rows``, of one model, together as Django does, with cascades and signals: for a replay."""
    origin = all_rows(type(rows[0]), using).filter(pk__in=[row.pk for row in rows])
    collector = Collector(using=using, origin=origin)
    collector.collect(rows)
    collector.delete()


def forget_markers(model: type[Model], keys: Iterable[Any], using: str) -> None:
    """Remove the markers of deleted rows: a new row with a reused key must not be born anonymised."""
    for texts in chunks(map(str, keys), batch_size(using)):
        markers(model, using).filter(object_id__in=among(texts)).delete()


def _claims(plan: Plan, size: int | None = None) -> Iterator[list[Claimed]]:
    """Lock the rows of ``plan`` in batches, so that none is deleted before its marker is in; yield what is there."""
    size = min(size or LARGEST_BATCH, batch_size(plan.using))
    has_text = key_text(plan.declaration.model) is not None
    with_marks = _with_marks if has_text else _with_keys
    if plan.reads_keys_first or plan.keys is not None:
        rows = with_marks(plan, all_rows(plan.declaration.model, plan.using))
        found: Iterable[list[Any]] = (
            list(rows.filter(pk__in=keys).order_by("pk")) for keys in chunks(plan.pinned().keys or (), size)
        )
    else:
        rows = plan.rows()
        if plan.sends_signals and (last := rows.order_by("pk").last()):
            rows = rows.filter(pk__lte=last.pk)  # a receiver may create others, without end
        found = pages(with_marks(plan, rows), size, key=itemgetter(0))
    for page in found:
        yield page if has_text else _marks_found(plan, [key for (key,) in page])


def _with_marks(plan: Plan, rows: QuerySet[Any]) -> QuerySet[Any]:
    """Return ``rows``, locked, as (primary key, whether it carries a marker)."""
    is_marked = ExpressionWrapper(has_marker(plan.declaration.model, plan.using), output_field=BooleanField())
    return _locked(rows, plan.using).values_list("pk", is_marked)


def _with_keys(plan: Plan, rows: QuerySet[Any]) -> QuerySet[Any]:
    """Return ``rows``, locked, as (primary key,), where SQL cannot tell which marker is theirs."""
    return _locked(rows, plan.using).values_list("pk")


def _marks_found(plan: Plan, keys: list[Any]) -> list[Claimed]:
    texts = marked_texts(plan.declaration.model, keys, plan.using)
    return [(key, str(key) in texts) for key in keys]


def _locked(rows: QuerySet[Any], using: str) -> QuerySet[Any]:
    features = connections[using].features
    # PostgreSQL takes no name with a schema (db_table = 's"."t') after OF.
    has_schema = any('"' in each._meta.db_table for each in (rows.model, *rows.model._meta.get_parent_list()))
    if features.has_select_for_update_of and not has_schema:
        return rows.select_for_update(of=("self",))
    return rows.select_for_update() if features.has_select_for_update else rows


def _run(plan: Plan, claimed: list[Claimed], erasure: eventlog.Erasure, *, in_range: bool = False) -> int:
    """Anonymise those rows that were not before, with ``force`` all; return their number.

    Their files are deleted after the COMMIT, since a file does not roll back; those of a range of a scrub before it:
    if that is interrupted, the next run finds a row whose file is gone, but nobody finds a file that no row names.
    """
    keys = [key for key, is_marked in claimed if plan.force or not is_marked]
    if not keys:
        return 0
    rows = all_rows(plan.declaration.model, plan.using).filter(pk__in=keys)
    _mark(plan, keys, rows)
    files = named_files(plan, rows)
    if plan.mode == "rows":
        _run_rows(plan, keys)
    else:
        _run_sets(plan, rows)
    if files and in_range:
        if failed := delete_files(files, plan.using):
            raise AnonymiseError(
                f"{plan.label}: a stored file of {', '.join(failed)} could not be deleted. Nothing was changed. The "
                "log of the site has the error. Give the copy files, or a storage (STORAGES), of its own that it may "
                "delete from."
            )
    elif files:
        transaction.on_commit(lambda: delete_files(files, plan.using), using=plan.using, robust=True)
    if settings.GDPR_LOG_ON_ANONYMISE:
        erasure.add(EventLog.EVENT_ANONYMISE, plan.declaration.model, keys)
    _run_children(plan, keys, erasure, in_range)
    return len(keys)


def _run_children(plan: Plan, keys: list[Any], erasure: eventlog.Erasure, in_range: bool) -> None:
    """Anonymise what multi-table children add to these rows: an order that is a gift order is one object."""
    for child in plan.children:
        link: Any = child._meta.get_ancestor_link(plan.declaration.model)
        rows = all_rows(child, plan.using).filter(**{f"{link.name}__in": keys})
        part = make_plan(rows, force=plan.force)
        for claimed in _claims(part):
            _run(part, claimed, erasure, in_range=in_range)


def _mark(plan: Plan, keys: list[Any], rows: QuerySet[Any]) -> None:
    """Write the markers of ``rows``, which have these keys.

    Before anything else, so that receivers which anonymise each other's rows come to an end.
    """
    if any(len(str(key)) > LONGEST_KEY for key in keys):
        raise AnonymiseError(
            f"{plan.label}: a primary key of over {LONGEST_KEY} characters cannot be marked as anonymised."
        )
    _insert_markers(plan, rows)


def _insert_markers(plan: Plan, rows: QuerySet[Any]) -> None:
    model = plan.declaration.model
    kind, text = content_type(model, plan.using), key_text(model)
    if text is None:  # the databases write this type in ways of their own
        found = [PrivacyAnonymised(content_type=kind, object_id=str(key)) for key in rows.values_list("pk", flat=True)]
        PrivacyAnonymised.objects.using(plan.using).bulk_create(found, ignore_conflicts=True)
        return
    fields: list[Any] = [PrivacyAnonymised._meta.get_field(name) for name in ("content_type", "object_id")]
    values = rows.order_by().values_list(Value(kind.pk, output_field=IntegerField()), text)
    with connections[plan.using].cursor() as cursor:
        insert_select(fields, values, plan.using).run(cursor)


def _run_sets(plan: Plan, rows: QuerySet[Any]) -> int:
    """Anonymise ``rows`` without saving each; return their number."""
    count = _run_in_python(plan, rows) if plan.mode == "mixed" else None
    if not plan.sends_signals and (columns := _columns(plan)):
        return rows.update(**columns)
    return rows.count() if count is None else count


def _columns(plan: Plan) -> dict[str, Any]:
    """What the database itself can put into the columns."""
    return {
        change.field.name: change.replacement.expression()
        for change in plan.declaration.changes
        if change.replacement is not None and change.replacement.expression is not None
    }


def _run_in_python(plan: Plan, rows: QuerySet[Any]) -> int:
    """Write what only Python can compute; where somebody listens to the signals, all columns, so that he sees them."""
    changes = [each for each in plan.declaration.changes if plan.sends_signals or not each.in_sql]
    instances = list(_locked(rows, plan.using))
    changed: dict[frozenset[str], list[Model]] = defaultdict(list)
    for instance in instances:
        before = held(plan, instance)
        if plan.sends_signals:
            pre_anonymise.send(sender=plan.model, instance=instance, using=plan.using)
        changed[apply(plan, instance, changes, before)].append(instance)
    for names, alike in changed.items():
        _write_back(plan, sorted(names), alike)
    if plan.sends_signals:
        for instance in instances:
            post_anonymise.send(sender=plan.model, instance=instance, using=plan.using)
    return len(instances)


def _write_back(plan: Plan, names: list[str], instances: list[Model]) -> None:
    """Write these columns of the instances, each table of a multi-table model by itself."""
    connection = connections[plan.using]
    tables: dict[type[Model], list[Any]] = defaultdict(list)
    for name in names:
        field = plan.declaration.model._meta.get_field(name)
        tables[field.model].append(field)
    for model, fields in tables.items():
        key: Any = model._meta.pk
        keys = [key.get_db_prep_save(getattr(each, key.attname), connection) for each in instances]
        # As save() does: a new file is stored, and an auto_now column takes the time.
        columns = [
            [prepared(plan, field, field.pre_save(each, False), connection) for each in instances] for field in fields
        ]
        kinds = {kind for column in columns for kind in set(map(type, column))}
        has_expressions = any(hasattr(kind, "resolve_expression") for kind in kinds)
        rows = list(zip(keys, *columns, strict=True))
        statements = None if has_expressions else write_back(model, fields, rows, plan.using)
        if statements is None:
            bulk = all_rows(plan.declaration.model, plan.using)
            bulk.bulk_update(instances, [field.name for field in fields], batch_size=ROWS_PER_CASE)
            continue
        with connection.cursor() as cursor:
            for statement in statements:
                statement.run(cursor)


def _run_rows(plan: Plan, keys: list[Any]) -> None:
    if plan.instance is not None:
        instances: Iterable[Model] = [plan.instance]
    else:
        instances = all_rows(plan.model, plan.using).filter(pk__in=keys).order_by("pk")
    for instance in instances:
        _run_row(plan, instance)


def _run_row(plan: Plan, instance: Model) -> None:
    before = held(plan, instance)
    pre_anonymise.send(sender=plan.model, instance=instance, using=plan.using)
    names = apply(plan, instance, plan.declaration.changes, before)
    if names:
        instance.save(using=plan.using, update_fields=names)
    post_anonymise.send(sender=plan.model, instance=instance, using=plan.using)


def _transaction(plan: Plan, savepoint: bool = True) -> transaction.Atomic:
    return transaction.atomic(using=plan.using, savepoint=savepoint)


@contextmanager
def _explained(plan: Plan) -> Iterator[None]:
    """Turn a database's refusal of a value, whose text holds the value, into an error that names the model."""
    try:
        with explained(plan.using):
            yield
    except (ProtectedError, RestrictedError):
        raise  # of a deletion by a receiver: no value in it
    except DatabaseError as error:
        if not refuses_value(error, plan.using):
            raise
        raise AnonymiseError(
            f"{plan.label}: the database refused the new value ({type(error).__name__}) of one of "
            f"{_suspects(plan, error)}. Nothing was changed. Look at the constraints of these columns, and write an "
            "anonymiser for the one that cannot take its rule's value."
        ) from None


def _suspects(plan: Plan, error: Exception) -> str:
    """Name the columns, and those among them that can have clashed, where the error may be that of a clash."""
    fields = ", ".join(plan.fields)
    unique = [change.field.name for change in plan.declaration.changes if is_unique(change.field)]
    return f"{fields} (unique: {', '.join(unique)})" if unique and isinstance(error, IntegrityError) else fields


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
