"""What the field of a column puts into statements, and where a condition stands as a value."""

from __future__ import annotations

from typing import Any

from django.db import connections

# Where Django's fields put no more around their values than the casts which are made here too.
CASTS = {
    "django.db.models.fields",
    "django.contrib.postgres.fields.array",
    "django.contrib.postgres.fields.ranges",
}


def has_sql_of_its_own(field: Any) -> bool:
    """Return whether a field puts SQL of its own around its values, as one that has the database encrypt them."""
    # Before Django 6.1 it is the first; there the second is made from it.
    method = getattr(field, "get_placeholder", None) or getattr(field, "get_placeholder_sql", None)
    return method is not None and method.__module__ not in CASTS


def compares_conditions(using: str) -> bool:
    """Return whether a condition may stand where a value does: not on Oracle."""
    return bool(connections[using].features.supports_comparing_boolean_expr)
