"""django-countries: a country as any text with choices, a list of countries as an empty one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.db.models import Field

from ..declaring.defaults import text
from ..declaring.rules import FIRST_OF_ALL, Replacement, Rule, constant

APP = "django_countries"


def rules() -> dict[str, Rule]:
    return {"django_countries.fields.CountryField": country}


def country(field: Field[Any, Any]) -> Replacement:
    """Of a list, ``""`` also where it may be null: the field saves an empty one like that."""
    of: Any = field
    if not of.multiple:
        return text(field)
    if field.null or field.blank:
        return constant("")
    first = next(iter(of.countries)).code
    return replace(constant(first), doubt=FIRST_OF_ALL)
