"""Which rows were anonymised: their markers, read; ``execution.marking`` writes them."""

from __future__ import annotations

from collections.abc import Collection
from functools import reduce
from operator import and_
from typing import Any

from django.contrib.contenttypes.models import ContentType
from django.db.models import Exists, Model, OuterRef, Q, QuerySet

from ..databases.placement import explained
from ..declaring.declaration import Declaration
from ..declaring.keys import key_text, stored_texts
from ..tables import PrivacyAnonymised


def markers(model: type[Model], using: str, part: str | None = None) -> QuerySet[PrivacyAnonymised]:
    """Return the markers of ``model``: all, or those that tell of ``part``; ``""`` is that of whole rows."""
    of_model = PrivacyAnonymised.objects.using(using).filter(content_type=content_type(model, using))
    return of_model.filter(_tells_of(part))


def _tells_of(part: str | None) -> Q:
    if part is None:
        return Q()
    return Q(part__in=["", part]) if part else Q(part="")


def marked_keys(declared: Declaration, keys: Collection[Any], using: str, part: str = "") -> set[Any]:
    """Return which of ``keys`` are of rows that are anonymised, or have this part anonymised: for a page of rows."""
    by_text = dict(zip(stored_texts(declared.model, keys), keys, strict=True))

    def marked(part: str) -> set[str]:
        of_keys = markers(declared.model, using, part).filter(object_id__in=list(by_text))
        return set(of_keys.values_list("object_id", flat=True))

    anonymised = marked(part)
    if not part and declared.is_whole_by_parts:
        anonymised |= set.intersection(*map(marked, declared.parts))
    return {key for text, key in by_text.items() if text in anonymised}


def is_marked(declared: Declaration, using: str, part: str = "", *, key: str = "pk") -> Any:
    """Return the condition that a row is anonymised, or has this part anonymised.

    A row is anonymised if it is marked as such, or if all its parts are. ``key`` is the lookup that gives its key.
    """
    condition = has_marker(declared.model, using, part, key=key)
    if part or not declared.is_whole_by_parts:
        return condition
    of_parts = (Q(has_marker(declared.model, using, each, key=key)) for each in declared.parts)
    return Q(condition) | reduce(and_, of_parts)


def has_marker(model: type[Model], using: str, part: str | None = None, *, key: str = "pk", **conditions: Any) -> Any:
    """Return the condition that a row of ``model`` carries a marker, of ``part``, with these ``conditions``.

    ``key`` is the lookup that gives the primary key of that row. Where SQL cannot tell (``key_text`` is None) all
    markers of the model are read now; for a page see ``marked_keys``.
    """
    content_type(model, using)  # where that is missing, it is said now, and in its own words
    text = key_text(model, OuterRef(key))
    if text is not None:
        # The last condition says nothing new. Without it PostgreSQL, which does not know how many markers an open
        # transaction has written, hashes all of them for each page of rows instead of looking 2,000 up.
        matching = PrivacyAnonymised.objects.of(model).using(using).filter(_tells_of(part), **conditions)
        return Exists(matching.filter(object_id=text, object_id__gte=text))
    matching = markers(model, using, part).filter(**conditions)
    to_python = model._meta.pk.to_python
    return Q(**{f"{key}__in": [to_python(text) for text in matching.values_list("object_id", flat=True)]})


def content_type(model: type[Model], using: str) -> ContentType:
    with explained(using):
        return ContentType.objects.db_manager(using).get_for_model(model)
