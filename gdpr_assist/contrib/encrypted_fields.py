"""django-fernet-encrypted-fields: what the rules of Django's fields give, encrypted.

The package stores NULL for ``""``, 0 and ``False``, so these columns get another value: NULL where they may be that,
else one that can be stored.
"""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import Field

from ..declaring.rules import Replacement, Rule, constant
from ..declaring.texts import from_key
from ..declaring.uniqueness import null_repeats
from .encrypting import in_python, like_its_base, paths

APP = "encrypted_fields"


def rules() -> dict[str, Rule]:
    classes = ("Char", "Text", "Email", "Integer", "Float", "Boolean", "Date", "DateTime")
    made: dict[str, Rule] = dict.fromkeys(paths("encrypted_fields.fields", "Encrypted", classes), never_empty)
    return {**made, "encrypted_fields.fields.EncryptedJSONField": like_its_base}


def never_empty(field: Field[Any, Any]) -> Replacement:
    made = like_its_base(field)
    if not made.is_constant or made.expression is None or made.expression():
        return made
    if field.null and null_repeats(field):
        return constant(None)
    if isinstance(field, models.CharField | models.TextField):
        return in_python(from_key(field))
    return in_python(constant(isinstance(field, models.BooleanField) or 1))
