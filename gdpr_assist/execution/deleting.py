"""Deletes rows as Django does: again, for a replay, and those that go with a person."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db.models import Model, QuerySet

from ..copies.keeper import Retained
from ..databases.rows import batch_size, chunks
from ..declaring.meta import all_rows
from ..log.writing import under_way
from ..registry import registry
from ..sensitive import sensitive
from ..switches import switched_off
from ..tables import EventLog
from ..undocumented import collected
from .effects import check_deleted
from .logged import note


@sensitive
def delete(rows: Sequence[Model], using: str) -> None:
    """Delete ``rows``, of one model, together as Django does, with cascades and signals: for a replay.

    The rows of their multi-table parents stay: if these went too, they have an event of their own. Raises
    ``AnonymiseError`` if the database lets one of them be.
    """
    keys = [row.pk for row in rows]  # Django takes them off
    origin = all_rows(type(rows[0]), using).filter(pk__in=keys)
    with switched_off(using):
        collected(rows, using, origin=origin, keep_parents=True).delete()
    _check_gone(type(rows[0]), keys, using)


def _check_gone(model: type[Model], keys: Sequence[Any], using: str) -> None:
    """Raise ``AnonymiseError`` if a row is still there. For registered models, post_delete's receiver has looked."""
    if model not in registry:
        check_deleted(model, keys, using)


@dataclass
class Deletion:
    """Rows that are to go. Their keys are read before the first row of others changes, which may lead to them."""

    rows: QuerySet[Any] = field(repr=False)
    keys: list[Any] = field(default_factory=list, repr=False)
    operation: UUID | None = None
    """The operation in the log that it is a part of, once it is done."""

    retained: list[Retained] = field(default_factory=list)
    """What stays beside the rows, as a file that could not be deleted: filled when the transaction is committed."""

    gone: Counter[str] = field(default_factory=Counter)
    """{label: rows} of all that went, once it is done: they, and what went with them."""

    def read_keys(self, but: Collection[Any] = ()) -> None:
        """Read them, without those of ``but``."""
        self.keys = [key for key in self.rows.order_by("pk").values_list("pk", flat=True) if key not in but]

    @sensitive
    def run(self) -> None:
        """Delete them, with cascades and signals.

        Rows of a model that is not registered are logged here, with the erasure under way. Raises ``AnonymiseError``
        if the database lets one of them be, and what Django raises for rows that are protected.
        """
        model, using = self.rows.model, self.rows.db
        if erasure := under_way(using):
            erasure.retained = self.retained
        with switched_off(using):
            for keys in chunks(self.keys, batch_size(using)):
                self.gone.update(all_rows(model, using).filter(pk__in=keys).delete()[1])
        _check_gone(model, self.keys, using)
        if self.keys and erasure:
            if model not in registry:
                note(erasure, EventLog.EVENT_DELETE, model, self.keys)
            self.operation = erasure.id if erasure.count else None
