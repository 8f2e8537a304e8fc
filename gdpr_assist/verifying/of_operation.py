"""Whether what one operation has erased still is, event by event: the row, and the copies of it. Reads only."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db.models import Model, QuerySet

from ..copies.rows import copies
from ..databases.placement import explained
from ..databases.presence import has_table
from ..declaring.meta import all_rows
from ..log.reading import applied_operation
from ..planning.plans import plan
from ..registry import registry
from ..replay.hidden import known_keys
from ..replay.returned import Returned
from ..routing import here
from ..sensitive import sensitive
from ..tables import EventLog
from .findings import ANONYMISED, KEPT, MISSED, NOT_DELETED, Finding, joined, of_copies, of_plan

GONE = "gone"
THERE = "there again"
NOT_LOOKED_AT = "not looked at: there is no such model, or no table"
UNKNOWN = "cannot be told: the log has digests by another secret, or no key of this model"
PERHAPS = "there again, or new under an old key"

# What may be found of copies of which the operation has no event
WITHOUT_EVENT = (KEPT, MISSED, NOT_DELETED)


@sensitive
def of_operation(id_: UUID) -> list[Finding]:
    """Return what is found of the rows that this operation has erased.

    Raises ``AnonymiseError`` if it did not take effect here, or if the log has no events of it.
    """
    operation = applied_operation(id_, here())
    found: list[Finding] = []
    for kind in operation.kinds():
        event, label, part = kind
        model = registry.find(label)
        if model is None or not has_table(model, operation.using):
            count = sum(map(len, operation.keys(kind)))
            found += [Erased(event, label, part, operation.using).finding(NOT_LOOKED_AT, count, is_wrong=True)]
            continue
        for keys, count, unknown in known_keys(operation, kind, model):
            erased = Erased(event, label, part, operation.using, keys, count - unknown)
            found += [erased.finding(UNKNOWN, unknown, is_wrong=True), *_of_rows(erased, model)]
    return joined(found)


@dataclass(frozen=True)
class Erased:
    """Some rows that were erased in the same way, as the log has them."""

    event: str
    label: str
    part: str
    using: str
    keys: list[Any] = field(default_factory=list, repr=False)
    """Their primary keys, of those that are there."""

    count: int = 0
    """How many they were, without those that cannot be told."""

    @property
    def name(self) -> str:
        return f"{self.label} ({self.part})" if self.part else self.label

    def finding(self, what: str, count: int, **more: Any) -> Finding:
        return Finding(using=self.using, label=self.name, what=what, count=count, **more)


def _of_rows(erased: Erased, model: type[Model]) -> Iterator[Finding]:
    rows = all_rows(model, erased.using).filter(pk__in=erased.keys)
    with explained(erased.using):
        yield erased.finding(GONE, erased.count - rows.count())
        if erased.event == EventLog.EVENT_DELETE:
            yield from _of_deleted(erased, model, rows)
        else:
            yield from _of_anonymised(erased, model, rows)
        for copied in copies(model, erased.keys, erased.using):
            # Those that were anonymised have events of their own.
            yield from (each for each in of_copies(copied, erased.part) if each.what.startswith(WITHOUT_EVENT))


def _of_deleted(erased: Erased, model: type[Model], rows: QuerySet[Any]) -> Iterator[Finding]:
    """A row that is there may have been anonymised since."""
    back = Returned(model, erased.using)
    back.look(erased.event, erased.part, erased.keys)
    count = len(back.deleted_keys)
    yield erased.finding(THERE if back.is_certain else PERHAPS, count, is_wrong=back.is_certain)
    yield erased.finding(ANONYMISED, rows.count() - count)


def _of_anonymised(erased: Erased, model: type[Model], rows: QuerySet[Any]) -> Iterator[Finding]:
    """A row without a marker is in order if it holds what the rules give: it may have been erased by hand."""
    declared = registry.declaration(model) if model in registry else None
    if declared is None or not declared.can_anonymise or (erased.part and not declared.has_part(erased.part)):
        yield erased.finding("not looked at: it is declared otherwise by now", rows.count(), is_wrong=True)
        return
    back = Returned(model, erased.using)
    back.look(erased.event, erased.part, erased.keys)
    for each in of_plan(plan(rows, part=erased.part)):
        if each.what == MISSED:
            left = len(back.anonymised_keys)
            yield erased.finding(ANONYMISED, each.count - left)
            yield erased.finding(MISSED, left, is_wrong=True, plans=tuple(back.plans()))
        else:
            yield each
