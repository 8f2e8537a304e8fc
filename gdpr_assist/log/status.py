"""What state the event log and its databases are in. Reads only."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from django.db import DEFAULT_DB_ALIAS, Error
from django.db.models import Count, Min, Q
from django.utils.translation import gettext_noop

from ..conf import log_database
from ..databases.aliases import data_aliases
from ..databases.placement import cure, kept_off
from ..databases.servers import lossy_settings
from ..pages import page
from ..tables import EventLog, Operation
from . import legacy, texts
from .identity import Databases
from .ownership import foreign, is_migrated, needed, neighbours
from .reconciliation import contradicted, describe, kinds, missing, pruned, unlogged, unsettled

# What gdpr_status --fail-on takes, with what each means
STATES = {
    "unreachable": gettext_noop("the log or a database could not be read, or is not migrated"),
    "undecided": gettext_noop("operations without an outcome, or with one that cannot be told"),
    "restored": gettext_noop("a database lacks committed operations: it was restored and not rerun"),
    "log-restored": gettext_noop("the log lacks operations that a database has: it was restored, or is the wrong one"),
    "upgrade": gettext_noop("nobody said yet, with gdpr_upgrade, whether a database has what 1.x logged"),
    "contradicted": gettext_noop(
        "operations took effect in a database, though the log says that they were rolled back"
    ),
    "incomparable": gettext_noop("the log has digests of primary keys, made with a secret that a database has not"),
    "foreign": gettext_noop("a database lacks operations that the log has under another database id"),
}

# More of them are named by gdpr_rerun --dry-run.
STRAYS_SHOWN = 10

NOT_MIGRATED = "not migrated"

# It can be reached and has the tables.
MAY_READ = f"may its role read it ({page('howto/protect_the_log')})?"


@dataclass(frozen=True)
class Trouble:
    """Why a database could not be read, and the cure."""

    what: str
    cure: str

    def __str__(self) -> str:
        return f"{self.what}: {self.cure}"


@dataclass(frozen=True, kw_only=True)
class DatabaseStatus:
    """One database beside the log, in numbers of operations."""

    using: str
    trouble: Trouble | None = None
    committed: int = 0
    rolled_back: int = 0
    undecided: int = 0
    unknown: int = 0
    oldest: datetime | None = None
    """When the oldest operation that is not settled was started."""
    missing: int = 0
    pruned: datetime | None = None
    """Up to when erasures are missing that the log has no more: gdpr_rerun cannot apply them."""
    unlogged: int = 0
    contradicted: int = 0
    """Operations that took effect here, though the log says that they were rolled back."""
    incomparable: int = 0
    """Operations with digests of primary keys by another secret: nobody can tell which rows they are of."""
    in_clear: int = 0
    """Events of which the primary key is a text that can be read."""
    foreign: int = 0
    """Operations under this alias, and under other database ids, that are not here."""
    strays: tuple[str, ...] = ()
    """Undecided operations of another id than this database has, each described."""
    missing_1x: int = 0
    """Events of 1.x that it had, as gdpr_upgrade said, and has no more."""
    unclaimed_1x: int = 0
    """Events of 1.x of which nobody said whether it has them."""

    @property
    def states(self) -> set[str]:
        reasons = {
            "unreachable": self.trouble,
            "undecided": self.undecided + self.unknown,
            "restored": self.missing + self.missing_1x,
            "upgrade": self.unclaimed_1x,
            "log-restored": self.unlogged,
            "contradicted": self.contradicted,
            "incomparable": self.incomparable,
            "foreign": self.foreign,
        }
        return {state for state, is_so in reasons.items() if is_so}


@dataclass(frozen=True, kw_only=True)
class Status:
    """The log, and each database beside it."""

    log: str
    trouble: Trouble | None = None
    foreign: int = 0
    legacy: int = 0
    lossy: dict[str, str] = field(default_factory=dict)
    """What makes the log lose its last events in a power cut: {setting: the value it should have}."""
    databases: tuple[DatabaseStatus, ...] = ()
    """If the log could not be read, only whether they can; the numbers are not known then."""

    @property
    def states(self) -> set[str]:
        of_log = {"unreachable"} if self.trouble else set()
        return of_log.union(*(each.states for each in self.databases))


def status(databases: Databases) -> Status:
    """Return the state of the log, which must be configured, and of all databases but the log."""
    log = str(log_database())
    try:
        of_1x = EventLog.objects.using(log).filter(operation=None).count()
        lossy = lossy_settings(log)
    except Error as error:
        trouble = _trouble(log) or _unreadable(error, MAY_READ)
        return Status(log=log, trouble=trouble, databases=tuple(_without_log(databases)))
    statuses = tuple(_database(using, databases) for using in data_aliases() if _is_ours(using, databases))
    ours = sum(each.committed + each.rolled_back + each.undecided + each.unknown for each in statuses)
    dark = [each.using for each in statuses if each.trouble]
    of_others = Operation.objects.using(log).exclude(using__in=dark).count() - ours
    return Status(log=log, foreign=of_others, legacy=of_1x, lossy=lossy, databases=statuses)


def labels() -> list[str]:
    """Return the labels that the log has events of."""
    rows = EventLog.objects.using(log_database()).order_by().values_list("app_label", "model_name").distinct()
    return sorted({f"{app_label}.{model_name}" for app_label, model_name in rows})


def _without_log(databases: Databases) -> Iterator[DatabaseStatus]:
    for using in data_aliases():
        trouble = _trouble(using)
        if using in databases.written or trouble is None or trouble.what != NOT_MIGRATED:
            yield DatabaseStatus(using=using, trouble=trouble)


def _trouble(using: str) -> Trouble | None:
    try:
        if is_migrated(using):
            return None
    except Error as error:
        return _unreadable(error, "is it reachable?")
    option = "" if using == DEFAULT_DB_ALIAS else f" --database={using}"
    return Trouble(NOT_MIGRATED, cure(using) if kept_off(using) else f"run migrate{option}")


def _unreadable(error: Error, cure: str) -> Trouble:
    return Trouble(f"cannot be read ({type(error).__name__})", cure)


def _is_ours(using: str, databases: Databases) -> bool:
    """Whether there are receipts on this alias, or should be."""
    try:
        return using in needed(databases) or is_migrated(using)
    except Error:
        return True  # and is reported as unreachable


def _database(using: str, databases: Databases) -> DatabaseStatus:
    if trouble := _trouble(using):
        return DatabaseStatus(using=using, trouble=trouble)
    try:
        operations = Operation.objects.using(log_database()).filter(using=using, database_id__in=databases.ids(using))
        without = Q(outcome__committed=None)
        counts = operations.aggregate(
            committed=Count("id", filter=Q(outcome__committed=True)),
            rolled_back=Count("id", filter=Q(outcome__committed=False)),
            undecided=Count("id", filter=without & Q(outcome__operation=None)),
            unknown=Count("id", filter=without & ~Q(outcome__operation=None)),
        )
        oldest = unsettled().filter(pk__in=operations.values("pk")).aggregate(Min("started"))["started__min"]
        lost = list(missing(using, databases))
        counts["missing"] = len(lost)
        until = max((each.started for each in pruned(lost)), default=None)
        counts["unlogged"] = sum(1 for _ in unlogged(using))
        counts["missing_1x"] = len(legacy.due(using, databases))
        counts["unclaimed_1x"] = len(legacy.unclaimed(using, databases))
        strays = tuple(_strays(using, databases))
        counts["contradicted"] = sum(1 for _ in contradicted(databases, using))
        counts["incomparable"] = texts.incomparable(using, databases)
        counts["in_clear"] = texts.in_clear(using, databases).count()
        counts["foreign"] = sum(each.count for each in foreign(using, databases))
    except Error as error:
        return DatabaseStatus(using=using, trouble=_unreadable(error, MAY_READ))
    return DatabaseStatus(using=using, oldest=oldest, pruned=until, strays=strays, **counts)


def _strays(using: str, databases: Databases) -> Iterator[str]:
    """Describe what cannot be settled here: it is of another database, or its id was rolled back with it.

    The latter has nothing that was committed, and nobody could find it without its id. That of a database which may be
    in use is not named, and what is of another schema of this one, as of another tenant, is nobody's concern here.
    """
    rows = unsettled().filter(using=using).exclude(database_id__in=databases.ids(using)).order_by("started")
    if not rows.exists():
        return
    shown = list(rows.exclude(database_id__in=neighbours(using))[:STRAYS_SHOWN])
    committed = Operation.objects.using(log_database()).filter(outcome__committed=True)
    may_live = committed.filter(database_id__in={each.database_id for each in shown}).order_by()
    ids = set(may_live.values_list("database_id", flat=True).distinct())
    for operation in shown:
        whose = (
            "the id of another database"
            if operation.database_id in ids
            else f"the database id {operation.database_id}"
        )
        described = describe(operation.pk, operation.started, kinds(operation.pk))
        yield f"{described}, under {whose}"
