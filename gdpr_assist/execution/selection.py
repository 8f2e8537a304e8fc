"""The rows with given primary keys. Reads only."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.db import connections
from django.db.models import Model, QuerySet

from ..databases.rows import batch_size
from ..databases.statements import among, among_many
from ..declaring.keys import is_whole_number, key_field
from ..declaring.meta import all_rows


def rows_with(model: type[Model], keys: Collection[Any], using: str) -> QuerySet[Any]:
    """Return the rows with these primary keys, for as many as one statement takes.

    Whole numbers go into it as they are: Django would prepare each of them each time that it asks, and take longer
    than the database takes to find the rows.
    """
    return all_rows(model, using).filter(pk__in=among(keys) if keys and is_whole_number(model) else keys)


def among_keys(model: type[Model], keys: Collection[Any], using: str) -> Any:
    """Return what the lookup ``__in`` takes for primary keys of ``model``, however many there are."""
    if len(keys) <= batch_size(using):
        return keys
    field, connection = key_field(model), connections[using]
    return among_many([field.get_db_prep_value(each, connection) for each in keys], using)
