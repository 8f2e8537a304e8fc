"""The event log over two databases: an erasure is neither lost nor invented. The only writer of events and receipts.

The steps, by the numbers of the protocol in docs/explanation/event_log.rst: (1) a receipt in the transaction of the
erasure; (2) the events, durable in the log; (3) COMMIT; (4) the outcome. Since the receipt comes first, whoever sees
an operation in the log and tries to insert the same receipt meets its writer's lock, and waits: no writer comes late.
"""

from __future__ import annotations

import uuid
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any

from django.db import Error, IntegrityError, connections, transaction
from django.utils import timezone
from django.utils.connection import ConnectionDoesNotExist
from django.utils.functional import cached_property

from ..conf import log_database
from ..databases.failures import failure
from ..databases.placement import cure, explained
from ..databases.statements import insert_values
from ..exceptions import AnonymiseError, EventLogError, NotLogged
from ..tables import DatabaseIdentity, EventLog, Operation, Outcome
from ..undocumented import is_of_testcase
from . import receipts
from .hidden import Digests

ROWS_PER_QUERY = 1000

# bulk_update compares each row with each, so that more of them take longer.
ROWS_PER_UPDATE = 100

# An erasure of more events than this writes them to the log in parts, before it is complete.
EVENTS_IN_MEMORY = 10_000

# While the log is suspended: {(event, model label in the log): how many rows were erased}
_suspended: ContextVar[Counter[tuple[str, str]] | None] = ContextVar("gdpr_assist_log_suspended", default=None)


# While deletions belong to an erasure that is under way: {alias: that erasure}
_joined: ContextVar[Mapping[str, Erasure] | None] = ContextVar("gdpr_assist_log_joined", default=None)

# (event, app label, model name, primary key as the log has it, part of the row)
Event = tuple[str, str, str, str, str]


@dataclass
class Erasure:
    """One operation while it happens: a uuid, and what was erased on which alias."""

    using: str
    id: uuid.UUID = field(default_factory=uuid.uuid4)
    started: datetime = field(default_factory=timezone.now)
    count: int = 0
    """Of its events."""
    by: str = ""
    """Who asked for it, as ``tables.who`` says: for the receipt, never for the log."""

    # Still to be written to the log
    pending: list[Event] = field(default_factory=list)
    is_begun: bool = False
    """Whether the receipt is written, and the first events."""

    # {(model label, part): keys of rows} that must not be taken for filled again, as this erasure has begun with them
    begun: dict[tuple[str, str], set[Any]] = field(default_factory=lambda: defaultdict(set), repr=False)

    # What looks once more for copies of rows that were erased within it, None where no code of the project can run
    # meanwhile; and whether some has run by now
    looks: list[Callable[..., None]] | None = field(default=None, repr=False)
    is_heard: bool = False

    # What keepers retain of the rows that are deleted within it now
    retained: list[Any] = field(default_factory=list, repr=False)

    @cached_property
    def identity(self) -> DatabaseIdentity:
        """What the database behind the alias says of itself; one that was flushed gets an id and a key here."""
        return DatabaseIdentity.objects.using(self.using).get_or_create(pk=1)[0]

    def add(self, event: str, label: str, keys: Iterable[str], part: str = "", *, is_hidden: bool) -> None:
        """Note that these rows, or a part of each, are erased. The log has them under ``label``: "app.Model".

        With ``is_hidden`` it has digests of their keys, which are texts. Raises ``EventLogError`` if so many are noted
        that they must be written.
        """
        if (heard := _suspended.get()) is not None:
            keys = list(keys)
            heard[event, label] += len(keys)
        if not is_logging():
            return
        app_label, model_name = label.split(".")
        before = len(self.pending)
        texts = (self._digests.of(key, label) for key in keys) if is_hidden else keys
        self.pending += [(event, app_label, model_name, text, part) for text in texts]
        self.count += len(self.pending) - before
        if len(self.pending) >= EVENTS_IN_MEMORY:
            _write(self)

    @cached_property
    def _digests(self) -> Digests:
        with explained(self.using):
            return Digests(bytes(self.identity.key))


def ids_on(aliases: Sequence[str], operation: uuid.UUID) -> dict[str, uuid.UUID]:
    """Return {alias: id there} of one erasure on several databases: ``operation`` on the last of them."""
    return {using: _made_from(operation, using) for using in aliases[:-1]} | dict.fromkeys(aliases[-1:], operation)


def parts_of(operation: uuid.UUID, aliases: Iterable[str]) -> dict[str, list[uuid.UUID]]:
    """Return {alias: the ids that ``operation`` may have there}, as ``ids_on`` makes them."""
    return {using: [operation, _made_from(operation, using)] for using in aliases}


def _made_from(operation: uuid.UUID, using: str) -> uuid.UUID:
    """Return an id that looks like a random one, as that of a row of 1.x is told by its version."""
    return uuid.UUID(bytes=sha256(operation.bytes + using.encode()).digest()[:16], version=4)


def is_logging() -> bool:
    """Whether erasures are logged here and now: not without a log, and not while the log itself is replayed."""
    return log_database() is not None and _suspended.get() is None


def is_suspended() -> bool:
    """Whether nothing is logged now because the log itself is replayed, or a copy scrubbed."""
    return _suspended.get() is not None


@contextmanager
def suspended() -> Iterator[Counter[tuple[str, str]]]:
    """Log nothing within the block: for a replay, and for scrubbing a copy. Yield what would have been logged."""
    heard: Counter[tuple[str, str]] = Counter()
    token = _suspended.set(heard)
    try:
        yield heard
    finally:
        _suspended.reset(token)


@contextmanager
def as_part_of(erasures: Mapping[str, Erasure]) -> Iterator[None]:
    """Have what is deleted within the block logged with these erasures, by alias: it is one operation with them."""
    token = _joined.set(erasures)
    try:
        yield
    finally:
        _joined.reset(token)


def under_way(using: str) -> Erasure | None:
    """Return the erasure that takes what is deleted now on this alias."""
    return (_joined.get() or {}).get(using)


def record(erasure: Erasure) -> None:
    """Log ``erasure``: the receipt, then the events; the outcome follows when the caller's transaction commits.

    Must run inside the transaction of the erasure, on its alias. Raises ``EventLogError`` if the log cannot be
    written; the caller's transaction must then be rolled back.
    """
    if not erasure.count:
        return
    if erasure.pending:
        _write(erasure)
    transaction.on_commit(lambda: _confirm(erasure.id, erasure.using), using=erasure.using, robust=True)


def record_by_hand(event: str, label: str, key: str, using: str, *, is_hidden: bool) -> None:
    """Log one event of an erasure that bypassed the app; it counts once the transaction around this call commits.

    Raises ``EventLogError``.
    """
    erasure = Erasure(using)
    erasure.add(event, label, [key], is_hidden=is_hidden)
    advice = "What was erased by hand is not logged. When it can be, log it again."
    with done_already(label, using, advice), transaction.atomic(using=using):
        record(erasure)


@contextmanager
def done_already(label: str, using: str, advice: str) -> Iterator[None]:
    """Around the logging of what was erased before: no error may say that nothing was erased, or changed.

    Raises ``NotLogged`` with the cause, and with ``advice``, for whatever the log or the database raises.
    """
    try:
        yield
        return
    except EventLogError:
        why = f"the event log could not be written (on the database alias {log_database()!r})."
    except AnonymiseError:  # of explained()
        why = f"the database {using!r} lacks a table that an erasure needs. {cure(using)}"
    except Error as error:
        why = failure(error)
    raise NotLogged(f"{label}: {why} {advice}")


def decide(operations: Iterable[uuid.UUID], committed: bool | None) -> None:
    """Append the outcome of each of ``operations`` that has none; replace one that is unknown (None)."""
    log, now = log_database(), timezone.now()
    outcomes = [Outcome(operation_id=each, committed=committed, decided=now) for each in operations]
    keys = [outcome.pk for outcome in outcomes]
    with transaction.atomic(using=log):
        Outcome.objects.using(log).bulk_create(outcomes, ignore_conflicts=True)
        if committed is not None:
            unknown = Outcome.objects.using(log).filter(pk__in=keys, committed=None)
            unknown.update(committed=committed, decided=now)


def correct(operation: uuid.UUID) -> None:
    """Note of an operation, of which the log says that it was rolled back, that it took effect."""
    wrong = Outcome.objects.using(log_database()).filter(pk=operation, committed=False)
    wrong.update(committed=True, decided=timezone.now())


def remove_operations(operations: list[uuid.UUID]) -> None:
    """Remove ``operations``, their events and outcomes from the log."""
    log = log_database()
    with transaction.atomic(using=log):
        remove_events(operations)
        Outcome.objects.using(log).filter(pk__in=operations).delete()
        Operation.objects.using(log).filter(pk__in=operations).delete()


def remove_events(operations: Collection[uuid.UUID]) -> None:
    """Remove the events of ``operations``: what is left of each says that there were some."""
    EventLog.objects.using(log_database()).filter(operation__in=operations).delete()


def replace_keys(texts: Mapping[int, str]) -> None:
    """Give the events with these numbers other texts as primary keys: digests, for what older versions wrote."""
    log = str(log_database())
    with transaction.atomic(using=log):
        events = [EventLog(pk=number, target_pk=text) for number, text in texts.items()]
        EventLog.objects.using(log).bulk_update(events, ["target_pk"], batch_size=ROWS_PER_UPDATE)


def _write(erasure: Erasure) -> None:
    """Write what is pending, durably: before the first of it the receipt, in the transaction of the erasure."""
    log = str(log_database())
    operation = None
    if not erasure.is_begun:
        with explained(erasure.using):
            database_id = erasure.identity.database_id
            receipts.write_receipt(erasure.id, erasure.using, erasure.started, erasure.by)
        operation = Operation(id=erasure.id, database_id=database_id, using=erasure.using, started=erasure.started)
    try:
        if operation is not None:
            _begin(operation, erasure.pending, log)
        else:
            # Not tried again: nobody could tell whether the first attempt was written.
            with _durable(log):
                _insert_events(erasure.id, erasure.pending, log)
    except (Error, ConnectionDoesNotExist) as error:
        _drop_connection(log)
        raise EventLogError(
            f"The event log could not be written ({type(error).__name__} on the database alias {log!r}); "
            "nothing was erased. Make the log database reachable and writable, and migrate it "
            f"(migrate --database={log}); then try again."
        ) from None
    erasure.is_begun = True
    erasure.pending = []


def _begin(operation: Operation, events: list[Event], log: str) -> None:
    """Write the operation and its first events. If that fails, once more on a fresh connection."""
    try:
        _insert(operation, events, log)
    except IntegrityError:
        raise
    except Error:
        if connections[log].in_atomic_block:
            raise  # of a TestCase: it cannot go on with another connection
        _drop_connection(log)
        _insert(operation, events, log, again=True)


def _insert(operation: Operation, events: list[Event], log: str, again: bool = False) -> None:
    with _durable(log):
        try:
            with transaction.atomic(using=log) if again else nullcontext():
                operation.save(using=log, force_insert=True)
        except IntegrityError:
            if not again:
                raise
            return  # the first attempt was committed whole; only the answer was lost with the connection
        _insert_events(operation.id, events, log)


def _insert_events(operation: uuid.UUID, events: list[Event], log: str) -> None:
    """Without asking for the keys, as ``bulk_create`` does: on MariaDB that takes the right to read every column."""
    names = ("event", "app_label", "model_name", "target_pk", "part", "operation")
    fields: list[Any] = [EventLog._meta.get_field(name) for name in names]
    key = fields[-1].get_db_prep_save(operation, connections[log])
    with connections[log].cursor() as cursor:
        for statement in insert_values(fields, [(*event, key) for event in events], log):
            statement.run(cursor)


def _drop_connection(log: str) -> None:
    """Let the next attempt begin with a fresh connection."""
    if log in connections and not connections[log].in_atomic_block:
        with suppress(Error):  # of a driver that is told to close what is closed
            connections[log].close()


def _durable(log: str | None) -> transaction.Atomic:
    """A transaction that is committed at its end. Raises ``EventLogError`` if one around it decides that."""
    connection = transaction.get_connection(log)
    # Inside the transaction of a TestCase Django lets durable blocks pass, and so does this.
    if is_of_testcase(str(log)) or (connection.get_autocommit() and not connection.in_atomic_block):
        return transaction.atomic(using=log, durable=True)
    raise EventLogError(
        f"The event log could not be written: there is a transaction open on the database alias {log!r}, so the "
        "events could be rolled back; nothing was erased. Erase outside of it."
    )


def _confirm(operation: uuid.UUID, using: str) -> None:
    """Append the outcome. The receipt decides: a savepoint rolled back by hand leaves this callback behind."""
    if not receipts.committed_receipts([operation], using):
        return
    log = str(log_database())
    try:
        with transaction.atomic(using=log):
            Outcome.objects.using(log).create(operation_id=operation, committed=True, decided=timezone.now())
    except IntegrityError:
        # Settled in the meantime; as rolled back, if a copy with the same id has the log. A role that may only add to
        # the log cannot correct that: gdpr_status names it then, and gdpr_reconcile does.
        with suppress(Error):
            correct(operation)
    except Error:
        _drop_connection(log)
        raise
