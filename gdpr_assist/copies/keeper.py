"""What a keeper is, and which there are. ``apps`` registers those of the app itself."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar

from django.db.models import QuerySet
from django.utils.module_loading import import_string

if TYPE_CHECKING:
    from ..declaring.declaration import Declaration
    from ..planning.plans import Plan


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
    """Knows one kind of copies. There is one object of it for each execution on a database."""

    erases_before_commit: bool
    """In the transaction of the rows, else after it: what does not roll back goes when nothing can fail any more."""

    def __init__(self, using: str, *, is_scrub: bool) -> None:
        """``is_scrub`` says that the rows of a copy are scrubbed, range by range."""

    @staticmethod
    def describe(plans: Iterable[Plan]) -> list[str]:
        """Return what goes with the rows of ``plans``, and from where, in words: for whoever is asked."""
        ...

    def concerns(self, declaration: Declaration) -> bool:
        """Return whether rows of the model may have any of it. Asks no database."""
        ...

    def find(self, plan: Plan, rows: QuerySet[Any]) -> Any:
        """Return what there is of ``rows``, which are about to be changed; something false for nothing."""
        ...

    def erase(self, copies: Any) -> Erased:
        """Erase what ``find`` returned. Raises ``AnonymiseError`` where the rows must not be changed without it."""
        ...


Kind = TypeVar("Kind", bound=type[Keeper] | str)

_kinds: list[type[Keeper] | str] = []


def register(kind: Kind) -> Kind:
    """Add a kind of keepers, once; also as a decorator of its class. A dotted name is loaded when it is needed."""
    if kind not in _kinds:
        _kinds.append(kind)
    return kind


def keepers(using: str, *, is_scrub: bool) -> list[Keeper]:
    """Return a keeper of each kind for an execution on ``using``."""
    return [kind(using, is_scrub=is_scrub) for kind in _loaded()]


def describe(plans: Iterable[Plan]) -> list[str]:
    """Return what goes with the rows of ``plans`` beside their columns, in words."""
    plans = list(plans)
    return [text for kind in _loaded() for text in kind.describe(plans)]


def _loaded() -> list[type[Keeper]]:
    return [import_string(kind) if isinstance(kind, str) else kind for kind in _kinds]
