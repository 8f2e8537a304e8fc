"""Whether rows carry a marker, read together with them; asks no database before they are read."""

from __future__ import annotations

from functools import reduce
from operator import and_
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db.models import (
    BooleanField,
    Exists,
    Expression,
    ExpressionWrapper,
    F,
    Model,
    OuterRef,
    Q,
    QuerySet,
    Value,
)
from django.db.models.lookups import In

from .declaring.keys import key_text
from .registry import registry
from .tables import PrivacyAnonymised
from .undocumented import FORGOTTEN_ON_REFRESH

# The attribute of an object that was read so
MARKED = "gdpr_assist_marked"


class Mark:
    """The attribute ``MARKED`` of objects: whether the row carried a marker when it was read, None if not known.

    With it is kept of which row that is said: an object may be saved as another one, or in another database.
    """

    def __get__(self, instance: Model | None, owner: Any = None) -> Any:
        if instance is None:
            return self
        marked, *row = instance.__dict__.get(FORGOTTEN_ON_REFRESH, {}).get(MARKED, (None,))
        return marked if row == [instance.pk, instance._state.db] else None

    def __set__(self, instance: Model, marked: Any) -> None:
        told = (bool(marked), instance.pk, instance._state.db)
        instance.__dict__.setdefault(FORGOTTEN_ON_REFRESH, {})[MARKED] = told

    def __delete__(self, instance: Model) -> None:
        instance.__dict__.get(FORGOTTEN_ON_REFRESH, {}).pop(MARKED, None)


def with_marks(rows: QuerySet[Any]) -> QuerySet[Any]:
    """Return ``rows``, each with whether it is anonymised as the attribute ``MARKED``: as a whole, or in all parts."""
    declared = registry.declaration(rows.model)
    marked = Q(_has_marker(declared.model, ""))
    if declared.is_whole_by_parts:
        marked |= reduce(and_, (Q(_has_marker(declared.model, part)) for part in declared.parts))
    annotated: QuerySet[Any] = rows.annotate(**{MARKED: ExpressionWrapper(marked, output_field=BooleanField())})
    return annotated


def _has_marker(model: type[Model], part: str) -> Any:
    text = key_text(model, OuterRef("pk"))
    if text is None:
        return _IsMarked(model, part)
    # The last condition says nothing new, but see has_marker().
    return Exists(PrivacyAnonymised.objects.of(model).filter(part=part, object_id=text, object_id__gte=text))


class _IsMarked(Expression):
    """Whether a row carries a marker, where SQL cannot write its key as a text: all markers are read beforehand."""

    def __init__(self, model: type[Model], part: str) -> None:
        super().__init__(output_field=BooleanField())
        self.model, self.part = model, part
        self.key: Any = F("pk")

    def get_source_expressions(self) -> list[Any]:
        return [self.key]

    def set_source_expressions(self, exprs: Any) -> None:
        [self.key] = exprs

    def as_sql(self, compiler: Any, connection: Any) -> Any:
        markers = PrivacyAnonymised.objects.of(self.model).filter(part=self.part)
        texts = markers.using(connection.alias).values_list("object_id", flat=True)
        try:
            return compiler.compile(In(self.key, [self.model._meta.pk.to_python(text) for text in texts]))
        except EmptyResultSet:
            return compiler.compile(Value(False, BooleanField()))
