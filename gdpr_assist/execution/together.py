"""Several plans as one erasure, on one database or on several."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from typing import Any
from uuid import UUID, uuid4

from django.db import DatabaseError, IntegrityError, transaction

from ..databases.transactions import check_no_rollback, check_now, in_order_of_commit, is_within_transaction
from ..exceptions import AnonymiseError, PartlyErased
from ..log import receipts, writing
from ..planning.plans import Plan, all_pinned
from ..sensitive import sensitive
from .execute import Result, execute
from .objects import erase_late_copies


@sensitive
def execute_together(
    plans: Sequence[Plan],
    *,
    aliases: Iterable[str] = (),
    last: str | None = None,
    first: Callable[[], Sequence[Plan]] | None = None,
    then: Callable[[], None] | None = None,
    before_commit: Callable[[list[Result]], None] | None = None,
    operation: UUID | None = None,
    by: str = "",
) -> list[Result]:
    """Execute ``plans`` as one erasure: one transaction and one operation on each of their databases.

    For a person's rows in several models. All keys are read first, so that a plan which finds its rows through those
    of another one still finds them. ``before_commit`` is called with the results; what it raises undoes all.

    ``first`` is called in the transactions, to lock rows and return the plans with their keys; ``then`` after the
    plans, to delete rows, which is logged in the same operations. ``aliases`` are databases that these two need beside
    those of the plans. The database ``last`` commits last, if its constraints can be checked before.

    ``operation`` is the id that it has on the last of them, and from which those on others are made; a random one
    without it. ``by`` is noted in the receipts.

    Raises ``AnonymiseError``; then nothing was changed. Several databases cannot commit together: if one refuses after
    another came through, ``PartlyErased`` says what is done.
    """
    pinned = [] if first else all_pinned(plans)
    order = in_order_of_commit([*(plan.using for plan in plans), *aliases], last)
    ids = writing.ids_on(order, operation or uuid4())
    erasures = {using: writing.Erasure(using, id=ids[using], by=by, looks=[]) for using in order}
    _check_outermost(list(erasures))
    with ExitStack() as transactions:
        blocks = {using: transaction.atomic(using=using) for using in erasures}
        for using in reversed(erasures):
            transactions.enter_context(blocks[using])
        if first:
            pinned = list(first())
        # A multi-table child is anonymised with its parent, and would be counted as done before.
        done = [plan.done().count() if plan.has_relatives else None for plan in plans]
        results = [
            execute(plan, within=erasures[plan.using], done=before) for plan, before in zip(pinned, done, strict=True)
        ]
        if then is not None:
            with writing.as_part_of(erasures):
                then()
        if before_commit is not None:
            before_commit(results)
        for using, erasure in erasures.items():
            late: Counter[str] = Counter()
            erase_late_copies(erasure, late)
            _count(late, using, results)
            writing.record(erasure)
            _check_constraints(using)
            check_no_rollback(using)
        transactions.pop_all()
    _commit(blocks, erasures, pinned, results)
    return results


def _count(late: Counter[str], using: str, results: list[Result]) -> None:
    """Have the copies that were found at the end counted with those of the last plan on their database."""
    if late and (last := [each for each in results if each.using == using][-1:]):
        last[0].copies.update(Counter(last[0].copies) + late)


def _check_outermost(aliases: list[str]) -> None:
    """Raise ``AnonymiseError`` where the databases would not commit at the end: nobody could say what is done."""
    around = [using for using in aliases if is_within_transaction(using)]
    if len(aliases) > 1 and around:
        raise AnonymiseError(
            f"An erasure on {' and '.join(aliases)} needs transactions of its own, and there is one open on "
            f"{' and '.join(around)}; nothing was changed. Erase outside of atomic(), and switch ATOMIC_REQUESTS off "
            "for the view with transaction.non_atomic_requests, or erase on each database by itself."
        )


def _check_constraints(using: str) -> None:
    """Have the constraints checked that would be checked at COMMIT, while all can be rolled back."""
    try:
        check_now(using)
    except IntegrityError as error:
        raise AnonymiseError(
            f"A constraint of the database {using!r} refused the erasure ({type(error).__name__}). Nothing was "
            "changed."
        ) from None


def _commit(
    blocks: dict[str, Any], erasures: dict[str, writing.Erasure], plans: list[Plan], results: list[Result]
) -> None:
    """Commit the databases one after the other. The first that fails takes those that follow with it."""
    raised: dict[str, BaseException] = {}
    left: list[str] = []
    for using, block in blocks.items():
        if left:
            block.__exit__(RuntimeError, RuntimeError(), None)  # rolls back, and raises nothing
            left.append(using)
            continue
        try:
            block.__exit__(None, None, None)
        except BaseException as error:  # noqa: BLE001  (raised again, below)
            raised[using] = error
            # A callback of the project's that failed after the COMMIT has undone nothing.
            if isinstance(error, DatabaseError) and not receipts.has_receipt(erasures[using].id, using):
                left.append(using)
    if left and len(left) < len(blocks):
        raise _partly(list(blocks), left, raised[left[0]], plans, results) from None
    if left and isinstance(raised[left[0]], IntegrityError):
        kind = type(raised[left[0]]).__name__
        raise AnonymiseError(f"The database {left[0]!r} refused to commit ({kind}). Nothing was changed.") from None
    for each in raised.values():
        raise each


def _partly(
    aliases: list[str], left: list[str], error: BaseException, plans: list[Plan], results: list[Result]
) -> PartlyErased:
    committed = [result for result in results if result.using not in left]
    operations = {result.using: result.operation for result in committed}
    listed = " and ".join(
        f"{using!r}" + (f" (operation {operations[using]})" if operations.get(using) else "")
        for using in aliases
        if using not in left
    )
    return PartlyErased(
        f"The erasure is done on {listed}, and not on {' and '.join(map(repr, left))}: {left[0]!r} did not commit "
        f"({type(error).__name__}). Erase the same again to finish it: what is done is not done twice.",
        results=committed,
        remaining=[plan for plan in plans if plan.using in left],
    )
