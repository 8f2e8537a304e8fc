"""Rows that are back, though the log says they were erased: a table was restored, or data loaded. Writes nothing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import reduce
from operator import and_, itemgetter
from typing import Any

from django.db import connections
from django.db.models import NOT_PROVIDED, AutoField, Model, UUIDField

from ..conf import log_database
from ..databases.aliases import data_aliases
from ..databases.presence import has_table
from ..databases.rows import chunks
from ..declaring.meta import all_rows
from ..log.ownership import is_migrated
from ..log.reading import OPERATIONS_PER_QUERY, Kind, LoggedOperation, hold_events, logged_operations
from ..log.reconciliation import with_receipts
from ..planning.markers import marked_keys
from ..planning.plans import Plan, plan
from ..registry import registry
from ..routing import here
from ..tables import EventLog
from .hidden import known_keys
from .sequences import key_source

# Older SQLite takes 999 parameters.
ROWS_PER_QUERY = 800


@dataclass
class Returned:
    """The rows of one model on one alias that seem to be back.

    A row with the primary key of an erased one is there, and is not marked as anonymised.
    """

    model: type[Model]
    using: str
    # {(event, part): primary keys of the rows that were erased so}
    keys: dict[tuple[str, str], set[Any]] = field(default_factory=lambda: defaultdict(set), repr=False)
    unknown: int = 0
    """How many events there are of which nobody can tell whether their rows are back."""

    _conditions: dict[str, Any] = field(default_factory=dict, repr=False)

    @property
    def label(self) -> str:
        return self.model._meta.label

    @property
    def deleted_keys(self) -> set[Any]:
        return self._keys(EventLog.EVENT_DELETE)

    @property
    def anonymised_keys(self) -> set[Any]:
        """Without those that were deleted as well: they should not be there at all."""
        return self._keys(EventLog.EVENT_ANONYMISE) - self.deleted_keys

    @property
    def counted(self) -> str:
        """How many of them were erased in which way, in words."""
        numbers = {"deleted": len(self.deleted_keys), "anonymised": len(self.anonymised_keys)}
        return " and ".join(f"{number} {event}" for event, number in numbers.items() if number)

    @property
    def is_certain(self) -> bool:
        """Whether the database or chance makes the keys, so that hardly any later row has the key of an erased one.

        A key that somebody chooses, as a code, or that is the key of another row, may be used again.
        """
        source = key_source(self.model)
        made = source.has_default() or getattr(source, "db_default", NOT_PROVIDED) is not NOT_PROVIDED
        return isinstance(source, AutoField) or (isinstance(source, UUIDField) and made)

    def deleted(self) -> Iterator[Any]:
        """Yield the rows that were deleted, and are there again."""
        for chunk in chunks(self.deleted_keys, ROWS_PER_QUERY):
            yield from all_rows(self.model, self.using).filter(pk__in=chunk)

    def plans(self) -> Iterator[Plan]:
        """Yield plans to anonymise again what was: whole rows, and of others the part that was erased.

        Not the rows that were deleted as well.
        """
        for (event, part), keys in sorted(self.keys.items(), key=itemgetter(0)):
            if event == EventLog.EVENT_ANONYMISE:
                for chunk in chunks(keys - self.deleted_keys, ROWS_PER_QUERY):
                    yield plan(all_rows(self.model, self.using).filter(pk__in=chunk), part=part)

    def look(self, event: str, part: str, keys: Iterable[Any]) -> None:
        """Note which of the rows with these keys are there, and not anonymised, or not this part of them."""
        if event == EventLog.EVENT_ANONYMISE and not self._can_be_anonymised(part):
            return
        wanted = set(keys)
        rows = all_rows(self.model, self.using).filter(pk__in=list(wanted))
        if event == EventLog.EVENT_ANONYMISE and (as_planned := self._as_planned(part)) is not None:
            rows = rows.exclude(as_planned)
        back = wanted.intersection(rows.values_list("pk", flat=True))
        if back and self._can_be_anonymised(part):
            back -= marked_keys(registry.declaration(self.model), back, self.using, part)
        self.keys[event, part] |= back

    def _keys(self, event: str) -> set[Any]:
        return set().union(*(keys for (its, _), keys in self.keys.items() if its == event))

    def _can_be_anonymised(self, part: str) -> bool:
        if self.model not in registry:
            return False
        declared = registry.declaration(self.model)
        return declared.meta.can_anonymise and (not part or declared.has_part(part))

    def _as_planned(self, part: str) -> Any:
        """The condition that a row holds what the rules give, as one that was anonymised by hand; None if unknown."""
        if part not in self._conditions:
            planned = plan(all_rows(self.model, self.using), part=part)
            is_told = planned.told and not planned.untold
            self._conditions[part] = reduce(and_, planned.told.values()) if is_told else None
        return self._conditions[part]


def returned(databases: Iterable[str] | None = None, models: Collection[type[Model]] | None = None) -> list[Returned]:
    """Return what seems to be back, of these aliases and models, by default of all: one object for each that has some,
    or of which nobody can tell.

    What was erased is what the log says, as far as this database has the receipt: without one, ``gdpr_rerun`` erases
    it again. Events of 1.x are not looked at, as nobody knows which of them were rolled back. Looks rows up in lists,
    and keeps in memory only the keys of those that are back.

    Without a log nothing is known, and the list is empty. Raises ``AnonymiseError`` for an alias that there is not,
    and the database's error if the log or a database cannot be read.
    """
    log = log_database()
    if log is None or log not in connections:
        return []
    places: dict[tuple[str, type[Model] | None], Returned | None] = {}
    for using in data_aliases(databases):
        for operation in _done(using) if is_migrated(using) else ():
            for kind in operation.kinds():
                event, label, part = kind
                model = registry.find(label)
                if (using, model) not in places:
                    places[using, model] = _place(model, using, models)
                if place := places[using, model]:
                    for keys, _, unknown in known_keys(operation, kind, place.model):
                        place.look(event, part, keys)
                        place.unknown += unknown
    return [each for each in places.values() if each and (each.counted or each.unknown)]


def _place(model: type[Model] | None, using: str, models: Collection[type[Model]] | None) -> Returned | None:
    """Return where to look for rows of ``model``; None if nobody asks, or there is no table."""
    if model is None or (models is not None and model not in models) or not has_table(model, using):
        return None
    return Returned(model, using)


def _done(using: str) -> Iterator[LoggedOperation]:
    """Yield what took effect in this database: the small operations together, as one, and each large one."""
    for batch in chunks(logged_operations(here(), using=using), OPERATIONS_PER_QUERY):
        proven = with_receipts(batch)
        operations = [each for each in batch if each.id in proven]
        hold_events(operations)
        held: list[tuple[Kind, str]] = [event for each in operations for event in each.held or ()]
        if held:
            yield replace(operations[0], held=held)
        yield from (each for each in operations if each.held is None)
