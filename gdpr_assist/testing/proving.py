"""Assertions about declarations: that they do what they say, and that nothing was forgotten. For tests alone.

A message names models, fields and numbers, and never a value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.core.exceptions import ValidationError
from django.db.models import BooleanField, Case, FileField, Model, QuerySet, When
from django.test import TestCase

from ..copies.files import file_changes
from ..copies.rows import copies
from ..coverage import unanswered as unanswered_columns
from ..databases.rows import chunks
from ..declaring.meta import all_rows
from ..execution.execute import execute
from ..paths import unanswered as unanswered_keys
from ..planning.plans import Plan, plan
from ..registry import concrete, registry
from ..residue.looking import MOST, look
from ..residue.values import SHORTEST, usable
from ..verifying.findings import of_copies
from .making import make_row
from .within import as_json, declared_paths, nowhere, texts_within

Values = dict[str, Any]


def registered_models(*app_labels: str) -> list[type[Model]]:
    """Return the registered models that can be anonymised, of these apps or of all, by label.

    Raises ``LookupError`` for an app that there is not.
    """
    _check_apps(app_labels)
    found = [declared.model for declared in registry if declared.meta.can_anonymise]
    chosen = (model for model in found if not app_labels or model._meta.app_label in app_labels)
    return sorted(chosen, key=lambda model: model._meta.label)


def assert_anonymises(instance: Model) -> None:
    """Anonymise ``instance``, and look whether that did what its declaration says.

    Each declared field holds what its rule gives; no text of at least 5 characters of one is left in the row; each
    path of ``json_fields`` leads to something, if the column is not empty; stored files are gone, and copies erased;
    ``full_clean()`` finds nothing that it did not find before; and anonymising again changes nothing. The row stays
    anonymised, and its files deleted: of the rest, the test's own transaction undoes it.

    Raises ``AssertionError`` that names the fields, and what ``anonymise()`` raises.
    """
    planned = plan(instance)
    _assert_anonymised(planned.rows(), lambda: execute(planned))


def assert_model_anonymises(model: type[Model], make: Callable[[type[Model]], Model] = make_row) -> None:
    """Make rows of ``model`` and anonymise them, one by itself and two at once; look as ``assert_anonymises`` does.

    ``make`` is called with the model for each row: by default a row is made with model_bakery. Raises
    ``AssertionError`` that names the fields, and what ``make`` and ``anonymise()`` raise.
    """
    assert_anonymises(make(model))
    made = [make(model), make(model)]
    rows = all_rows(concrete(model), str(made[0]._state.db)).filter(pk__in=[each.pk for each in made])
    _assert_anonymised(rows, lambda: execute(plan(rows)))


def assert_no_trace(*values: str, using: str | Iterable[str] | None = None, media: bool = False) -> None:
    """Look for ``values`` in every text column of every table: of all databases and the log's, or those named.

    With ``media`` also in the names and contents of stored files. Raises ``AssertionError`` that names the tables with
    the numbers of rows, ``ValueError`` for a value that is too short to be looked for.
    """
    for number, value in enumerate(values, start=1):
        if not usable([value]):
            raise ValueError(f"Value {number} is too short to be looked for: it needs {SHORTEST} characters.")
    databases = [using] if isinstance(using, str) else using
    found: list[str] = []
    for part in chunks(values, MOST):
        found += look(part, databases=databases, in_media=media).lines()
    if found:
        raise AssertionError(f"There is a trace of the values. {'; '.join(found)}.")


def assert_fully_declared(*app_labels: str) -> None:
    """Look whether all is said of the models of these apps, by default of all.

    Every column of a registered model is personal or kept, what is declared has no mistake that keeps it from being
    anonymised, every key that leads to a person has an answer, and no model looks personal of which nothing is said.
    Raises ``AssertionError`` that names what is left, ``LookupError`` for an app that there is not.
    """
    _check_apps(app_labels)
    wrong = list(_not_said(app_labels))
    if wrong:
        raise AssertionError(f"Not fully declared: {' '.join(wrong)}")


def _check_apps(app_labels: Iterable[str]) -> None:
    for label in app_labels:
        apps.get_app_config(label)


def _not_said(app_labels: tuple[str, ...]) -> Iterator[str]:
    def is_of_them(label: str) -> bool:
        return not app_labels or label.split(".")[0] in app_labels

    for label, names in unanswered_columns().items():
        if is_of_them(label):
            yield f"{label}: nothing is said of {', '.join(names)}."
    for key in unanswered_keys():
        if is_of_them(key.label):
            yield f"{key.label}: it leads to a person, and has no answer (gdpr_paths)."
    for declared in registry:
        if is_of_them(declared.label):
            yield from (f"{declared.label}: {mistake.message}" for mistake in declared.errors)


# -- one erasure ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Before:
    """What rows held. Not printed."""

    values: dict[Any, dict[str, Any]]
    invalid: dict[Any, set[str]]
    files: list[tuple[FileField, str]]


def _assert_anonymised(rows: QuerySet[Any], act: Callable[[], Any]) -> None:
    planned = plan(rows)
    before = _Before(_values(planned), _invalid(rows), list(_files(planned)))
    with TestCase.captureOnCommitCallbacks(using=rows.db, execute=True):
        act()
    wrong = list(dict.fromkeys(_wrong(planned, before)))
    held = _values(planned)
    act()
    if _values(planned) != held:
        wrong.append("anonymising again changes it.")
    if wrong:
        raise AssertionError(f"{planned.label} is not anonymised as it is declared: {' '.join(wrong)}")


def _wrong(planned: Plan, before: _Before) -> Iterator[str]:
    rows = planned.rows()
    held = _values(planned)
    if gone := before.values.keys() - held.keys():
        yield f"{len(gone)} of the rows are gone."
        return
    if rows.count() != planned.marked().count():
        yield "a row is not marked as anonymised."
    told = list(_not_as_told(planned))
    yield from (f"{name} does not hold what its rule gives." for name in told)
    yield from _paths_that_lead_nowhere(planned, before)
    for key, texts in before.values.items():
        yield from _texts_left(planned, texts, held[key])
    yield from _files_left(before.files)
    yield from _copies_left(planned)
    after = _invalid(rows)
    for name in sorted({name for key, names in after.items() for name in names - before.invalid.get(key, set())}):
        yield f"full_clean() refuses {name}."


def _values(planned: Plan) -> dict[Any, dict[str, Any]]:
    """Return {key: {"label.column": what it holds}}, with what tables of the same objects hold."""
    found: dict[Any, dict[str, Any]] = {}
    model = planned.declaration.model
    for row in planned.rows().values():
        found[row[str(model._meta.pk.attname)]] = dict(row)
    for child, link in registry.children(model):
        for row in all_rows(child, planned.using).filter(**{f"{link.name}__in": found}).values():
            found[row[link.attname]] |= row
    return found


def _not_as_told(planned: Plan) -> Iterator[str]:
    """Yield the fields that do not hold what the rule gives, where that can be told."""
    conditions = planned.told
    holds = [Case(When(each, then=True), default=False, output_field=BooleanField()) for each in conditions.values()]
    for row in planned.rows().values_list(*holds) if holds else ():
        yield from (name for name, is_held in zip(conditions, row, strict=True) if not is_held)


def _texts_left(planned: Plan, before: Values, after: Values) -> Iterator[str]:
    """Yield where a text that a personal field has lost still stands."""
    columns = {change.field.name: change.field for change in planned.changes if not change.field.many_to_many}
    paths = declared_paths(planned.declaration.model)
    for name, column in columns.items():
        text = before[column.attname]
        if name in paths:
            lost = [(f"{path} in {name}", each) for path, each in texts_within(as_json(text), paths[name])]
        elif not isinstance(text, str) or len(text) < SHORTEST or column.choices:
            continue
        elif name in planned.told and after[column.attname] == text:
            continue  # it held what the rule gives
        else:
            lost = [(name, text)]
        for words, each in lost:
            for other, value in after.items():
                if isinstance(value, (str, dict, list)) and each in str(value):
                    yield f"the text of {words} is still in {other}."


def _paths_that_lead_nowhere(planned: Plan, before: _Before) -> Iterator[str]:
    columns = {change.field.name: change.field.attname for change in planned.changes}
    for name, paths in declared_paths(planned.declaration.model).items():
        if name in columns:
            held = [as_json(values[columns[name]]) for values in before.values.values()]
            yield from (
                f"nothing stands at {path} in {name}: is it misspelt, or has the row not got it?"
                for path in nowhere(held, paths)
            )


def _files(planned: Plan) -> Iterator[tuple[FileField, str]]:
    for column in file_changes(planned.declaration):
        for name in planned.rows().values_list(column.name, flat=True):
            if name:
                yield column, name


def _files_left(files: Iterable[tuple[FileField, str]]) -> Iterator[str]:
    for column, name in files:
        if column.storage.exists(name):
            yield f"the stored file of {column.name} is still there."


def _copies_left(planned: Plan) -> Iterator[str]:
    model, using = planned.declaration.model, planned.using
    for rows in copies(model, list(planned.rows().values_list("pk", flat=True)), using):
        wrong = (each for each in of_copies(rows) if each.is_wrong and each.count)
        yield from (f"copies in {each.label} are {each.what}." for each in wrong)


def _invalid(rows: QuerySet[Any]) -> dict[Any, set[str]]:
    """Return {key: names of the fields that full_clean() refuses}, but for being empty: that is a rule's own way."""
    found: dict[Any, set[str]] = {}
    for row in rows:
        try:
            row.full_clean()
        except ValidationError as error:
            refused = error.error_dict.items()
            found[row.pk] = {name for name, errors in refused if any(each.code != "blank" for each in errors)}
    return found
