"""The functions that ``apps`` connects: deletions are logged, related rows anonymised, late models collected."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from django.apps import apps
from django.db import router, transaction
from django.db.models import Model, QuerySet

from .copies.keeper import HeldCopies, Keepers
from .copies.rows import going_with
from .databases import presence
from .databases.placement import explained
from .declaring.declaration import Declaration
from .exceptions import AnonymiseError
from .execution.effects import check_deleted
from .execution.execute import execute
from .execution.kept import keep
from .execution.logged import note
from .execution.marking import forget_markers
from .execution.objects import erase_copies, look_again_later
from .execution.run import Run, is_scrubbing, when_gone
from .log import identity, legacy, writing
from .managers import take_off_declaration
from .paths import person_of
from .planning.parts import is_kept_behind, part_behind
from .planning.plans import Force, plan
from .registry import concrete, registry
from .sensitive import sensitive
from .signals import model_registered
from .subjects.survivors import Survivors, survivors
from .tables import DatabaseIdentity, EventLog, Receipt
from .undocumented import innermost_block

logger = logging.getLogger(__name__)


class About(NamedTuple):
    """What a deletion asks of a model: the same for each of its rows."""

    declaration: Declaration
    parents: list[type[Model]]
    """Those that are not registered, of which a row goes too."""

    is_people: bool
    """Whether each of its rows is a person."""


class LoggedDeletion(writing.Erasure):
    """The erasure of one run of Django's Collector: all its pre_delete come before all its post_delete."""

    def __init__(self, using: str) -> None:
        super().__init__(using)
        self.whole = writing.under_way(using)
        """The erasure that the deletion is a part of."""

        self.begun = self.begun if self.whole is None else self.whole.begun
        self.deleted: dict[type[Model], list[Any]] = defaultdict(list)
        # {a multi-table parent that is not registered: keys of its rows that go}
        self.parents: dict[type[Model], set[Any]] = defaultdict(set)
        # {the same: keys of its rows that are those of registered children}
        self.of_children: dict[type[Model], list[Any]] = defaultdict(list)
        self.keepers = Keepers(using, is_scrub=is_scrubbing())
        if self.whole is not None:
            self.keepers.retained = self.whole.retained
        self.copies: list[HeldCopies] = []
        self.is_recorded = False
        self.left = 0
        """How many rows Django has not said to be gone yet."""

        # {model, or proxy: keys of its rows that Django has not said to be gone yet}
        self.going: dict[type[Model], list[Any]] = defaultdict(list)
        self.survivors: Survivors | None = None
        """The rows about the people who go that stay themselves; None until one of these is met."""

        self._about: dict[type[Model], About] = {}

    def about(self, model: type[Model]) -> About:
        if model not in self._about:
            self._about[model] = About(
                declaration=registry.declaration(model),
                parents=registry.unregistered_parents(model),
                is_people=person_of(model) is model,
            )
        return self._about[model]

    def add(self, event: str, label: str, keys: Iterable[str], part: str = "", *, is_hidden: bool) -> None:
        add = super().add if self.whole is None else self.whole.add
        add(event, label, keys, part, is_hidden=is_hidden)

    def delete(self, instance: Model, *, is_origin: bool = False) -> None:
        """Note a row that goes. In memory, the one that ``delete()`` was called on may not be as in the database."""
        model = concrete(type(instance))
        about = self.about(model)
        self.copies += self.keepers.find_deleted(about.declaration, instance, read=is_origin)
        self.deleted[model].append(model._meta.pk.to_python(instance.pk))  # in memory, it may be a text
        self.going[type(instance)].append(instance.pk)
        self.left += 1
        note(self, EventLog.EVENT_DELETE, model, [instance.pk])
        for parent in about.parents:
            self.of_children[parent].append(getattr(instance, str(parent._meta.pk.attname)))

    def check(self, sender: type[Model]) -> None:
        """Look whether the database has let the rows go. When Django says it of one of them, all are to be gone."""
        if keys := self.going.pop(sender, None):
            check_deleted(concrete(sender), keys, self.using)

    def record(self) -> None:
        """Log it. With ``keep_parents`` Django sends no signal for the parents, and they get no event."""
        self.is_recorded = True
        if self.survivors is not None:
            self.survivors.erase(self)
        self._erase_copies(self.whole or self)
        for parent, keys in self.of_children.items():
            note(self, EventLog.EVENT_DELETE, parent, [key for key in keys if key in self.parents[parent]])
        with explained(self.using):
            for model, keys in self.deleted.items():
                forget_markers(model, keys, self.using)
        # One that refuses must do so before the log has the events, which a scrub does not write: there a file is
        # deleted before the COMMIT, and as long as its row is there, it is one that a row names.
        when_gone(partial(self.keepers.erase, self.copies))
        if self.whole is None:
            writing.record(self)

    def end(self) -> None:
        """After the last row, erase what was copied of the rows while they went, as a history does after each."""
        late = writing.Erasure(self.using)
        self._erase_copies(self.whole or late)
        if late.count:
            writing.record(late)

    def _erase_copies(self, erasure: writing.Erasure) -> None:
        for model, keys in self.deleted.items():
            look = partial(erase_copies, model, keys, but=going_with(model))
            look(run=Run(erasure), force=_again())
            if erasure is self.whole:
                look_again_later(erasure, model, look, is_heard=True)


# {the atomic block of a Collector's run: its deletion}. Each run is within a block of its own for all its signals: the
# block tells runs apart, also those within runs; and with it goes the deletion, whether the run ended or failed.
_deletions: WeakKeyDictionary[Any, LoggedDeletion] = WeakKeyDictionary()


@sensitive
def begin_deletion(sender: type[Model], instance: Model, using: str, origin: Any = None, **kwargs: Any) -> None:
    """pre_delete of a registered model: note the row, to be logged with the others of the same run."""
    block = innermost_block(using)
    if origin is None or block is None:
        return  # no run of Django's own: end_deletion logs each row by itself
    # Django makes the multi-table parent of an object from what that has in memory.
    is_origin = instance is origin or (sender is not type(origin) and isinstance(origin, sender))
    deletion = _begun(block, using)
    # A replay does what was logged and nothing else; an erasure of the person has found these rows by itself.
    is_first = deletion.survivors is None and deletion.whole is None and not writing.is_suspended()
    if is_first and deletion.about(concrete(sender)).is_people:
        deletion.survivors = survivors(origin, using)  # before the first row changes
    deletion.delete(instance, is_origin=is_origin)


@sensitive
def begin_deletion_of_parent(sender: type[Model], instance: Model, using: str, **kwargs: Any) -> None:
    """pre_delete of a model that is not registered, but has registered multi-table children: it may go with one."""
    block = innermost_block(using)
    if block is not None and sender not in registry:
        _begun(block, using).parents[concrete(sender)].add(instance.pk)


def _begun(block: Any, using: str) -> LoggedDeletion:
    deletion = _deletions.get(block)
    if deletion is None or deletion.is_recorded:
        deletion = _deletions[block] = LoggedDeletion(using)
    return deletion


@sensitive
def end_deletion(sender: type[Model], instance: Model, using: str, **kwargs: Any) -> None:
    """post_delete of a registered model: the first one of a run logs the whole run, still before COMMIT."""
    deletion = _under_way(using)
    if deletion is not None and deletion.deleted:
        deletion.check(sender)
        if not deletion.is_recorded:
            deletion.record()
        deletion.left -= 1
        if not deletion.left:
            deletion.end()
    elif innermost_block(using) is not None:
        _log_alone(instance, using)
    else:
        advice = (
            "The row may be gone nevertheless: the signals of its deletion were sent outside of a transaction, so "
            "nothing was rolled back. When it can be logged, log it with _log_gdpr_delete()."
        )
        with writing.done_already(sender._meta.label, using, advice), transaction.atomic(using=using):
            _log_alone(instance, using)


def _log_alone(instance: Model, using: str) -> None:
    deletion = LoggedDeletion(using)
    deletion.delete(instance)
    deletion.record()


@sensitive
def anonymise_related(sender: type[Model], queryset: QuerySet[Any], keys: Sequence[str], **kwargs: Any) -> None:
    """target_deleted: anonymise the rows, within the deletion's own operation where it has one.

    Where the key is a party's own, that part of the rows alone: what they hold of others stays. In a scrub, which does
    all rows but those that somebody leaves, none.
    """
    why = _why_kept(sender, keys[0]) if sender in registry else ""
    if why:
        count = queryset.count()
        keep(sender._meta.label, count)
        logger.info("%s: %s rows whose target is deleted are left as they are (%s).", sender._meta.label, count, why)
    elif sender in registry and not is_scrubbing():
        deletion = _under_way(queryset.db)
        part = part_behind(sender, keys[0])
        execute(
            plan(queryset, force=_again(), part=part),
            within=None if deletion is None or deletion.is_recorded else deletion,
        )
    elif sender not in registry and sender._meta.apps is apps:  # a migration's model of the same name declares nothing
        raise AnonymiseError(
            f"{sender._meta.label} has on_delete=ANONYMISE but is not registered; nothing was deleted. "
            "Give it a PrivacyMeta."
        )


def _again() -> Force:
    """Nothing leads to the rows afterwards, so that what was filled again is erased; a replay does what was logged."""
    return False if writing.is_suspended() else "refilled"


def _why_kept(model: type[Model], key: str) -> str:
    if not registry.declaration(model).meta.can_anonymise:
        return "can_anonymise = False"
    return "on_erasure = Keep(...)" if is_kept_behind(model, key) else ""


def keep_database_id(sender: type[Model], instance: Any, raw: bool, using: str, **kwargs: Any) -> None:
    """pre_save of the database id: loaddata must not make a database that has erased something another one."""
    is_another = raw and identity.known_database_id(using) not in (None, instance.database_id)
    if is_another and Receipt.objects.using(using).exists():
        raise AnonymiseError(
            f"The fixture has gdpr_assist.DatabaseIdentity of another database, and {using!r} has receipts of its "
            "own: with that id, none of its erasures would be done again after a restore. Nothing of it was loaded. "
            "Make the fixture with dumpdata --exclude gdpr_assist.databaseidentity --exclude gdpr_assist.receipt."
        )


def name_database(using: str, plan: Any = None, **kwargs: Any) -> None:
    """post_migrate: give the database its id, as a backup made before the first erasure must carry it.

    A database that was emptied (``flush``, without a plan) or is new gets one. Any other without an id may have been
    restored from a backup of 1.x: it gets none while the log knows its alias, or all that is erased since would look
    like another database's.
    """
    if not router.allow_migrate_model(using, DatabaseIdentity) or not presence.has_table(DatabaseIdentity, using):
        return
    is_new = plan is None or any(each.app_label == "gdpr_assist" and each.initial for each, backwards in plan)
    if is_new or not legacy.knows(using):
        identity.database_id(using)


def _under_way(using: str) -> LoggedDeletion | None:
    block = innermost_block(using)
    return None if block is None else _deletions.get(block)


def collect_model(sender: type[Model], **kwargs: Any) -> None:
    """class_prepared after start-up: register what declares personal data, and proxies of what did."""
    if sender._meta.apps is not apps:
        return  # a migration's model, or one of a test's own app registry
    if not apps.models_ready:
        return  # a test sets INSTALLED_APPS: the apps are set up anew, and GdprAssistConfig.ready() is still to come
    registry.collect(sender)
    take_off_declaration(sender)
    if sender in registry:
        model_registered.send(sender=sender)
