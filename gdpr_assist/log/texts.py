"""Primary keys that are texts, as a log has them that is older: in clear, or as digests by another secret."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import reduce
from operator import or_

from django.db.models import Q, QuerySet

from ..conf import log_database
from ..databases.aliases import data_aliases
from ..databases.rows import pages
from ..tables import DatabaseIdentity, EventLog, Operation
from . import writing
from .hidden import PREFIX, Digests
from .identity import Databases
from .legacy import known_ids
from .ownership import is_migrated, neighbours

ROWS_PER_QUERY = 800

IS_DIGEST = Q(target_pk__startswith=f"{PREFIX}:")


def incomparable(using: str, databases: Databases) -> int:
    """Return how many operations, not rolled back, have digests that were made with a secret of another database."""
    ours = _operations(using, databases).exclude(outcome__committed=False)
    events = EventLog.objects.using(log_database()).filter(IS_DIGEST, operation__in=ours)
    return events.exclude(target_pk__startswith=_digests(using).prefix).values("operation").distinct().count()


def in_clear(using: str, databases: Databases) -> QuerySet[EventLog]:
    """Return the events of which the primary key is a text that can be read, though it would be hidden today."""
    events = EventLog.objects.using(log_database())
    rows = events.order_by().values_list("app_label", "model_name").distinct()
    labels = [tuple(each) for each in rows if databases.as_stored(".".join(each)) is not None]
    logged = Q(operation__in=_operations(using, databases)) & _labelled(labels)
    if not _is_one_of_several(using, databases):
        here = [each for each in labels if databases.alias_of(".".join(each)) == using]
        logged |= Q(operation=None) & _labelled(here)
    return events.filter(logged).exclude(IS_DIGEST)


def hide_all(databases: Databases, dry_run: bool) -> int:
    """Put digests in the place of these keys, of all databases; return how many. What is hidden stays as it is."""
    aliases = [using for using in data_aliases() if is_migrated(using)]
    if dry_run:
        return sum(in_clear(using, databases).count() for using in aliases)
    return sum(_hide(using, databases) for using in aliases)


def _hide(using: str, databases: Databases) -> int:
    ours, hidden = _digests(using), 0
    rows = in_clear(using, databases).values_list("pk", "app_label", "model_name", "target_pk")
    for page in pages(rows, ROWS_PER_QUERY, key=lambda row: row[0]):
        digests = dict(_hidden(page, databases, ours))
        writing.replace_keys(digests)
        hidden += len(digests)
    return hidden


def _hidden(
    rows: Iterable[tuple[int, str, str, str]], databases: Databases, ours: Digests
) -> Iterator[tuple[int, str]]:
    for number, app_label, model_name, text in rows:
        label = f"{app_label}.{model_name}"
        as_stored = databases.as_stored(label)
        stored = as_stored(text) if as_stored else None
        if stored is not None:
            yield number, ours.of(stored, label)


def _digests(using: str) -> Digests:
    secret = DatabaseIdentity.objects.using(using).values_list("key", flat=True).first()
    return Digests(bytes(secret or b""))


def _operations(using: str, databases: Databases) -> QuerySet[Operation]:
    return Operation.objects.using(log_database()).filter(using=using, database_id__in=databases.ids(using))


def _labelled(labels: Iterable[tuple[str, ...]]) -> Q:
    every = (Q(app_label=app_label, model_name=model_name) for app_label, model_name in labels)
    return reduce(or_, every, Q(pk__in=[]))


def _is_one_of_several(using: str, databases: Databases) -> bool:
    """Whether an event of 1.x, which names no database, may be of another one under the same alias, as of a tenant."""
    ours = databases.ids(using)
    return not ours or bool((known_ids(using) | neighbours(using)) - ours)
