"""Checks of which rows a scrub leaves: each reads declarations only, which need all models and no database."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.core.checks import CheckMessage
from django.core.exceptions import ImproperlyConfigured
from django.db.models import Model, Q
from django.db.models.constants import LOOKUP_SEP

from ..declaring.declaration import Declaration
from ..declaring.leaving import signed_lookups
from ..declaring.meta import all_rows
from ..declaring.rules import field_label
from ..registry import concrete, registry
from ..scrubbing.ruled import Ruled, ruled
from ..scrubbing.to_empty import mistakes
from ..undocumented import end_of_lookup
from .messages import declarations, declared, message
from .people import check_E049

check_E050 = declared("E050", "Which rows a scrub takes is no condition, or cannot be looked up.")


def check_E056(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """A table that a scrub is to empty, and cannot."""
    if check_E049():
        return []
    return [message("E056", text, cure, model) for text, cure, model in mistakes()]


def check_E058(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """An entry of GDPR_SCRUB_RULES that is none, or is about a column that cannot follow it."""
    return [message("E058", each.message, each.cure, each.model) for each in _ruled().mistakes]


def check_W038(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """A key of GDPR_SCRUB_RULES that is about no column of any model."""
    keys = _ruled().unmatched
    cure = "Correct it, or take it out. A class stands for itself, and for no class below it."
    return [message("W038", f'GDPR_SCRUB_RULES["{key}"] is about no column of any model.', cure) for key in keys]


# {what is wrong: the end of its message, the cure}
UNSTABLE = {
    "own": (
        "which the scrub changes: rows that are scrubbed would not be taken the next time.",
        "Say which rows are left, as scrub = ~Q(...), or look at a column that stays.",
    ),
    "other": (
        "which the scrub changes in every row: what is left before would be taken afterwards.",
        "Leave those rows too, by scrub in the PrivacyMeta of their model, or look at a column that stays.",
    ),
}


def check_E051(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """What a scrub looks at changes in the scrub, so that the next one, or a verification, finds other rows."""
    changed = {model: {change.field.name for change in each.changes} for model, each in in_a_scrub().items()}
    return [
        message(
            "E051",
            f"{each.label}: PrivacyMeta.scrub looks at {field}, {UNSTABLE[why][0]}",
            UNSTABLE[why][1],
            each.model,
        )
        for each in declarations(app_configs)
        if isinstance(each.meta.scrub, Q) and {"E010", "E050"}.isdisjoint(mistake.check for mistake in each.mistakes)
        for field, why in _unstable(each, changed)
    ]


def in_a_scrub() -> dict[type[Model], Declaration]:
    """Return {model of which a scrub may change rows: its declaration with ``GDPR_SCRUB_RULES``}."""
    return {each.model: each for each in registry} | _ruled().declarations


def _ruled() -> Ruled:
    try:
        return ruled()
    except ImproperlyConfigured:  # E049 says which setting it is
        return Ruled()


def _unstable(each: Declaration, changed: dict[type[Model], set[str]]) -> Iterator[tuple[str, str]]:
    """Yield the label of each column that the condition looks at and should not, and why: of ``UNSTABLE``."""
    for (lookup, _), is_negated in signed_lookups(each.meta.scrub):
        parts = lookup.split(LOOKUP_SEP)
        field, rest = end_of_lookup(all_rows(each.model), parts)
        if not getattr(field, "concrete", False) or field.name not in changed.get(concrete(field.model), ()):
            continue
        if not is_negated:
            yield field_label(field), "own"
        elif len(parts) - len(rest) > 1 and not _leaves(field.model):
            yield field_label(field), "other"


def _leaves(model: type[Model]) -> bool:
    relatives = (each for each in registry.relatives(model) if each in registry)
    return any(registry.declaration(each).meta.scrub is not None for each in relatives)
