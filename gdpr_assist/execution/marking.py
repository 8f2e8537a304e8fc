"""The markers of anonymised rows, written and removed; ``planning.markers`` reads them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db import IntegrityError, connections, transaction
from django.db.models import CharField, IntegerField, Model, QuerySet, Value

from ..databases.rows import batch_size, chunks
from ..databases.statements import among, insert_select
from ..declaring.keys import key_text, stored_texts
from ..exceptions import AnonymiseError
from ..planning.markers import content_type, markers
from ..planning.plans import Plan
from ..tables import LONGEST_KEY, PrivacyAnonymised


def mark(plan: Plan, keys: list[Any], rows: QuerySet[Any]) -> None:
    """Write the markers of ``rows``, which have these keys.

    Before anything else, so that receivers which anonymise each other's rows come to an end.
    """
    if any(len(text) > LONGEST_KEY for text in stored_texts(plan.declaration.model, keys)):
        raise AnonymiseError(
            f"{plan.label}: a primary key of over {LONGEST_KEY} characters cannot be marked as anonymised."
        )
    insert_missing_markers(plan, rows)


def insert_markers(plan: Plan, rows: QuerySet[Any]) -> int:
    """Write the markers of ``rows``, of which hardly one has any; return the number of those that had none.

    As fast as the database can, which is twice as fast as if it were to look for each marker: only after a conflict it
    does.
    """
    try:
        with transaction.atomic(using=plan.using):
            return _insert(plan, rows)
    except IntegrityError:
        return insert_missing_markers(plan, rows)


def insert_missing_markers(plan: Plan, rows: QuerySet[Any]) -> int:
    """Write the markers that are not there yet; return their number."""
    return _insert(plan, rows, skips_existing=True)


def _insert(plan: Plan, rows: QuerySet[Any], *, skips_existing: bool = False) -> int:
    model = plan.declaration.model
    kind, text = content_type(model, plan.using), key_text(model)
    if text is None:  # the databases write this type in ways of their own
        new_markers = [
            PrivacyAnonymised(content_type=kind, object_id=text, part=plan.part)
            for text in stored_texts(model, rows.values_list("pk", flat=True))
        ]
        PrivacyAnonymised.objects.using(plan.using).bulk_create(new_markers, ignore_conflicts=skips_existing)
        return len(new_markers)
    fields: list[Any] = [PrivacyAnonymised._meta.get_field(name) for name in ("content_type", "object_id", "part")]
    part = Value(plan.part, output_field=CharField())
    values = rows.order_by().values_list(Value(kind.pk, output_field=IntegerField()), text, part)
    with connections[plan.using].cursor() as cursor:
        return insert_select(fields, values, plan.using, skips_existing=skips_existing).run(cursor)


def forget_notes(plan: Plan, keys: list[Any]) -> None:
    """Remove what the markers of these rows, also those of other parts, note of the columns that change now."""
    texts = among(list(stored_texts(plan.declaration.model, keys)))
    noted = markers(plan.declaration.model, plan.using).filter(object_id__in=texts).exclude(computed=None)
    for note in set(noted.values_list("computed", flat=True)):
        rest = [name for name in str(note).split(",") if name not in plan.fields]
        noted.filter(computed=note).update(computed=",".join(rest) or None)


def forget_markers(model: type[Model], keys: Iterable[Any], using: str, part: str = "") -> None:
    """Remove the markers of these rows: a new row with the key of a deleted one must not be born anonymised.

    With ``part`` only those of this part: what is marked as a whole, or another part, stays marked.
    """
    all_markers = markers(model, using)
    for texts in chunks(stored_texts(model, keys), batch_size(using)):
        (all_markers.filter(part=part) if part else all_markers).filter(object_id__in=among(texts)).delete()
