"""django-ckeditor: HTML is replaced as any text."""

from __future__ import annotations

from ..declaring.defaults import text
from ..declaring.rules import Rule

APP = "ckeditor"


def rules() -> dict[str, Rule]:
    return {"ckeditor.fields.RichTextField": text, "ckeditor_uploader.fields.RichTextUploadingField": text}
