"""Whether an execution took effect: compares what was claimed with what was changed. Reads rows and writes none."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import reduce
from operator import and_
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import EMPTY_VALUES
from django.db.models import Model, QuerySet
from django.template.defaultfilters import pluralize
from django.utils.text import slugify

from ..databases.presence import has_table
from ..databases.rows import batch_size, chunks
from ..declaring.meta import all_rows
from ..declaring.rules import field_label
from ..exceptions import AnonymiseError
from ..planning.plans import Plan
from .selection import rows_with

CAUSE = "A trigger, a rule, row level security or a view of the database may be the cause."


# A shorter text, as of a choice, may stand in two columns for other reasons.
SHORTEST_LOST = 3

# {primary key: names of columns that hold another value than the planned one}
Computed = dict[Any, set[str]]


@dataclass(frozen=True, kw_only=True)
class Intended:
    """What one row held, and what some of its columns are to hold: {attname: value}. Not printed."""

    before: dict[str, Any] = field(repr=False)
    planned: dict[str, Any] = field(repr=False)
    computed: frozenset[str] = frozenset()
    """The columns that the object in memory held otherwise than planned after its ``save()``."""

    @property
    def lost(self) -> set[str]:
        """The texts that the row is to hold no more, as slugs: another column may have got one of them."""
        return _lost((self.before.get(name), planned) for name, planned in self.planned.items())

    def is_computed_again(self, plan: Plan, name: str) -> bool:
        """Whether a project's ``save()`` gave the column ``name`` what it held before, of a row that was anonymised.

        Such a row held in its other columns what they are to hold, and not all of them were empty, so that the same is
        computed each time. Columns of a multi-table parent say nothing: they were anonymised a moment ago.
        """
        if name not in self.computed:
            return False
        fields = {each.attname: each for each in plan.declaration.model._meta.concrete_fields}
        others = [
            each
            for each in self.planned
            if each != name and fields[each].name in plan.told and fields[each].model is fields[name].model
        ]
        same = all(self.before.get(each) == self.planned[each] for each in others)
        return same and any(self.planned[each] not in EMPTY_VALUES for each in others)

    def after_save(self, instance: Model, rest: Iterable[str]) -> Intended:
        """Return what the columns are to hold after ``save()``, which has computed ``rest`` beside them."""
        now = instance.__dict__
        computed = frozenset(name for name, value in self.planned.items() if now.get(name) != value)
        return replace(self, planned=self.planned | {name: now.get(name) for name in rest}, computed=computed)


def intended(instance: Model, before: dict[str, Any], names: Iterable[str]) -> Intended:
    """Return what these columns of ``instance`` are to hold, as in memory, instead of what they held ``before``."""
    now = instance.__dict__
    return Intended(before=before, planned={name: now.get(name) for name in names})


def check_changed(plan: Plan, rows: QuerySet[Any], changed: int, claimed: int) -> None:
    """Raise ``AnonymiseError`` if fewer rows were ``changed`` than ``claimed``, and are there to be changed."""
    if changed < claimed and (left := rows.count() - changed) > 0:
        raise unchanged(plan, left)


@contextmanager
def references_kept(plan: Plan, rows: QuerySet[Any]) -> Iterator[None]:
    """Raise ``AnonymiseError`` if a foreign key (``to_field``) still holds what a row has lost in the block.

    The database would refuse it at the COMMIT, or not at all: with ``db_constraint=False`` it knows of no key.
    """
    before = {
        key: set(rows.values_list(str(key.remote_field.field_name), flat=True))
        for key in plan.declaration.references
        if has_table(key.model, plan.using)
    }
    yield
    for key, values in before.items():
        name = str(key.remote_field.field_name)
        for part in chunks(values, batch_size(plan.using)):
            still = all_rows(key.remote_field.model, plan.using).filter(**{f"{name}__in": part})
            left = all_rows(key.model, plan.using).filter(**{f"{key.attname}__in": part})
            if count := left.exclude(**{f"{key.attname}__in": still.values(name)}).count():
                raise AnonymiseError(
                    f"{plan.label}: {field_label(key)} points at {name} (to_field), and {count} row{pluralize(count)} "
                    "would keep an old value. Nothing was changed. Let the key point at the primary key."
                )


def as_they_are(rows: QuerySet[Any]) -> dict[Any, Model]:
    """Return ``rows`` by primary key, to be compared with what is stored later."""
    return {row.pk: row for row in rows}


def check_in_sql(plan: Plan, rows: QuerySet[Any], before: dict[Any, Model]) -> Computed:
    """Return the columns that hold another value than the one which the database itself was to write.

    ``before`` are the rows as they were. Raises ``AnonymiseError`` if a column still holds what it held then and was
    to lose. The database finds the rows to look at, where each rule can tell that its value is there.
    """
    changes = [(each.field, each.replacement) for each in plan.changes if each.in_sql and each.replacement]
    holds = [replacement.holds(column.name) for column, replacement in changes if replacement.holds]
    doubtful = rows.exclude(reduce(and_, holds)) if changes and len(holds) == len(changes) else rows
    computed: Computed = defaultdict(set)
    kept = set()
    for key, *values in doubtful.values_list("pk", *(column.attname for column, _ in changes)):
        if (row := before.get(key)) is None:
            continue
        planned = [_as_stored(column, replacement.value(row)) for column, replacement in changes]
        olds = [row.__dict__.get(column.attname) for column, _ in changes]
        lost = _lost(zip(olds, planned, strict=True))
        for (column, _), old, new, value in zip(changes, olds, planned, values, strict=True):
            if value != new:
                computed[key].add(column.name)
                kept |= {key} if _is_kept(old, new, value) or _is_moved(lost, value) else set()
    if kept:
        raise unchanged(plan, len(kept))
    return computed


def _as_stored(field: Any, value: Any) -> Any:
    """Return ``value`` as the database would give it back, where the field can tell."""
    try:
        return value if _is_expression(value) else field.to_python(value)
    except (ValueError, TypeError, ArithmeticError, ValidationError):
        return value


def check_stored(plan: Plan, rows: dict[Any, Intended]) -> tuple[dict[Any, dict[str, Any]], Computed]:
    """Return what the database holds of ``rows``, {primary key: {attname: value}}, and the columns computed otherwise.

    Raises ``AnonymiseError`` if a column still holds what it held before and was to lose. Another value than the
    planned one is let pass: a project's ``save()``, or a trigger, may compute it.
    """
    names = {name for row in rows.values() for name in row.planned}
    fields = {each.attname: each for each in plan.declaration.model._meta.concrete_fields if each.attname in names}
    stored_rows = all_rows(plan.declaration.model, plan.using).filter(pk__in=list(rows))
    stored = {key: dict(zip(fields, values, strict=True)) for key, *values in stored_rows.values_list("pk", *fields)}
    kept: Counter[str] = Counter()
    computed: Computed = defaultdict(set)
    # An object in memory may have its key as a text, or on MariaDB in other letters.
    alone = next(iter(rows.values())) if len(rows) == 1 else None
    for key, values in stored.items():
        row = alone or rows[key]
        if values == row.planned:
            continue  # so that nothing is converted to be compared
        for name in row.planned:
            value, planned = values[name], _as_stored(fields[name], row.planned[name])
            if _as_stored(fields[name], value) != planned:
                computed[key] |= set() if _is_expression(planned) else {fields[name].name}
                is_kept = _is_kept(row.before.get(name), planned, value)
                is_moved = not is_kept and _is_moved(row.lost, value)
                kept[fields[name].name] += is_moved or (is_kept and not row.is_computed_again(plan, name))
    if +kept:
        raise _kept(plan, +kept)
    return stored, {key: names & set(plan.fields) for key, names in computed.items()}


def _is_expression(value: Any) -> bool:
    return hasattr(value, "resolve_expression")


def _is_kept(old: Any, planned: Any, value: Any) -> bool:
    return old not in EMPTY_VALUES and value == old and (_is_expression(planned) or planned != old)


def _lost(pairs: Iterable[tuple[Any, Any]]) -> set[str]:
    """Return the texts that a row loses, as slugs, of ``pairs`` of an old and a planned value; no short ones."""
    slugs = {slugify(old, allow_unicode=True) for old, planned in pairs if isinstance(old, str) and old != planned}
    return {slug for slug in slugs if len(slug) >= SHORTEST_LOST}


def _is_moved(lost: set[str], value: Any) -> bool:
    """Whether a column has got what another one lost, or a slug of it. Of a part of it, nobody can tell."""
    return bool(lost) and isinstance(value, str) and slugify(value, allow_unicode=True) in lost


def check_deleted(model: type[Model], keys: Sequence[Any], using: str) -> None:
    """Raise ``AnonymiseError`` if the database has not deleted the rows of ``model`` that have these keys."""
    left = sum(rows_with(model, part, using).count() for part in chunks(keys, batch_size(using)))
    if left:
        raise AnonymiseError(
            f"{model._meta.label}: the database did not delete {left} row{pluralize(left)}. Nothing was deleted. "
            f"{CAUSE} Where it only marks rows as deleted, mark them with update(), and anonymise them."
        )


def unchanged(plan: Plan, count: int) -> AnonymiseError:
    manager = plan.declaration.model._meta.base_manager_name
    hiding = (
        f" Or the manager {manager} hides them (Meta.base_manager_name): save() sees no others." if manager else ""
    )
    return AnonymiseError(
        f"{plan.label}: the database did not change {count} row{pluralize(count)} that {pluralize(count, 'was,were')} "
        f"to be anonymised. Nothing was changed. {CAUSE}{hiding} Let the role of the site change "
        f"{', '.join(plan.fields)} of {plan.declaration.model._meta.db_table}."
    )


def _kept(plan: Plan, kept: Counter[str]) -> AnonymiseError:
    listed = ", ".join(f"{name} in {count} row{pluralize(count)}" for name, count in kept.items())
    return AnonymiseError(
        f"{plan.label}: after writing, the database still holds the old value of {listed}. Nothing was changed. "
        f"{plan.model.__name__}.save(), or a receiver, may write it again; else: {CAUSE} Correct it, or take the "
        "column out of PrivacyMeta.fields if it is not personal."
    )
