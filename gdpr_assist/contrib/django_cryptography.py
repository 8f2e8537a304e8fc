"""django-cryptography, and django-cryptography-5: ``encrypt(...)`` of a field of Django's gets what that gets.

The package makes a class for each that it encrypts, and calls it like that. One around a field of somebody else's has
no rule, nor has that.
"""

from __future__ import annotations

from typing import Any

from django.db.models import Field

from ..declaring.defaults import DEFAULTS
from ..declaring.replacing import no_rule
from ..declaring.rules import Replacement, Rule
from .encrypting import in_python, paths

APP = "django_cryptography"

CLASSES = (
    "Char", "Slug", "Text", "Email", "URL", "Integer", "BigInteger", "SmallInteger", "PositiveInteger",
    "PositiveBigInteger", "PositiveSmallInteger", "Decimal", "Float", "Boolean", "Date", "DateTime", "Time",
    "Binary", "GenericIPAddress", "UUID", "JSON",
)  # fmt: skip


def rules() -> dict[str, Rule]:
    module = "django_cryptography.fields"
    return dict.fromkeys([*paths(module, "Encrypted", CLASSES), *paths(module, "", CLASSES)], encrypted)


def encrypted(field: Field[Any, Any]) -> Replacement:
    base: Any = field.base_class  # type: ignore[attr-defined]
    if base not in DEFAULTS:  # of the same name
        raise no_rule(field)
    return in_python(DEFAULTS[base](field))
