"""The rows with given primary keys. Reads only."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.db.models import Model, QuerySet

from ..databases.statements import among
from ..declaring.keys import is_whole_number
from ..declaring.meta import all_rows


def rows_with(model: type[Model], keys: Collection[Any], using: str) -> QuerySet[Any]:
    """Return the rows with these primary keys, for as many as one statement takes.

    Whole numbers go into it as they are: Django would prepare each of them each time that it asks, and take longer
    than the database takes to find the rows.
    """
    return all_rows(model, using).filter(pk__in=among(keys) if keys and is_whole_number(model) else keys)
