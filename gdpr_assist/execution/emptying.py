"""Deletes rows of a table range by range, each in a transaction of its own: for scrubbing a copy. Logs nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import reduce
from itertools import chain
from operator import or_
from typing import Any

from django.db.models import Exists, OuterRef, ProtectedError, QuerySet, RestrictedError
from django.template.defaultfilters import pluralize

from ..cascades import protecting_itself
from ..copies.keeper import Keepers
from ..databases.rows import batch_size, pages
from ..declaring.meta import all_rows
from ..declaring.relations import is_pointed_at
from ..exceptions import AnonymiseError
from ..planning.plans import Plan
from ..planning.watchers import hears_of_deletions
from ..sensitive import sensitive
from ..undocumented import delete_unheard
from .deleting import Deletion
from .effects import check_deleted
from .marking import forget_markers
from .ranges import of_its_own
from .refusals import explained_deletion


@sensitive
def delete_in_ranges(plan: Plan, size: int | None = None) -> Iterator[int]:
    """Delete the rows of ``plan`` range by range, with all that goes with them; yield how many are gone so far.

    Each range has ``size`` rows, by default as many as the database likes. Raises ``AnonymiseError`` where the
    database, or a row that protects one of them, lets it be.
    """
    model, gone = plan.declaration.model, 0
    is_alone, size = _is_alone(plan), size or batch_size(plan.using)
    ranges = (pages(rows.values_list("pk", flat=True), size, key=lambda key: key) for rows in _protectors_first(plan))
    for keys in chain.from_iterable(ranges):
        with of_its_own(plan), explained_deletion(model, plan.using):
            if is_alone:
                delete_unheard(all_rows(model, plan.using).filter(pk__in=keys))
                check_deleted(model, keys, plan.using)
                forget_markers(model, keys, plan.using)
            else:
                _delete(plan, keys)
        gone += len(keys)
        yield gone


def _protectors_first(plan: Plan) -> Iterator[QuerySet[Any]]:
    """Yield its rows in an order in which they can go, where rows of one table protect one another, as in a tree."""
    rows, model = plan.rows(), plan.declaration.model
    if keys := protecting_itself(model):
        others = all_rows(model, plan.using)
        pointing = [others.filter(**{key.attname: OuterRef(key.target_field.attname)}) for key in keys]
        free = rows.exclude(reduce(or_, map(Exists, pointing)))
        while free.exists():  # what one pass has deleted frees others
            yield free
    yield rows


def _delete(plan: Plan, keys: list[Any]) -> None:
    try:
        Deletion(plan.rows(), keys).run()
    except (ProtectedError, RestrictedError) as error:
        rows = error.protected_objects if isinstance(error, ProtectedError) else error.restricted_objects
        raise protected(plan, len(rows), {row._meta.label for row in rows}) from None


def protected(plan: Plan, count: int, labels: Collection[str]) -> AnonymiseError:
    """Return the error that says that so many rows of ``labels`` do not let those of ``plan`` go."""
    return AnonymiseError(
        f"{plan.label}: its rows are to be deleted, and {count} row{pluralize(count)} of {', '.join(sorted(labels))} "
        "protect some of them (PROTECT, RESTRICT). Nothing was changed. Delete those first, leave these "
        f"(PrivacyMeta.scrub), or leave {plan.label} out with --exclude-model."
    )


def _is_alone(plan: Plan) -> bool:
    """Return whether nobody hears of a deletion, and nothing goes with a row, or is kept of it elsewhere."""
    model = plan.declaration.model
    kept = Keepers(plan.using, is_scrub=True).concerned(plan.declaration)
    return not (kept or is_pointed_at(model) or hears_of_deletions(model))
