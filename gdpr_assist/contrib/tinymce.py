"""django-tinymce: HTML is replaced as any text."""

from __future__ import annotations

from ..declaring.defaults import text
from ..declaring.rules import Rule

APP = "tinymce"


def rules() -> dict[str, Rule]:
    return {"tinymce.models.HTMLField": text}
