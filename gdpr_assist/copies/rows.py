"""The rows that are copies of other rows: in tables of history, audit trails, logs. Reads only."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Any

from django.db import router
from django.db.models import CASCADE, IntegerField, Model, QuerySet

from ..databases.presence import has_table
from ..declaring.clauses import HISTORY, Generic, Path, PointedAtBy
from ..declaring.keys import is_composite, key_field, key_text
from ..declaring.meta import all_rows
from ..declaring.relations import history_of
from ..paths import clauses_of, end_of
from ..planning.links import TEXTS, pointing
from ..registry import concrete, registry
from ..tables import stored_key


def copying(model: type[Model]) -> list[type[Model]]:
    """Return the models of which rows are declared to be copies of rows, and may be of rows of ``model``."""
    return [each for each in registry.models if _may_copy(each, concrete(model))]


def _may_copy(each: type[Model], model: type[Model]) -> bool:
    path = clauses_of(each).copy_of
    if path is None or each is model:
        return False
    if isinstance(path, PointedAtBy):
        key: Any = next((field for field in model._meta.fields if field.name == path.key), None)
        return key is not None and key.is_relation and concrete(key.related_model) is each
    return can_point(each, path, model) if isinstance(path, Generic) else _original(each, path) is model


def _original(model: type[Model], path: str) -> type[Model]:
    original: Any = history_of(model) if path == HISTORY else end_of(model, path)
    return concrete(original)


def going_with(model: type[Model]) -> list[type[Model]]:
    """Return the models of copies of which Django deletes the rows with those of ``model``."""
    relations: Iterable[Any] = model._meta.related_objects
    return [
        concrete(each.related_model)
        for each in relations
        if each.on_delete is CASCADE and clauses_of(each.related_model).copy_of == each.field.name
    ]


def copies(model: type[Model], keys: Collection[Any], using: str) -> Iterator[QuerySet[Any]]:
    """Yield the rows of each model that are copies of the rows of ``model`` with these keys, which may be gone."""
    for each in copying(model):
        if _is_there(each, using):
            yield _copying(each, model, keys, [stored_key(key) for key in keys], using)


def copies_of(rows: QuerySet[Any]) -> Iterator[QuerySet[Any]]:
    """Yield the rows of each model that are copies of ``rows``."""
    for each in copying(rows.model):
        if _is_there(each, rows.db):
            yield _copying(each, rows.model, rows.order_by().values("pk"), key_texts(rows), rows.db)


def key_texts(rows: QuerySet[Any]) -> Any:
    """Return the primary keys of ``rows`` as a generic key holds them in a column of text.

    That is a query, but composite keys are read: the databases do not write them as Django does.
    """
    rows, text = rows.order_by(), key_text(rows.model)
    if is_composite(rows.model):
        return [stored_key(key) for key in rows.values_list("pk", flat=True)]
    return rows.values_list("pk" if text is None else text, flat=True)


def _is_there(model: type[Model], using: str) -> bool:
    """Whether its table is on this alias. Asks the database only where the project does not write the model anyway."""
    return router.db_for_write(model) == using or has_table(model, using)


def _copying(copy: type[Model], model: type[Model], keys: Any, texts: Any, using: str) -> QuerySet[Any]:
    path: Path | PointedAtBy = clauses_of(copy).copy_of  # type: ignore[assignment]  # see copying
    if isinstance(path, PointedAtBy):
        return all_rows(copy, using).filter(pk__in=all_rows(model, using).filter(pk__in=keys).values(path.key))
    if isinstance(path, Generic):
        rows = pointing(copy, path, model, keys, texts, using)
        return rows.exclude(path.but(model)) if path.but else rows
    name = model._meta.pk.attname if path == HISTORY else path
    return all_rows(copy, using).filter(**{f"{name}__in": keys})


def can_point(each: type[Model], path: Generic, model: type[Model]) -> bool:
    """Return whether the column of a generic key can hold the primary keys of ``model``."""
    column, key = _column(each, path), key_field(model)
    alike: Iterable[Any] = (IntegerField, type(key))
    return isinstance(column, TEXTS) or any(isinstance(column, kind) and isinstance(key, kind) for kind in alike)


def _column(model: type[Model], path: Generic) -> Any:
    """The column that holds the key: it may be a foreign key itself, to a multi-table parent of what it points at."""
    field: Any = model._meta.get_field(path.object_id)
    return key_field(field.remote_field.model) if field.remote_field else field
