"""What one execution knows while it happens."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Model

from ..copies.keeper import Keepers
from ..databases.interference import Interference, interference
from ..databases.statements import among
from ..declaring.keys import stored_text
from ..log.writing import Erasure
from ..planning.markers import markers
from ..planning.plans import Plan
from ..registry import registry
from .effects import Computed

# While a range of a copy is scrubbed: what is to be done once the last of its rows is gone
_scrubbing: ContextVar[list[Callable[[], object]] | None] = ContextVar("gdpr_assist_scrubbing", default=None)


@contextmanager
def scrubbing() -> Iterator[None]:
    """Have what is deleted in the block be a part of the scrub of a copy, and do at its end what was put off."""
    put_off: list[Callable[[], object]] = []
    token = _scrubbing.set(put_off)
    try:
        yield
        for do in put_off:
            do()
    finally:
        _scrubbing.reset(token)


def is_scrubbing() -> bool:
    return _scrubbing.get() is not None


def when_gone(do: Callable[[], object]) -> None:
    """In a scrub, call ``do`` once all rows of the range are gone, in the same transaction; else now."""
    put_off = _scrubbing.get()
    if put_off is None:
        do()
    else:
        put_off.append(do)


# The erasures that are under way: what a receiver of one deletes is another
_under_way: ContextVar[tuple[Erasure, ...]] = ContextVar("gdpr_assist_under_way", default=())


@contextmanager
def going_on(erasure: Erasure) -> Iterator[None]:
    """Within the block, ``erasure`` is under way."""
    token = _under_way.set((*_under_way.get(), erasure))
    try:
        yield
    finally:
        _under_way.reset(token)


@dataclass
class Run:
    """One execution while it happens."""

    erasure: Erasure
    is_scrub: bool = field(default_factory=is_scrubbing)
    """Whether it scrubs a copy, range by range; also what a receiver of the project erases meanwhile."""

    keepers: Keepers = field(init=False)
    copies: Counter[str] = field(default_factory=Counter)
    """{label: rows that were erased because they are copies of others}"""

    # {model: what may interfere with changing it}; asked of the catalogue once
    _interference: dict[type[Model], Interference] = field(default_factory=dict)
    # {names of columns, by comma: keys of rows of the plan under way in which they were computed}
    _notes: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    # Labels of the columns that hold another value than the planned one
    computed: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.keepers = Keepers(self.erasure.using, is_scrub=self.is_scrub)

    def interference(self, plan: Plan) -> Interference:
        """Ask of all tables that an object may have a part in, once."""
        model = plan.declaration.model
        if model not in self._interference:
            models = registry.relatives(model)
            self._interference |= dict.fromkeys(models, interference(models, plan.using))
        return self._interference[model]

    def begin(self, plan: Plan, keys: list[Any]) -> list[Any]:
        """Note which rows are begun, and return them: of those that were filled again, not those begun before.

        Where nobody can tell, each would look filled again when the erasure meets it by another way; and so would one
        that a receiver of its own signals leads back to.
        """
        if self.is_scrub or not (plan.untold or plan.way.sends_signals):
            return keys
        kind = plan.label, plan.part
        if plan.force == "refilled":
            begun = [each.begun[kind] for each in (self.erasure, *_under_way.get())]
            keys = [key for key in keys if not any(key in those for those in begun)]
        self.erasure.begun[kind].update(keys)
        return keys

    def note(self, plan: Plan, computed: Computed) -> None:
        """Keep it for the result, and until the markers of the rows are there."""
        for key, names in computed.items():
            self.computed |= {f"{plan.label}.{name}" for name in names}
            if note := ",".join(sorted(names & plan.told.keys())):
                self._notes[note].append(stored_text(plan.declaration.model, key))

    def write_notes(self, plan: Plan) -> None:
        """Note in the markers what was computed: such a column must not make a row look filled again, for ever."""
        for note, texts in self._notes.items():
            rows = markers(plan.declaration.model, plan.using).filter(object_id__in=among(texts), part=plan.part)
            rows.update(computed=note)
        self._notes.clear()
