"""django-ckeditor-5: HTML is replaced as any text."""

from __future__ import annotations

from ..declaring.defaults import text
from ..declaring.rules import Rule

APP = "django_ckeditor_5"


def rules() -> dict[str, Rule]:
    return {"django_ckeditor_5.fields.CKEditor5Field": text}
