"""The ways in which rows are changed: a class for each kind that planning chooses. Nothing else asks for the kind."""

from __future__ import annotations

from collections import defaultdict
from typing import Any, Protocol

from django.db import DatabaseError, IntegrityError, connections
from django.db.models import Model, QuerySet
from django.dispatch import Signal

from ..databases.rows import batch_size, locked, range_size
from ..databases.statements import write_back
from ..declaring.meta import all_rows
from ..planning.plans import Plan
from ..planning.ways import Kind
from ..signals import post_anonymise, pre_anonymise
from ..switches import marked
from .effects import Computed, Intended, as_they_are, check_changed, check_in_sql, check_stored, intended, unchanged
from .run import Run
from .saving import saving
from .values import Changes, changed_fields, held, prepared, raise_explained

# Of a range that is anonymised by its bounds alone, but of which Python reads something
ROWS_READ_PER_RANGE = 20_000

# bulk_update compares each row with each, so that more of them take longer.
ROWS_PER_CASE = 100


class Changer(Protocol):
    """Changes rows that are claimed and marked."""

    def change(self, plan: Plan, rows: QuerySet[Any], run: Run) -> int:
        """Change ``rows`` as ``plan`` says; return how many of them were changed in each table that has a part."""
        ...


def way_of(plan: Plan) -> Changer:
    return WAYS[plan.way.kind]


def rows_per_range(plan: Plan, run: Run) -> int:
    """Return how many rows make a range, where nobody needs to know their keys: none is saved, and none is told of."""
    return IN_SETS[plan.way.kind].rows_per_range(plan, run)


class InSets:
    """The database changes all rows of a batch at once."""

    def change(self, plan: Plan, rows: QuerySet[Any], run: Run) -> int:
        """Where the database may have a say in what is written, no count tells: what it holds afterwards does."""
        before = as_they_are(rows) if run.interference(plan).changes else None
        changed = self.write(plan, rows, run)
        if before is None:
            return rows.count() if changed is None else changed
        run.note(plan, self.check(plan, rows, before))
        return len(before)

    def write(self, plan: Plan, rows: QuerySet[Any], run: Run) -> int | None:
        """Write the columns; return the number of rows, None if there is nothing to write."""
        # Of a multi-table model, update() returns the number of one table only.
        return min((rows.update(**columns) for columns in columns_of(plan).values()), default=None)

    def check(self, plan: Plan, rows: QuerySet[Any], before: dict[Any, Model]) -> Computed:
        return check_in_sql(plan, rows, before)

    def rows_per_range(self, plan: Plan, run: Run) -> int:
        # To change a column of a parent's table, Django reads the keys of the rows.
        has_others = any(table is not plan.declaration.model for table in columns_of(plan))
        are_read = has_others or plan.clears or plan.declaration.references or run.interference(plan).changes
        return ROWS_READ_PER_RANGE if are_read else range_size(plan.using)


class Mixed(InSets):
    """Python computes what the database cannot, and writes it back in batches; the database does the rest.

    Where somebody listens to the signals, Python computes all columns, so that he sees them.
    """

    def write(self, plan: Plan, rows: QuerySet[Any], run: Run) -> int:
        changed = self.write_back(plan, rows, run)
        rest = None if plan.way.sends_signals else super().write(plan, rows, run)
        return changed if rest is None else min(changed, rest)

    def check(self, plan: Plan, rows: QuerySet[Any], before: dict[Any, Model]) -> Computed:
        return {} if plan.way.sends_signals else super().check(plan, rows, before)

    def rows_per_range(self, plan: Plan, run: Run) -> int:
        return batch_size(plan.using)

    def write_back(self, plan: Plan, rows: QuerySet[Any], run: Run) -> int:
        """Write what Python computes; return the number of rows."""
        is_watched = run.interference(plan).changes
        changes = Changes(plan, (each for each in plan.changes if plan.way.sends_signals or not each.in_sql))
        instances = list(locked(rows, plan.using).order_by("pk"))
        changed: dict[frozenset[str], list[Model]] = defaultdict(list)
        kept: dict[Any, Intended] = {}
        for instance in instances:
            before = held(plan, instance)
            if plan.way.sends_signals:
                _send(pre_anonymise, "pre_anonymise", plan, instance)
            changed[changes.apply(instance, before).names].append(instance)
            if is_watched:
                kept[instance.pk] = intended(instance, before, changes.attnames)
        missed = sum(len(alike) - _write_back(plan, sorted(names), alike, run) for names, alike in changed.items())
        if is_watched:
            run.note(plan, check_stored(plan, kept)[1])
        else:
            check_changed(plan, rows, len(instances) - missed, len(instances))
        if plan.way.sends_signals:
            for instance in instances:
                _send(post_anonymise, "post_anonymise", plan, instance)
        return len(instances)


class RowByRow:
    """Each row is saved, with its signals."""

    def change(self, plan: Plan, rows: QuerySet[Any], run: Run) -> int:
        instances = list(rows.order_by("pk")) if plan.instance is None else [plan.instance]
        changes = Changes(plan, plan.changes)
        saved = {instance.pk: _save_row(plan, instance, changes) for instance in instances}
        stored, computed = check_stored(plan, saved)
        run.note(plan, computed)
        if plan.instance is not None:
            # What save(), or the database, has computed instead of what was planned
            for name, value in next(iter(stored.values()), {}).items():
                if plan.instance.__dict__.get(name) != value:
                    setattr(plan.instance, name, value)
        return len(saved)


IN_SETS: dict[Kind, InSets] = {"set": InSets(), "mixed": Mixed()}
WAYS: dict[Kind, Changer] = {**IN_SETS, "rows": RowByRow()}


def columns_of(plan: Plan) -> dict[type[Model], dict[str, Any]]:
    """Return what the database itself can put into the columns: {model of the table: {name: expression or value}}."""
    tables: dict[type[Model], dict[str, Any]] = defaultdict(dict)
    for change in plan.changes:
        if change.replacement is not None and change.replacement.expression is not None:
            tables[change.field.model][change.field.name] = change.replacement.expression()
    return tables


def _send(signal: Signal, name: str, plan: Plan, instance: Model) -> None:
    try:
        signal.send(sender=plan.model, instance=instance, using=plan.using)
    except Exception as error:  # noqa: BLE001  (whatever a project's code may raise)
        raise_explained(error, f"{plan.label}: a receiver of {name}")


def _write_back(plan: Plan, names: list[str], instances: list[Model], run: Run) -> int:
    """Write these columns of the instances, each table of a multi-table model by itself.

    Return how many of them were changed in each of the tables.
    """
    connection = connections[plan.using]
    tables: dict[type[Model], list[Any]] = defaultdict(list)
    for name in names:
        field = plan.declaration.model._meta.get_field(name)
        tables[field.model].append(field)
    counts = [len(instances)]
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
        types = run.interference(plan).types.get(model._meta.db_table)
        statements = None if has_expressions else write_back(model, fields, rows, plan.using, types)
        if statements is None:
            bulk = all_rows(plan.declaration.model, plan.using)
            counts.append(bulk.bulk_update(instances, [field.name for field in fields], batch_size=ROWS_PER_CASE))
            continue
        with connection.cursor() as cursor:
            counts.append(sum(statement.run(cursor) for statement in statements))
    return min(counts)


def _save_row(plan: Plan, instance: Model, changes: Changes) -> Intended:
    """Anonymise one row with its signals; return what it held, and what it is to hold."""
    before = held(plan, instance)
    _send(pre_anonymise, "pre_anonymise", plan, instance)
    applied = changes.apply(instance, before)
    for column in applied.given:  # before save() is called; else they are checked as they are written back
        prepared(plan, column, getattr(instance, column.attname), connections[plan.using])
    planned = intended(instance, before, applied.attnames)
    if applied.names:
        _save(plan, instance, applied.names)
        if instance.__dict__ != before | planned.planned:
            planned = planned.after_save(instance, _save_rest(plan, instance, applied.names, before))
    _send(post_anonymise, "post_anonymise", plan, instance)
    return planned


def _save(plan: Plan, instance: Model, names: frozenset[str]) -> None:
    try:
        with saving(instance), marked(instance):
            instance.save(using=plan.using, update_fields=names)
    except DatabaseError as error:
        if error.__cause__ is not None or isinstance(error, IntegrityError):
            raise
        raise unchanged(plan, 1) from None  # of Django itself: no row was affected
    except Exception as error:  # noqa: BLE001  (whatever a project's code may raise)
        raise_explained(error, f"{plan.label}: {type(instance).__name__}.save(), or a receiver of its signals,")


def _save_rest(plan: Plan, instance: Model, names: frozenset[str], before: dict[str, Any]) -> list[str]:
    """Save the columns that the project's save() has computed beside ``names``: a slug holds the name too.

    Return their attnames.
    """
    rest = [field for field in changed_fields(instance, before) if field.name not in names and not field.primary_key]
    if rest:
        rows = all_rows(plan.declaration.model, plan.using).filter(pk=instance.pk)
        rows.update(**{field.name: getattr(instance, field.attname) for field in rest})
    return [field.attname for field in rest]
