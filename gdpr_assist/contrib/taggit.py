"""django-taggit: the tags of a row that is erased go with it; what they are called stays for other rows."""

from __future__ import annotations

from typing import Any

from django.db.models import Field

from ..declaring.clauses import Generic
from ..declaring.rules import Rule, field_label
from ..exceptions import FieldAnonymiseError
from .histories import of_declared

APP = "taggit"


class TaggedItemPrivacy:
    fields: list[str] = []
    keep = ["tag", "content_type", "object_id"]
    copy_of = Generic("content_type", "object_id")
    on_erasure = "delete"
    scrub = of_declared


def declarations() -> dict[str, type[Any]]:
    return {"taggit.TaggedItem": TaggedItemPrivacy}


def rules() -> dict[str, Rule]:
    return {"taggit.managers.TaggableManager": tags}


def tags(field: Field[Any, Any]) -> Any:
    raise FieldAnonymiseError(
        f"Cannot anonymise {field_label(field)} - it is no column, but links to tags",
        check="E006",
        hint=f'Write clear = ["{field.name}"] in the PrivacyMeta, which removes them.',
    )
