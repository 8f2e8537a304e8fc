"""Erases the rows of a person, as one operation on each database."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import chain
from typing import Any
from uuid import UUID

from ..copies.files import NAMED
from ..copies.keeper import Retained
from ..databases.rows import locked
from ..declaring.clauses import Keep
from ..declaring.meta import all_rows
from ..erasure import all_gone, counted, erase, operations, pinned_with
from ..exceptions import AnonymiseError
from ..execution.deleting import Deletion
from ..paths import clauses_of
from ..phrases import Phrase
from ..planning.plans import Force, Plan
from .cascade import check_cascade, in_order, may_take_others
from .finding import ITSELF, Found, lock
from .person import Keys, Tables
from .shares import Reason, Share, SubjectResult, all_kept, copies_among, left, without_superuser
from .sharing import may_be_shared


class Changed(Exception):
    """Who the person is, or what she is known by, is not what the rows were looked for with."""


def erase_person(
    keys: Keys,
    using: str,
    shared: list[Share],
    *,
    tables: Tables,
    uncertain: list[Reason],
    force: Force,
    people_go: bool,
    by: Any,
    operation: UUID | None,
    check: Callable[[], None] | None,
    is_changed: Callable[[], bool],
) -> SubjectResult:
    """Do what ``shared`` says of the rows about the person whose own rows, on ``using``, have ``keys``.

    With ``people_go``, delete these. ``is_changed`` is asked when the rows are locked; ``check`` is called when the
    keys are read, and before a row changes. Raises ``Changed``, ``AnonymiseError``, and Django's own errors of
    deleting.
    """
    if people_go:
        _refuse_kept(shared)
    going = [each for each in shared if each.verb == "delete" or (people_go and ITSELF in each.found.ways)]
    staying = [each for each in shared if each.plan is not None and each not in going]
    plans = [each.plan for each in staying if each.plan]
    deletions = in_order(Deletion(each.found.rows) for each in going)
    copies = [copy for each in shared for copy in copies_among(each)]
    lost = without_superuser([*staying, *(replace(each, verb="delete", plan=None) for each in going)])
    stays: list[Reason] = []

    def lock_and_read() -> list[Plan]:
        _lock(keys, using, [each.found for each in shared])
        if is_changed():
            raise Changed
        # Afterwards nothing may lead to these rows any more.
        stays.extend(all_kept([*shared, *copies]))
        pinned = pinned_with(plans, deletions)
        # Rows that stay must not go with what is deleted.
        check_cascade([*deletions, *_taking_others(copies)], [each.found for each in shared], keys, using, tables)
        if check is not None:
            check()
        return pinned

    results = erase(plans, by=by, deletions=deletions, last=using, first=lock_and_read, operation=operation)
    lists = (*(each.retained for each in results), *(each.retained for each in deletions))
    retained = list(chain.from_iterable(lists))
    return SubjectResult(
        operations=operations(deletions, results),
        erased=counted(plans, results),
        deleted=all_gone(deletions),
        copies=dict(sum((Counter(each.copies) for each in results), Counter())),
        kept=[*stays, *_retained(each for each in retained if each.reason == NAMED)],
        left=[
            *left(plans, results, force),
            *_retained(each for each in retained if each.reason != NAMED),
        ],
        uncertain=uncertain,
        without_superuser=lost,
    )


def _taking_others(copies: list[Share]) -> Iterator[Deletion]:
    """Yield the deletions of copies with which other rows may go."""
    for copy in copies:
        if copy.verb == "delete" and may_take_others(copy.found.model):
            deletion = Deletion(copy.found.rows)
            deletion.read_keys()
            yield deletion


def _retained(those: Iterable[Retained]) -> Iterator[Reason]:
    """Yield what keepers have retained, as files, by the model of its rows."""
    counts: Counter[tuple[str, str]] = Counter()
    for each in those:
        app_label, model_name, *field = each.what.split(".")
        why = Phrase("%(field)s: %(why)s", field=field[0], why=each.reason) if field else each.reason
        counts[f"{app_label}.{model_name}", why] += each.count
    for (label, reason), count in counts.items():
        yield Reason(label=label, count=count, reason=reason)


def _refuse_kept(shared: list[Share]) -> None:
    for each in shared:
        on_erasure = clauses_of(each.found.model).on_erasure
        if isinstance(on_erasure, Keep) and ITSELF in each.found.ways:
            raise AnonymiseError(
                f"{each.label}: the row of the person is kept ({on_erasure.ground}), so it cannot be deleted. Call "
                "erase()."
            )


def _lock(keys: Keys, using: str, found: list[Found]) -> None:
    """Lock the rows that are the person, so that nobody adds to what is hers while it is erased.

    Of somebody without such rows, lock what is found: who erases it meanwhile, or did, leaves nothing to find. What
    may be about several people is locked too: of two who are erased at once, the second sees that the first is gone.
    """
    for model in sorted(keys, key=lambda each: each._meta.label):
        rows = all_rows(model, using).filter(pk__in=keys[model]).order_by("pk")
        list(locked(rows, using).values_list("pk"))
    lock(each for each in found if not keys or may_be_shared(each.model, each.part))
