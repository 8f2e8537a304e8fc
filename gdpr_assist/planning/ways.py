"""How the rows of a plan are changed, and why: decided once, by who watches them. Asks no database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from django.db.models import Model

from ..declaring.declaration import Change, Declaration
from .watchers import OURS, SAVING, watchers

Kind = Literal["set", "mixed", "rows"]

WORDS: dict[Kind, str] = {
    "set": "one UPDATE for each batch of rows",
    "mixed": "in batches",
    "rows": "row by row",
}


@dataclass(frozen=True, kw_only=True)
class Way:
    """The way in which rows are changed. ``execution.ways`` has a class for each kind."""

    kind: Kind
    reason: str = ""
    """Why row by row or through Python; empty for a set."""

    unheard: str = ""
    """Whose signals are not sent because ``PrivacyMeta.bulk`` says so: nothing is saved."""

    sends_signals: bool = True
    """Whether pre_anonymise and post_anonymise are sent."""

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
