"""A whole table at once, written anew by the database: the fastest scrub of a copy. Logs nothing."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any

from django.core.exceptions import EmptyResultSet, FullResultSet
from django.db.models import Model

from ..copies.rows import key_texts
from ..databases import rewriting
from ..databases.indexing import keys_built_after
from ..databases.rewriting import Expression
from ..declaring.digits import copy_keys_to_session, keyed_by_session
from ..declaring.meta import all_rows
from ..log import writing
from ..planning.markers import markers
from ..planning.plans import Plan
from ..sensitive import sensitive
from ..tables import PrivacyAnonymised
from ..undocumented import assigned, condition_of
from .marking import insert_markers
from .objects import clear, with_key
from .ranges import of_its_own, why_keys
from .run import Run
from .ways import columns_of

SUBQUERY = re.compile(r"\bSELECT\b", re.IGNORECASE)


def _nothing(plan: Plan) -> str:
    return ""


def written_anew(plans: Iterable[Plan], why_not: Callable[[Plan], str] = _nothing) -> list[Plan]:
    """Return ``plans`` with the tables written anew where their database can; else with the reason why one is not.

    ``why_not`` returns a reason of the caller's, or none. Of a table that is written anew no row is marked by then.
    The catalogue of each database is asked once.
    """
    plans = list(plans)
    reasons = {
        number: why_not(each) or _why_in_ranges(each)
        for number, each in enumerate(plans)
        if each.way.is_set and rewriting.can_rewrite(each.using)
    }
    asked: dict[str, list[int]] = defaultdict(list)
    for number, reason in reasons.items():
        if not reason:
            asked[plans[number].using].append(number)
    for using, numbers in asked.items():
        tables = [(_table(plans[number]), list(_columns(plans[number]))) for number in numbers]
        reasons.update(zip(numbers, rewriting.why_not(tables, using), strict=True))
    for number, reason in reasons.items():
        plans[number] = replace(plans[number], way=plans[number].way.anew(reason))
    return plans


def _why_in_ranges(plan: Plan) -> str:
    """Return why it is not written anew, as far as can be told without the catalogue; empty if it may be."""
    if why := why_keys(plan, Run(writing.Erasure(plan.using), is_scrub=True)):
        return why
    if plan.declaration.references:
        return "keys of other tables point at a column of it"
    columns = columns_of(plan)
    if list(columns) != [plan.declaration.model]:
        return "nothing of it is replaced" if not columns else "its columns are in several tables"
    if not (plan.is_for_all or plan.is_told_by_row):
        return "it takes other tables to tell which of its rows are scrubbed"
    try:
        _condition(plan)
    except (EmptyResultSet, FullResultSet):
        return "its condition is true of every row, or of none"
    expressions = _expressions(plan)
    if subqueries := [name for name, (sql, _) in expressions.items() if SUBQUERY.search(sql)]:
        return f"it takes a subquery to compute {', '.join(subqueries)}"
    return ""


def _table(plan: Plan) -> str:
    return plan.declaration.model._meta.db_table


@sensitive
def execute_anew(plan: Plan, *, marks: bool = True, expected: int = 0) -> Iterator[int]:
    """Write the table of ``plan`` anew in one transaction; yield the number of rows.

    With ``marks`` each row is marked; where any is by now, another process has written the table anew, and nothing is
    done. ``expected`` is about how many rows there are, where no other process of the scrub marks any meanwhile.
    Raises ``TryAgain`` if others use the table for long, ``AnonymiseError`` if a column cannot hold its value.
    """
    model, rows, table = plan.declaration.model, plan.rows(), _table(plan)
    with of_its_own(plan), with_key(plan, Run(writing.Erasure(plan.using), is_scrub=True)):
        # Before the markers: who waits for it while others read the table would keep these from writing theirs.
        rewriting.lock(table, plan.using)
        if marks and markers(model, plan.using).exists():
            yield 0
            return
        # While the rows can be told: what was changed may match no more
        with keys_built_after(PrivacyAnonymised._meta.db_table, plan.using, expected if marks else 0):
            number = insert_markers(plan, rows) if marks else rows.count()
        if plan.clears:
            clear(plan, rows.order_by().values("pk"), key_texts(rows))
        if plan.is_keyed:
            copy_keys_to_session(plan.using)
        rewriting.rewrite(table, _expressions(plan), plan.using, where=_condition(plan))
    yield number


def _expressions(plan: Plan) -> dict[str, Expression]:
    """Return {column: what is put there}."""
    rows = all_rows(plan.declaration.model, plan.using)
    with keyed_by_session():
        return {
            column: Expression(*assigned(rows, name, value, plan.using))
            for column, (name, value) in _columns(plan).items()
        }


def _columns(plan: Plan) -> dict[str, tuple[str, Any]]:
    """Return {column: (name of the field, its expression or value)}."""
    model = plan.declaration.model
    return {_column(model, name): (name, value) for name, value in columns_of(plan)[model].items()}


def _condition(plan: Plan) -> Expression | None:
    """Return which rows get it, None if all of them."""
    return None if plan.is_for_all else Expression(*condition_of(plan.rows(), plan.using))


def _column(model: type[Model], name: str) -> str:
    field: Any = model._meta.get_field(name)
    return str(field.column)
