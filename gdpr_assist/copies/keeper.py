"""What a keeper is, which there are, and when they erase."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar

from django.db import transaction
from django.db.models import Model, QuerySet
from django.utils.module_loading import import_string
from django.utils.translation import gettext_noop

from ..phrases import Phrase

if TYPE_CHECKING:
    from ..declaring.declaration import Declaration
    from ..planning.plans import Plan

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Retained:
    """Something that is kept though its row was erased."""

    what: str
    """The label of a field or a model: never a value."""

    count: int
    reason: str


class Erased(NamedTuple):
    """What a keeper did."""

    removed: int = 0
    retained: tuple[Retained, ...] = ()


class Keeper(Protocol):
    """Knows one kind of copies. There is one object of it for each execution, or deletion, on a database.

    It is asked before the rows change or go, and erases afterwards what it found. It may have one method more,
    ``left(plan, rows)``: how much it has of rows that were anonymised, an ``int``. Only ``gdpr_verify`` asks for it.
    """

    erases_before_commit: bool
    """In the transaction of the rows, else after it: what does not roll back goes when nothing can fail any more."""

    def __init__(self, using: str, *, is_scrub: bool) -> None:
        """``is_scrub`` says that the rows of a copy are scrubbed, range by range."""

    @staticmethod
    def describe(plans: Iterable[Plan]) -> list[str]:
        """Return what goes with the rows of ``plans``, and from where, in words: for whoever is asked."""
        ...

    def concerns(self, declaration: Declaration) -> bool:
        """Return whether rows of the model may have any of it: only then it is asked. Asks no database."""
        ...

    def find(self, plan: Plan, rows: QuerySet[Any]) -> Sequence[Any]:
        """Return what there is of ``rows``, which ``plan`` is about to change."""
        ...

    def find_deleted(self, instance: Model, *, read: bool) -> Sequence[Any]:
        """Return what there is of the row of ``instance``, which is about to be deleted.

        Called for each row, so what is the same for many is better looked up by ``erase``, which gets all of them.
        With ``read`` the object in memory may hold other values than its row. Where whoever deletes sends Django's
        signals himself, the row may be gone by now.
        """
        ...

    def erase(self, copies: list[Any]) -> Erased:
        """Erase what was found, of one or of several models.

        What it raises undoes the change or the deletion, if it erases before the COMMIT: an ``AnonymiseError`` says
        why. After the COMMIT, it is logged, and all of ``copies`` counted as retained.
        """
        ...


class HeldCopies(NamedTuple):
    """What a keeper has of some rows."""

    keeper: Keeper
    label: str
    """Of the model of the rows."""

    copies: list[Any]


class Keepers:
    """The keepers of one execution, or of one deletion, on a database; and what they retain."""

    def __init__(self, using: str, *, is_scrub: bool = False) -> None:
        self.using = using
        self.retained: list[Retained] = []
        self._keepers = [kind(using, is_scrub=is_scrub) for kind in _loaded()]
        # {model: those that may have something of its rows}
        self._concerned: dict[type[Model], list[Keeper]] = {}

    def concerned(self, declaration: Declaration) -> list[Keeper]:
        """Return those that may have something of rows of the model. Asks no database."""
        model = declaration.model
        if model not in self._concerned:
            self._concerned[model] = [each for each in self._keepers if each.concerns(declaration)]
        return self._concerned[model]

    def find(self, plan: Plan, rows: QuerySet[Any]) -> list[HeldCopies]:
        """Return what they have of ``rows``, which ``plan`` is about to change."""
        asked = self.concerned(plan.declaration)
        return [HeldCopies(each, plan.label, copies) for each in asked if (copies := list(each.find(plan, rows)))]

    def left(self, plan: Plan, rows: QuerySet[Any]) -> dict[str, int]:
        """Return {name of a keeper: how much it still has of ``rows``, which were anonymised}; it may say nothing."""
        asked = {each: getattr(each, "left", None) for each in self.concerned(plan.declaration)}
        return {type(each).__qualname__: count for each, left in asked.items() if left and (count := left(plan, rows))}

    def find_deleted(self, declaration: Declaration, instance: Model, *, read: bool) -> list[HeldCopies]:
        """Return what they have of the row of ``instance``, which is about to be deleted."""
        return [
            HeldCopies(each, declaration.label, copies)
            for each in self.concerned(declaration)
            if (copies := list(each.find_deleted(instance, read=read)))
        ]

    def erase(self, found: list[HeldCopies]) -> None:
        """Have each keeper erase what it found, now or after the COMMIT, and note what it retains."""
        for keeper in self._keepers:
            ours = [each for each in found if each.keeper is keeper]
            if ours and keeper.erases_before_commit:
                self._erase(keeper, ours)
            elif ours:
                transaction.on_commit(partial(self._erase_or_retain, keeper, ours), using=self.using, robust=True)

    def _erase(self, keeper: Keeper, found: list[HeldCopies]) -> None:
        self.retained += keeper.erase([copy for each in found for copy in each.copies]).retained

    def _erase_or_retain(self, keeper: Keeper, found: list[HeldCopies]) -> None:
        """Nothing can be undone any more: note an error, without its text, which may hold a value."""
        try:
            self._erase(keeper, found)
        except Exception as error:  # noqa: BLE001  (whatever a project's code may raise)
            name, kind = type(keeper).__qualname__, type(error).__name__
            counts: Counter[str] = Counter()
            for each in found:
                counts[each.label] += len(each.copies)
            logger.error("%s could not erase what it has of %s (%s).", name, ", ".join(counts), kind)
            reason = Phrase(gettext_noop("%(keeper)s could not erase it (%(kind)s)"), keeper=name, kind=kind)
            self.retained += [Retained(what=label, count=count, reason=reason) for label, count in counts.items()]


Kind = TypeVar("Kind", bound=type[Keeper] | str)

# Those of the app itself, and what a project adds
_kinds: list[type[Keeper] | str] = ["gdpr_assist.copies.files.Files"]


def register(kind: Kind) -> Kind:
    """Add a kind of keepers; also as a decorator of its class. A dotted name is loaded when it is needed.

    One that is added again, by its name or as a class, is the same.
    """
    if kind not in _kinds:
        _kinds.append(kind)
    return kind


def describe(plans: Iterable[Plan], *, but: type[Keeper] | None = None) -> list[str]:
    """Return what goes with the rows of ``plans`` beside their columns, in words, without what ``but`` keeps."""
    plans = list(plans)
    return [text for kind in _loaded() if kind is not but for text in kind.describe(plans)]


def _loaded() -> list[type[Keeper]]:
    return list(dict.fromkeys(import_string(kind) if isinstance(kind, str) else kind for kind in _kinds))
