"""Checks of how searches are answered; reads the declared indexes, asks no database."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from django.core.checks import CheckMessage

from ..declaring.indexes import is_searched_on_postgresql, missing
from ..declaring.rules import field_label
from .messages import declarations, message


def check_W006(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """A search that reads a whole table, on PostgreSQL. Looks at the declared indexes, not at the database."""
    # {(field, cure): the entries of search_fields}
    unindexed: dict[tuple[Any, str], list[str]] = defaultdict(list)
    for declared in declarations(app_configs):
        if not declared.errors and is_searched_on_postgresql(declared.model):
            for lacking in missing(declared):
                unindexed[lacking.field, lacking.cure].append(f"{lacking.written} of {declared.label}")
    return [
        message(
            "W006",
            f"{field_label(field)} has no index for a search on PostgreSQL, which reads the whole table: "
            f"{', '.join(entries)}.",
            cure,
            field.model,
        )
        for (field, cure), entries in unindexed.items()
    ]
