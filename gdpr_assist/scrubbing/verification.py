"""Looks whether what was anonymised still is, and whether what was erased is back. Writes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from django.db import Error
from django.db.models import Model
from django.template.defaultfilters import pluralize

from ..conf import log_database
from ..databases.errors import raised_by
from ..pages import page
from ..planning.plans import Plan, plan
from ..planning.preview import Preview, preview
from ..registry import registry
from ..replay.returned import Returned, returned
from . import choice
from .leaving import with_left


@dataclass(frozen=True, kw_only=True)
class Verification:
    """What was found."""

    previews: list[Preview]
    """The numbers of each table, and of each part of its rows."""

    returned: list[Returned]
    """Erased rows that are there again, by model and alias."""

    log_error: str = ""
    """Why the log could not be read: the class of the error. Then nothing is known of what is back."""


def _say_nothing(preview: Preview) -> None:
    pass


def verify(
    databases: Iterable[str] | None = None,
    *,
    only: Iterable[str] = (),
    but: Iterable[str] = (),
    follow: Callable[[Preview], object] = _say_nothing,
) -> Verification:
    """Look at every chosen model on every chosen alias that holds its table: see ``choice.plans``, also for errors.

    ``follow`` is given the numbers of each table as soon as they are known.
    """
    databases, only = list(databases or ()), list(only)
    plans = choice.plans(databases, only=only, but=but, children=True)
    previews = []
    for whole in plans:
        for each in (whole, *_parts(whole)):
            previews.append(with_left(preview(replace(each, counts_marked=True))))
            follow(previews[-1])
    try:
        back = returned(databases, _models(plans, is_chosen=bool(only)))
    except Error as error:
        if raised_by(error) != log_database():
            raise
        return Verification(previews=previews, returned=[], log_error=type(error).__name__)
    return Verification(previews=previews, returned=back)


def failures(verification: Verification, *, every: bool) -> Iterator[str]:
    """Yield what is wrong, each with its cure; with ``every``, also that there are rows which are not anonymised."""
    certain = [each for each in verification.returned if each.is_certain and each.counted]
    if back := [f"{each.counted} of {each.label} on {each.using}" for each in certain]:
        yield (
            f"There again, as it seems, though the log says that they were erased: {', '.join(back)}. Was a table "
            "restored, or data loaded? Erase these rows again "
            f"({page('howto/restore_a_backup', 'If only a table was restored')})."
        )
    whole = [each for each in verification.previews if every and not each.plan.part]
    if left := [f"{each.unmarked} of {_rows(each.rows)} of {_table(each)}" for each in whole if each.unmarked]:
        yield f"Not anonymised: {', '.join(left)}. On a copy, run anonymise_db."
    if refilled := [f"{_rows(each.refilled)} of {_table(each)}" for each in verification.previews if each.refilled]:
        yield (
            f"Filled again since they were anonymised: {', '.join(refilled)}. On a copy, run anonymise_db; elsewhere, "
            f"give --fix, or anonymise these rows with force=True ({page('reference/methods', 'Refilled rows')})."
        )


def _rows(count: int) -> str:
    return f"{count} row{pluralize(count)}"


def _table(preview: Preview) -> str:
    return f"{preview.plan.name} on {preview.plan.using}"


def _parts(whole: Plan) -> list[Plan]:
    """Return a plan for each part that the rows have: each may be anonymised, and filled again, by itself."""
    return [plan(whole.queryset, force=True, part=part) for part in whole.declaration.parts]


def _models(plans: list[Plan], *, is_chosen: bool) -> set[type[Model]]:
    """Return the models whose events are looked at: those of the plans, and what goes or stays beside them."""
    models = {each.declaration.model for each in plans}
    if not is_chosen:
        models |= {each.model for each in choice.never_scrubbed()}
    return models.union(*(registry.unregistered_parents(model) for model in models))
