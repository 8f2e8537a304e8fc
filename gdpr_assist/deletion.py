"""``ANONYMISE``: adds to Django's own plan of a deletion. Writes nothing, so that a preview has no effect."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.apps import apps
from django.db import models
from django.db.models import QuerySet

from .declaring.rules import field_label
from .exceptions import AnonymiseError
from .sensitive import sensitive
from .signals import target_deleted
from .undocumented import copied, is_collector, load_all_columns

Action = Callable[..., None]


class AnonymiseOnUpdate(QuerySet[Any]):
    """Rows whose target is being deleted, and that are anonymised before their foreign key is changed.

    Django's Collector keeps such querysets until it acts, joins those of several parents with ``|``, and calls
    ``update()`` inside the transaction of the deletion.
    """

    @sensitive
    def update(self, **changes: Any) -> int:
        rows: QuerySet[Any] = copied(QuerySet, self, self.db)
        heard = target_deleted.send(sender=self.model, queryset=rows, keys=tuple(changes))
        if not heard and self.model._meta.apps is apps:
            raise AnonymiseError(
                f'{self.model._meta.label} has on_delete=ANONYMISE, but "gdpr_assist" is not in INSTALLED_APPS; '
                "nothing was deleted."
            )
        # The foreign key may be personal itself, and null by now: then these are the rows that kept it.
        return rows.update(**changes)

    update.alters_data = True  # type: ignore[attr-defined]


WRITE = "Write ANONYMISE(models.SET_NULL), ANONYMISE(models.SET_DEFAULT) or ANONYMISE(models.SET(value))."


class ANONYMISE:
    """``on_delete=ANONYMISE(action)``: anonymise the row, then do ``action``: SET_NULL, SET_DEFAULT or SET(...).

    Raises ``ValueError`` for any other action: those delete the row, refuse, or leave the work to the database.
    ``TypeError``: more than one is given.
    """

    # Nothing is read while a deletion is collected; update() finds the rows.
    lazy_sub_objs = True

    def __init__(self, action: Action | None = None, *collected: Any) -> None:
        if is_collector(action):  # which calls on_delete with itself, the key, the rows and the alias
            raise AnonymiseError(
                f"{field_label(collected[0])} has on_delete=ANONYMISE without an action; nothing was deleted. {WRITE}"
            )
        if collected:
            raise TypeError(f"ANONYMISE takes one action. {WRITE}")
        if action not in (models.SET_NULL, models.SET_DEFAULT) and not _is_set(action):
            raise ValueError(
                f"Cannot ANONYMISE({_name(action)}): the row stays, and its key must get a value. {WRITE}"
            )
        self.action: Any = action

    @sensitive
    def __call__(self, collector: Any, field: Any, sub_objs: QuerySet[Any], using: str) -> None:
        if not getattr(self.action, "lazy_sub_objs", False) and not sub_objs.exists():
            return  # Django 6.1 calls SET(callable) only where there are rows
        rows = copied(AnonymiseOnUpdate, sub_objs, using)
        load_all_columns(rows)
        self.action(collector, field, rows, using)

    def deconstruct(self) -> tuple[str, tuple[Action], dict[str, Any]]:
        return "gdpr_assist.ANONYMISE", (self.action,), {}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ANONYMISE) and _identity(self.action) == _identity(other.action)

    def __hash__(self) -> int:
        return hash(ANONYMISE)


def _name(action: Any) -> str:
    return "" if action is None else getattr(action, "__name__", repr(action))


def _is_set(action: Any) -> bool:
    deconstruct = None if isinstance(action, type) else getattr(action, "deconstruct", None)
    return deconstruct is not None and deconstruct()[0] == "django.db.models.SET"


def _identity(action: Any) -> Any:
    """``SET(x)`` makes a new function each time: what it was made from tells whether two are the same."""
    return action.deconstruct() if _is_set(action) else action
