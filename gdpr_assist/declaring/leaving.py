"""Which rows of a model a scrub takes: the condition of a declaration, and what is wrong with it; asks no database."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from django.core.exceptions import FieldError, ValidationError
from django.db.models import Q, QuerySet

from ..exceptions import AnonymiseError, FieldAnonymiseError
from ..undocumented import gives_values, is_combined, is_distinct_on, is_sliced
from .meta import PrivacyMeta, all_rows
from .methods import method
from .mistakes import Mistake

CURE = 'Write scrub = ~Q(username="service"), or def scrub(self, queryset), which returns the rows that are scrubbed.'

# As scrub: the rows are not anonymised, the table is emptied
EMPTY = "empty"


def taken_by(meta: PrivacyMeta, using: str) -> QuerySet[Any]:
    """Return the rows that a scrub takes, as ``PrivacyMeta.scrub`` says. Raises ``AnonymiseError`` if it fails."""
    rows, given = all_rows(meta.model, using), meta.scrub
    if given is None or given == EMPTY:
        return rows
    if isinstance(given, Q):
        return rows.filter(given)
    return _returned(meta, given, rows)


def _returned(meta: PrivacyMeta, function: Callable[[Any], Any], rows: QuerySet[Any]) -> QuerySet[Any]:
    label = meta.model._meta.label
    try:
        found: QuerySet[Any] = function(rows)
    except Exception as error:  # noqa: BLE001  (whatever a project's code may raise; it may hold what a row holds)
        frame = traceback.extract_tb(error.__traceback__)[-1]
        raise AnonymiseError(
            f"{label}: PrivacyMeta.scrub raised {type(error).__name__} (line {frame.lineno} of {frame.name})."
        ) from None
    if not _can_be_filtered(found) or found.model is not meta.model:
        raise AnonymiseError(
            f"{label}: PrivacyMeta.scrub returned no queryset of the model that can be filtered. Return the rows that "
            "are scrubbed, as queryset.exclude(...) or queryset.filter(...)."
        )
    return found


def _can_be_filtered(found: Any) -> bool:
    return isinstance(found, QuerySet) and not (
        is_sliced(found) or is_combined(found) or is_distinct_on(found) or gives_values(found)
    )


def scrub_mistakes(meta: PrivacyMeta) -> Iterable[Mistake]:
    """Yield what is wrong with ``PrivacyMeta.scrub``, as far as one model can tell. A method is not called."""
    given, label = meta.scrub, meta.model._meta.label
    if given is None or given == EMPTY:
        return
    if isinstance(given, Q):
        for name, value in lookups(given):
            try:
                all_rows(meta.model).filter(**{name: value})
            except (FieldError, ValueError, TypeError, ValidationError) as error:
                yield Mistake(
                    "E050",
                    f"{label}: PrivacyMeta.scrub looks at {name}, which cannot be looked up ({type(error).__name__}).",
                    "Write a field's name, or a path to one, with a value that it may hold.",
                )
    elif not callable(given):
        yield Mistake("E050", f'{label}: PrivacyMeta.scrub is no Q object, no method, and not "{EMPTY}".', CURE)
    else:
        try:
            method(meta, "scrub", "queryset")
        except FieldAnonymiseError as error:
            yield Mistake("E050", str(error), CURE)


def lookups(condition: Q) -> Iterator[tuple[str, Any]]:
    """Yield each lookup of ``condition`` with its value; not what stands in it as an expression."""
    for each, _is_negated in signed_lookups(condition):
        yield each


def signed_lookups(condition: Any, is_negated: bool = False) -> Iterator[tuple[tuple[str, Any], bool]]:
    """Yield each lookup with its value, and whether it says which rows are *not* meant."""
    if isinstance(condition, Q):
        for child in condition.children:
            yield from signed_lookups(child, is_negated != condition.negated)
    elif isinstance(condition, tuple):
        yield condition, is_negated
