"""Which rows were anonymised: their markers, read; ``execution.marking`` writes them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib.contenttypes.models import ContentType
from django.db.models import Exists, Model, OuterRef, Q, QuerySet

from ..placement import explained
from ..rules import key_text
from ..tables import PrivacyAnonymised


def markers(model: type[Model], using: str) -> QuerySet[PrivacyAnonymised]:
    return PrivacyAnonymised.objects.using(using).filter(content_type=content_type(model, using))


def marked_texts(model: type[Model], keys: Iterable[Any], using: str) -> set[str]:
    """Return which of ``keys``, as texts, carry a marker: for a page of rows."""
    there = markers(model, using).filter(object_id__in=[str(key) for key in keys])
    return set(there.values_list("object_id", flat=True))


def has_marker(model: type[Model], using: str, **conditions: Any) -> Any:
    """Return the condition that a row of ``model`` carries a marker, one with these ``conditions``.

    Where SQL cannot tell (``key_text`` is None) all markers of the model are read now; for a page see
    ``marked_texts``.
    """
    text = key_text(model, OuterRef("pk"))
    if text is not None:
        # The second condition says nothing new. Without it PostgreSQL, which does not know how many markers an open
        # transaction has written, hashes all of them for each page of rows instead of looking 1,800 up.
        return Exists(markers(model, using).filter(object_id=text, object_id__gte=text, **conditions))
    to_python, found = model._meta.pk.to_python, markers(model, using).filter(**conditions)
    return Q(pk__in=[to_python(key) for key in found.values_list("object_id", flat=True)])


def content_type(model: type[Model], using: str) -> ContentType:
    with explained(using):
        return ContentType.objects.db_manager(using).get_for_model(model)
