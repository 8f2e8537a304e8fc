"""Which databases the operations of the log belong to; refuses the log of another one. Reads only."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from django.db import connections
from django.db.models import Count
from django.template.defaultfilters import pluralize

from ..conf import log_database
from ..databases.aliases import data_aliases
from ..databases.isolation import in_all_schemas
from ..databases.rows import pages
from ..exceptions import AnonymiseError
from ..pages import page
from ..tables import DatabaseIdentity, EventLog, Operation, Receipt, Upgrade
from .identity import Databases
from .reconciliation import OPERATIONS_PER_QUERY, shown, unlogged, with_receipts

# No id in it, as whoever reads it may be told that of a database in use.
ADVICE = (
    "If this database was restored from a backup of before it had its id, give the id that it had with --database-id; "
    f"never that of a database which is in use. See {page('howto/restore_a_backup', 'If it refuses')}"
)


@dataclass(frozen=True, kw_only=True)
class Foreign:
    """What the log has under one other database id of an alias, and this database has no receipt for."""

    using: str
    database_id: uuid.UUID
    count: int
    first: datetime
    last: datetime

    def __str__(self) -> str:
        are = "operation is" if self.count == 1 else "operations are"
        return (
            # Without the id: it may be that of a database which is in use, as of another tenant, and whoever gave it
            # to gdpr_rerun would erase rows there are here for what was erased there.
            f"{self.count} {are} of another database under the alias {self.using!r}, "
            f"from {shown(self.first)} to {shown(self.last)}"
        )


def is_migrated(using: str) -> bool:
    """Return whether this database has the tables of the app, of which the log has others than the rest."""
    model = Operation if using == log_database() else Receipt
    return model._meta.db_table in connections[using].introspection.table_names()


def needed(databases: Databases) -> list[str]:
    """Return the aliases on which there is, or will be, something to erase.

    The log has operations of them, or the router writes a declared model there.
    """
    logged = set(Operation.objects.using(log_database()).values_list("using", flat=True).distinct())
    return [using for using in data_aliases() if using in logged.union(databases.written)]


def foreign(using: str, databases: Databases) -> list[Foreign]:
    """Return what the log has under other database ids of ``using`` and is not here, the oldest first.

    After ``gdpr_rerun --database-id`` it is here, and no longer foreign.
    """
    rows = Operation.objects.using(log_database()).filter(using=using).exclude(outcome__committed=False)
    by_id: dict[uuid.UUID, list[datetime]] = {}
    for batch in pages(rows.exclude(database_id__in=databases.ids(using)), OPERATIONS_PER_QUERY):
        proven = with_receipts(batch)
        for operation in batch:
            if operation.id not in proven:
                by_id.setdefault(operation.database_id, []).append(operation.started)
    for living in by_id.keys() & neighbours(using) if by_id else ():
        del by_id[living]
    groups = [
        Foreign(using=using, database_id=database_id, count=len(times), first=min(times), last=max(times))
        for database_id, times in by_id.items()
    ]
    return sorted(groups, key=lambda group: group.first)


def stakes(databases: Databases) -> list[str]:
    """Return what the ids that were named would bring here: operations with their times, and rows by model."""
    listed = []
    for using in needed(databases):
        for group in foreign(using, replace(databases, others=frozenset())):
            if group.database_id in databases.others:
                listed += [f"{group.database_id}: {group}", *_rows(group)]
    return listed


def _rows(group: Foreign) -> list[str]:
    events = EventLog.objects.using(log_database()).order_by("event", "app_label", "model_name")
    ours = events.filter(operation__database_id=group.database_id, operation__using=group.using)
    rows = ours.values_list("event", "app_label", "model_name").annotate(number=Count("id"))
    return [f"  {event} {app}.{model}: {number} row{pluralize(number)}" for event, app, model, number in rows]


def neighbours(using: str) -> set[uuid.UUID]:
    """Return the ids of the databases in all schemas of this one: a schema for each tenant, and all in use."""
    return in_all_schemas("database_id", DatabaseIdentity._meta.db_table, using)


def check_database_ids(databases: Databases) -> None:
    """Raise ``AnonymiseError`` for an id that the log has no operation of, and for one that is in use here."""
    for using in needed(databases) if databases.others else []:
        if in_use := databases.others & (neighbours(using) - {databases.known(using)}):
            raise AnonymiseError(
                f"{', '.join(sorted(map(str, in_use)))} is the id of another schema in the database {using!r}, which "
                "is in use: what was erased there would be erased here. Nothing was changed."
            )
    known: set[uuid.UUID] = set()
    for table in (Operation, Upgrade):
        rows = table._default_manager.using(log_database()).filter(database_id__in=databases.others)
        known.update(rows.values_list("database_id", flat=True).distinct())
    if gone := databases.others - known:
        raise AnonymiseError(f"The log has no operations under the database id {', '.join(sorted(map(str, gone)))}.")


def check_log(databases: Databases) -> None:
    """Raise ``AnonymiseError`` if the log is another database's: nothing would be applied, and nobody would know."""
    own = {using for using in needed(databases) if _has_operations(using, databases)}
    theirs = [each for using in needed(databases) if using not in own for each in foreign(using, databases)]
    if theirs:
        listed = "\n".join(f"  {each}" for each in theirs)
        raise AnonymiseError(
            f"No operation in the log is of this database, but there are of others:\n{listed}\n"
            f"Is this the right log? {ADVICE}"
        )
    if not own and (lacking := list(_lacking(needed(databases)))):
        raise AnonymiseError(f"{' '.join(lacking)} Is this the right log?")


def warnings(databases: Databases) -> list[str]:
    """Return what somebody should know who runs a replay, though it is no reason to refuse it."""
    sentences = [f"{each}. {ADVICE}" for using in needed(databases) for each in foreign(using, databases)]
    return sentences + [
        f"{text} The log was restored, or it is the wrong one." for text in _lacking(needed(databases))
    ]


def _has_operations(using: str, databases: Databases) -> bool:
    return Operation.objects.using(log_database()).filter(using=using, database_id__in=databases.ids(using)).exists()


def _lacking(aliases: list[str]) -> Iterator[str]:
    for using in aliases:
        if count := sum(1 for _ in unlogged(using)):
            yield f"The database {using!r} has {count} receipt{pluralize(count)} that the log does not know."
