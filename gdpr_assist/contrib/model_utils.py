"""django-model-utils: its times are those of the erasure, a token is a new one.

A time that watches another column (``MonitorField``) is that of the erasure also where it may be null: ``save()``
writes it if it changes that column, and a set of rows must not differ.
"""

from __future__ import annotations

from typing import Any

from django.db.models import Field
from django.utils import timezone

from ..declaring.defaults import date_time, text, uuid_
from ..declaring.rules import Replacement, Rule
from ..declaring.uniqueness import is_unique

APP = "model_utils"


def rules() -> dict[str, Rule]:
    return {
        "model_utils.fields.AutoCreatedField": date_time,
        "model_utils.fields.AutoLastModifiedField": date_time,
        "model_utils.fields.MonitorField": monitored,
        "model_utils.fields.StatusField": text,
        "model_utils.fields.UUIDField": uuid_,
        "model_utils.fields.UrlsafeTokenField": token,
    }


def monitored(field: Field[Any, Any]) -> Replacement:
    made = date_time(field)
    if not field.null or is_unique(field):
        return made
    return Replacement(
        value=lambda instance: timezone.now(), expression=timezone.now, words="the time of it", is_constant=True
    )


def token(field: Field[Any, Any]) -> Replacement:
    """A new one, as the field makes it: the primary key would be a token that anybody can guess."""
    return Replacement(value=lambda instance: field.get_default(), words="a new token")
