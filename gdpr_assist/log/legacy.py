"""The events of 1.x, which have no operation: which of them a database has, and which wait for a replay.

Erases nothing. 1.x logged also what was rolled back, and nobody can tell which: so its events are applied only where a
database was restored from a backup of before ``gdpr_upgrade``, or where a person asks for it.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace

from django.db import Error, connections
from django.db.models import Count, Max, QuerySet
from django.utils import timezone

from ..conf import log_database
from ..databases.rows import chunks, pages
from ..exceptions import AnonymiseError
from ..tables import EventLog, Operation, Upgrade
from . import identity, receipts
from .identity import Databases
from .ownership import ADVICE, foreign, is_migrated, needed
from .reading import OPERATIONS_PER_QUERY, LoggedOperation
from .reconciliation import missing, with_receipts


@dataclass(frozen=True, kw_only=True)
class Marks:
    """Up to which event of 1.x one database has them."""

    here: int | None
    """As the database says; None if it says nothing."""
    told: int | None
    """As gdpr_upgrade said in the log."""

    @property
    def is_restored(self) -> bool:
        return (self.here or 0) < (self.told or 0)


@dataclass(frozen=True, kw_only=True)
class Backlog:
    """Events of 1.x that a database is not known to have, in numbers by model: ``low`` < number <= ``high``."""

    using: str
    low: int
    high: int
    # {model label in the log: how many events}
    counts: dict[str, int]

    def __len__(self) -> int:
        return sum(self.counts.values())


def marks(using: str, databases: Databases) -> Marks:
    """Return up to which event the database has those of 1.x. One without an id may be any that the log knows."""
    upgrades = Upgrade.objects.using(log_database()).filter(using=using)
    if ids := databases.ids(using):
        upgrades = upgrades.filter(database_id__in=ids)
    told = upgrades.aggregate(told=Max("watermark"))["told"]
    return Marks(here=identity.known_watermark(using), told=told)


def due(using: str, databases: Databases) -> Backlog:
    """Return what is to be applied: gdpr_upgrade said that the database had it, and it has it no more."""
    known = marks(using, databases)
    return _backlog(using, databases, known.here or 0, known.told or 0)


def unclaimed(using: str, databases: Databases) -> Backlog:
    """Return the events of which nobody said whether the database has them."""
    known = marks(using, databases)
    return _backlog(using, databases, max(known.here or 0, known.told or 0), _last())


def everything(using: str, databases: Databases) -> Backlog:
    """Return both of these together."""
    return _backlog(using, databases, marks(using, databases).here or 0, _last())


def operations(backlogs: list[Backlog]) -> Iterator[LoggedOperation]:
    """Yield each of these events as an operation, in the order in which they were written."""
    places = {label: each for each in backlogs for label in each.counts}
    if not places:
        return
    low, high = min(each.low for each in places.values()), max(each.high for each in places.values())
    rows = _events(low, high).values_list("pk", "event", "app_label", "model_name", "target_pk")
    for page in pages(rows, OPERATIONS_PER_QUERY, key=lambda row: row[0]):
        now = timezone.now()
        for number, event, app_label, model_name, key in page:
            label = f"{app_label}.{model_name}"
            place = places.get(label)
            if place is not None and place.low < number <= place.high:
                id_, held = receipts.legacy_id(number), (((event, label, ""), key),)
                yield LoggedOperation(id=id_, using=place.using, started=now, is_of_1x=True, held=held)


def complete(backlog: Backlog) -> None:
    """Note in the database that it has all of these now."""
    if backlog.high > backlog.low:
        identity.raise_watermark(backlog.using, backlog.high)


def mark_applied(labels: Collection[str], databases: Databases) -> None:
    """Count the events of these labels as applied, and erase nothing: a person says that nothing is left to erase.

    Raises ``AnonymiseError``, and marks none, for a label without such events.
    """
    if not labels:
        return
    backlogs = [everything(using, databases) for using in needed(databases)]
    chosen = [
        Backlog(using=each.using, low=each.low, high=each.high, counts={label: number})
        for each in backlogs
        for label, number in each.counts.items()
        if label in labels
    ]
    if unknown := sorted(set(labels).difference(*(each.counts for each in chosen))):
        raise AnonymiseError(f"There are no events of 1.x of {', '.join(unknown)} to apply; nothing was marked.")
    for batch in chunks(operations(chosen), OPERATIONS_PER_QUERY):
        proven = with_receipts(batch)
        for using in {each.using for each in batch}:
            lacking = [(each.id, each.started) for each in batch if each.using == using and each.id not in proven]
            receipts.write_receipts(lacking, using)


def knows(using: str) -> bool:
    """Return whether the log has something of a database under this alias; also if that cannot be told."""
    log = log_database()
    if log is None or log not in connections:
        return False
    try:
        return is_migrated(log) and bool(known_ids(using))
    except Error:
        return True


def check_identity(databases: Databases) -> None:
    """Raise ``AnonymiseError`` if a database lost its id: a backup of 1.x was restored."""
    for using in needed(databases):
        known = known_ids(using)
        if databases.known(using) is None and known and not known & databases.others:
            raise AnonymiseError(
                f"The database {using!r} has no id, and the log knows a database under this alias. It was restored "
                f"from a backup that 1.x made, or it lost its id. {ADVICE}"
            )


def adopt(databases: Databases) -> Databases:
    """Give a database that lost its id the one that a person named for it; return which operations are ours now."""
    for using in needed(databases):
        named = databases.others & known_ids(using)
        if databases.known(using) is None and len(named) == 1:
            identity.adopt_database_id(next(iter(named)), using)
    return replace(databases)  # which asks anew for the ids


def upgrade(databases: Databases, *, is_another: bool = False) -> list[Backlog]:
    """Note, here and in the log, that each database has all events of 1.x; return which these are.

    Raises ``AnonymiseError``, and writes nothing, if one was restored: then a replay has to apply them.
    ``is_another``: a person says that it was not, but is another database than the log has under its alias.
    """
    backlogs = [everything(using, databases) for using in needed(databases)]
    for each in backlogs:
        _check_not_restored(each.using, databases, is_another)
    for backlog in backlogs:
        identity.database_id(backlog.using)  # one without an id is a new one now
        identity.write_upgrade(backlog.using, backlog.high, expected=marks(backlog.using, replace(databases)).told)
    return backlogs


def _check_not_restored(using: str, databases: Databases, is_another: bool) -> None:
    known = marks(using, databases)
    cure = "Run gdpr_rerun: it applies what the database lacks. Nothing was written."
    own = databases.known(using)
    if own and (known.is_restored or any(missing(using, databases))):
        raise AnonymiseError(
            f"The database {using!r} was restored from a backup: it lacks erasures that the log has. {cure}"
        )
    upgraded = Upgrade.objects.using(log_database()).filter(using=using).values_list("database_id", flat=True)
    others = {*upgraded, *(each.database_id for each in foreign(using, databases))} - {own}
    if known.here is None and others and not is_another:
        raise AnonymiseError(
            f"The log has another database under the alias {using!r}. If this one was restored from a backup of it: "
            f"{cure} If it never was, and is another one, add --another-database."
        )


def _backlog(using: str, databases: Databases, low: int, high: int) -> Backlog:
    rows = _events(low, high).order_by().values_list("app_label", "model_name").annotate(number=Count("pk"))
    labelled = sorted((f"{app_label}.{model_name}", number) for app_label, model_name, number in rows)
    counts = {label: number for label, number in labelled if databases.alias_of(label) == using}
    return Backlog(using=using, low=low, high=high, counts=counts)


def _events(low: int, high: int) -> QuerySet[EventLog]:
    return EventLog.objects.using(log_database()).filter(operation=None, pk__gt=low, pk__lte=high)


def _last() -> int:
    return EventLog.objects.using(log_database()).filter(operation=None).aggregate(last=Max("pk"))["last"] or 0


def known_ids(using: str) -> set[uuid.UUID]:
    """Return the ids of the databases that the log knows under this alias."""
    log = log_database()
    tables = (Operation, Upgrade)
    return {
        id_
        for table in tables
        for id_ in table._default_manager.using(log)
        .filter(using=using)
        .values_list("database_id", flat=True)
        .distinct()
    }
