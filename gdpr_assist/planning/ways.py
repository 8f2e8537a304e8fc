"""How the rows of a plan are changed, and why: decided once, by who watches them. Asks no database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from django.db.models import Model

from ..declaring.declaration import Change, Declaration
from .watchers import OURS, SAVING, watchers

Kind = Literal["set", "mixed", "rows", "anew"]

WORDS: dict[Kind, str] = {
    "set": "one UPDATE for each batch of rows",
    "mixed": "in batches",
    "rows": "row by row",
    "anew": "the table written anew in one pass (which takes its room twice, and keeps readers out)",
}


@dataclass(frozen=True, kw_only=True)
class Way:
    """The way in which rows are changed. ``execution.ways`` has a class for each kind, but for tables written anew."""

    kind: Kind
    reason: str = ""
    """Why row by row or through Python, or why a scrub does not write the table anew; else empty."""

    unheard: str = ""
    """Whose signals are not sent because ``PrivacyMeta.bulk`` says so: nothing is saved."""

    sends_signals: bool = True
    """Whether pre_anonymise and post_anonymise are sent."""

    @property
    def is_set(self) -> bool:
        """Whether the database changes all rows of a batch at once, and nobody is told of them."""
        return self.kind == "set"

    @property
    def is_anew(self) -> bool:
        """Whether the table is written anew."""
        return self.kind == "anew"

    def anew(self, why_not: str) -> Way:
        """Return the way of a set that writes the table anew, or else that says why it does not."""
        return replace(self, kind="set" if why_not else "anew", reason=why_not)

    def __str__(self) -> str:
        text = WORDS[self.kind]
        if self.reason:
            text += f", because {self.reason}"
        if self.unheard:
            text += f"; {self.unheard}, which are not called, as PrivacyMeta.bulk is True"
        return text


def choose_way(declared: Declaration, model: type[Model], changes: Sequence[Change], *, is_one_object: bool) -> Way:
    """Return the way to make ``changes`` to rows of ``model``, which is as ``declared`` or a proxy of it."""
    bulk = declared.meta.bulk
    if is_one_object:
        return Way(kind="rows", reason="it is a single object")
    if bulk is False:
        return Way(kind="rows", reason="its PrivacyMeta says bulk = False")
    ours, saving = watchers(model, OURS), watchers(model, SAVING)
    if not bulk and ours + saving:
        return Way(kind="rows", reason="; ".join(ours + saving))
    in_python = [
        f"{change.field.name} ({change.why_in_python})" if change.why_in_python else change.field.name
        for change in changes
        if not change.in_sql
    ]
    reasons = ours + ([f"Python computes {', '.join(in_python)}"] if in_python else [])
    return Way(
        kind="mixed" if reasons else "set",
        reason="; ".join(reasons),
        unheard="; ".join(saving),
        sends_signals=bool(ours),
    )
