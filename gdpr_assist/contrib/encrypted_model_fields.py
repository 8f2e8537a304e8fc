"""django-encrypted-model-fields: what the rules of Django's fields give, encrypted."""

from __future__ import annotations

from ..declaring.rules import Rule
from .encrypting import like_its_base, paths

APP = "encrypted_model_fields"

INTEGERS = ("Integer", "BigInteger", "SmallInteger", "PositiveInteger", "PositiveSmallInteger")


def rules() -> dict[str, Rule]:
    classes = ("Char", "Text", "Email", "Date", "DateTime", "Boolean", *INTEGERS)
    return dict.fromkeys(paths("encrypted_model_fields.fields", "Encrypted", classes), like_its_base)
