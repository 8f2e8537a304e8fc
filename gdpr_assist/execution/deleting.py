"""Deletes rows again that were deleted: for a replay."""

from __future__ import annotations

from collections.abc import Sequence

from django.db.models import Model
from django.db.models.deletion import Collector

from ..declaring.meta import all_rows
from ..sensitive import sensitive
from .effects import check_deleted


@sensitive
def delete(rows: Sequence[Model], using: str) -> None:
    """Delete ``rows``, of one model, together as Django does, with cascades and signals: for a replay.

    The rows of their multi-table parents stay: if these went too, they have an event of their own. Raises
    ``AnonymiseError`` if the database lets one of them be.
    """
    keys = [row.pk for row in rows]  # Django takes them off
    origin = all_rows(type(rows[0]), using).filter(pk__in=keys)
    collector = Collector(using=using, origin=origin)
    collector.collect(rows, keep_parents=True)
    collector.delete()
    check_deleted(type(rows[0]), keys, using)
