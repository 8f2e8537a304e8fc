"""The functions that ``apps`` connects: deletions are logged, related rows anonymised, late models collected."""

from __future__ import annotations

from collections import defaultdict
from typing import Any
from weakref import WeakKeyDictionary

from django.apps import apps
from django.db import connections
from django.db.models import Model, QuerySet

from . import eventlog
from .exceptions import AnonymiseError
from .execution import execute, forget_markers
from .managers import take_off_declaration
from .placement import explained
from .planning import plan
from .registry import concrete, registry
from .signals import model_registered
from .tables import EventLog, Receipt


class Deletion(eventlog.Erasure):
    """The erasure of one run of Django's Collector: all its pre_delete come before all its post_delete."""

    def __init__(self, using: str) -> None:
        super().__init__(using)
        self.deleted: dict[type[Model], list[Any]] = defaultdict(list)
        self.is_recorded = False

    def delete(self, model: type[Model], key: Any) -> None:
        self.deleted[model].append(key)
        self.add(EventLog.EVENT_DELETE, model, [key])

    def record(self) -> None:
        self.is_recorded = True
        with explained(self.using):
            for model, keys in self.deleted.items():
                forget_markers(model, keys, self.using)
        eventlog.record(self)


# {the atomic block of a Collector's run: its deletion}
# Each run opens a block of its own, and is within it for all its signals. So the block tells runs apart, also those
# within runs; and with the block goes the deletion, whether the run ended or failed.
_deletions: WeakKeyDictionary[Any, Deletion] = WeakKeyDictionary()


def begin_deletion(sender: type[Model], instance: Model, using: str, origin: Any = None, **kwargs: Any) -> None:
    """pre_delete of a registered model: note the row, to be logged with the others of the same run."""
    block = _block(using)
    if origin is None or block is None:
        return  # no run of Django's own: end_deletion logs each row by itself
    deletion = _deletions.get(block)
    if deletion is None or deletion.is_recorded:
        deletion = _deletions[block] = Deletion(using)
    deletion.delete(concrete(sender), instance.pk)


def end_deletion(sender: type[Model], instance: Model, using: str, **kwargs: Any) -> None:
    """post_delete of a registered model: the first one of a run logs the whole run, still before COMMIT."""
    deletion = _under_way(using)
    if deletion is None:
        deletion = Deletion(using)
        deletion.delete(concrete(sender), instance.pk)
    if not deletion.is_recorded:
        deletion.record()


def anonymise_related(sender: type[Model], queryset: QuerySet[Any], **kwargs: Any) -> None:
    """target_deleted: anonymise the rows, as a part of the deletion's own operation where it has one."""
    if sender in registry:
        deletion = _under_way(queryset.db)
        execute(plan(queryset), within=None if deletion is None or deletion.is_recorded else deletion)
    elif sender._meta.apps is apps:  # a migration's model of the same name declares nothing
        raise AnonymiseError(
            f"{sender._meta.label} has on_delete=ANONYMISE but is not registered; nothing was deleted. "
            "Give it a PrivacyMeta."
        )


def keep_instance(sender: type[Model], instance: Any, raw: bool, using: str, **kwargs: Any) -> None:
    """pre_save of the instance id: loaddata must not make a database that has erased something another one."""
    is_another = raw and eventlog.known_instance_id(using) not in (None, instance.instance)
    if is_another and Receipt.objects.using(using).exists():
        raise AnonymiseError(
            f"The fixture has gdpr_assist.Instance of another database, and {using!r} has receipts of its own: with "
            "that id, none of its erasures would be done again after a restore. Nothing of it was loaded. Make the "
            "fixture with dumpdata --exclude gdpr_assist.instance --exclude gdpr_assist.receipt."
        )


def _block(using: str) -> Any:
    blocks = connections[using].atomic_blocks
    return blocks[-1] if blocks else None


def _under_way(using: str) -> Deletion | None:
    block = _block(using)
    return None if block is None else _deletions.get(block)


def collect_model(sender: type[Model], **kwargs: Any) -> None:
    """class_prepared after start-up: register what declares personal data, and proxies of what did."""
    if sender._meta.apps is not apps:
        return  # a migration's model, or one of a test's own app registry
    registry.collect(sender)
    take_off_declaration(sender)
    if sender in registry:
        model_registered.send(sender=sender)
