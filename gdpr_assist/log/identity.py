"""Which database this is: its id, and up to where it has the events of 1.x. Both travel with backups."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from functools import cache

from django.db import connections, transaction
from django.db.models import Q

from ..conf import log_database
from ..databases.locks import share_rows
from ..databases.picking import RandomKey
from ..exceptions import AnonymiseError
from ..tables import DatabaseIdentity, Operation, Upgrade
from .receipts import forget_receipts


@dataclass(kw_only=True, eq=False)
class Databases:
    """The databases here: which operations belong to which, and where rows of a label are.

    The log knows labels, not models. Whoever knows the models, as ``routing.here``, says what it needs of them.
    """

    written: Collection[str]
    """The aliases on which the router writes declared models."""

    alias_of: Callable[[str], str]
    """Where the router puts the rows of a label of the log today: 1.x did not note it."""

    as_stored: Callable[[str], Callable[[str], str | None] | None]
    """Of a label of which the primary keys are texts: what makes of one in the log what the database has, None if it
    is no key of it any more. None of other labels."""

    others: frozenset[uuid.UUID] = frozenset()
    """Database ids that count as ours too."""

    def __post_init__(self) -> None:
        # {alias: the id of that database, None if it has none}; read once
        self.known = cache(known_database_id)
        # {alias: the database ids that count as ours there}
        self.ids = cache(self._ids)

    def _ids(self, using: str) -> frozenset[uuid.UUID]:
        if using not in connections or using == log_database():
            return frozenset()
        known = self.known(using)
        return self.others | ({known} if known else set())

    def own(self, operation: Operation) -> bool:
        return operation.database_id in self.ids(operation.using)

    def can_settle(self, operation: Operation) -> bool:
        """Whether a missing receipt tells something: not of an operation of ``others``, which may still be alive."""
        return operation.database_id == self.known(operation.using)


def database_id(using: str) -> uuid.UUID:
    """Return the id of the database behind ``using``; migrating writes it, a flushed database gets one here."""
    return DatabaseIdentity.objects.using(using).get_or_create(pk=1)[0].database_id


def known_database_id(using: str) -> uuid.UUID | None:
    """Return the id of the database behind ``using``, None if it has none yet. Writes nothing."""
    return DatabaseIdentity.objects.using(using).values_list("database_id", flat=True).first()


def hold(using: str) -> None:
    """Keep the id of the database as it is until the open transaction ends. Others may hold it, too."""
    share_rows(DatabaseIdentity._meta.db_table, using)


def renew_database_id(using: str) -> None:
    """Make the database behind ``using`` another one, to which no logged operation belongs."""
    DatabaseIdentity.objects.using(using).update_or_create(pk=1, defaults={"database_id": uuid.uuid4()})


def make_scrub_key(using: str) -> None:
    """Have the database make a key for the pseudonyms of the scrub that is under way, unless it has one."""
    database_id(using)
    DatabaseIdentity.objects.using(using).filter(scrub_key=None).update(scrub_key=RandomKey())


def forget_scrub_key(using: str) -> None:
    DatabaseIdentity.objects.using(using).exclude(scrub_key=None).update(scrub_key=None)


def has_scrub_key(using: str) -> bool:
    """Whether a scrub of the database that has a key for its pseudonyms has not come to its end."""
    return DatabaseIdentity.objects.using(using).exclude(scrub_key=None).exists()


def adopt_database_id(id_: uuid.UUID, using: str) -> None:
    """Make a database without an id the one that it was before. Raises ``IntegrityError`` if it got one meanwhile."""
    DatabaseIdentity.objects.using(using).create(pk=1, database_id=id_)


def known_watermark(using: str) -> int | None:
    """Return up to which number the database has the events of 1.x, None if it does not say."""
    return DatabaseIdentity.objects.using(using).values_list("watermark", flat=True).first()


def raise_watermark(using: str, watermark: int) -> None:
    """Note beside the rows that all events of 1.x up to ``watermark`` took effect."""
    database_id(using)
    lower = Q(watermark=None) | Q(watermark__lt=watermark)
    DatabaseIdentity.objects.using(using).filter(lower).update(watermark=watermark)


def write_upgrade(using: str, watermark: int, *, expected: int | None) -> None:
    """Note the same in the log, and beside the rows. If one of the two fails, neither or only the latter is noted.

    Raises ``AnonymiseError`` if the log does not have ``expected`` any more: somebody else was faster.
    """
    log, own = log_database(), database_id(using)
    upgrades = Upgrade.objects.using(log).filter(using=using, database_id=own)
    with transaction.atomic(using=log):
        if expected is None:
            _, is_ours = upgrades.get_or_create(using=using, database_id=own, defaults={"watermark": watermark})
        else:
            is_ours = bool(upgrades.filter(watermark=expected).update(watermark=watermark))
        if not is_ours:
            raise AnonymiseError(f"The log was upgraded for {using!r} by somebody else just now. Look at gdpr_status.")
        raise_watermark(using, watermark)


def cut_loose(aliases: Iterable[str]) -> None:
    """Make them other databases: no logged erasure of the original is theirs, nor are its receipts."""
    for using in aliases:
        renew_database_id(using)
        forget_receipts(using)
