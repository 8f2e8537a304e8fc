"""A whole table at once, written anew by the database: the fastest scrub of a copy. Logs nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from django.core.exceptions import EmptyResultSet, FullResultSet
from django.db.models import Model

from ..copies.rows import key_texts
from ..databases import rewriting
from ..databases.rewriting import Expression
from ..declaring.digits import copy_keys_to_session, keyed_by_session
from ..declaring.meta import all_rows
from ..log import writing
from ..planning.markers import markers
from ..planning.plans import Plan
from ..sensitive import sensitive
from ..undocumented import assigned, condition_of
from .marking import insert_markers
from .objects import clear, with_key
from .ranges import of_its_own, why_keys
from .run import Run
from .ways import columns_of

SUBQUERY = re.compile(r"\bSELECT\b", re.IGNORECASE)


def written_anew(plan: Plan, why_not: str = "") -> Plan:
    """Return ``plan`` with the table written anew, where its database can; else with the reason why it is not.

    ``why_not`` is a reason of the caller's. The plan changes sets of rows, of which none is marked by then.
    """
    if not plan.way.is_set or not rewriting.can_rewrite(plan.using):
        return plan
    return replace(plan, way=plan.way.anew(why_not or _why_in_ranges(plan)))


def _why_in_ranges(plan: Plan) -> str:
    """Return why it is not written anew; empty if it can be. The catalogue of the database is asked last."""
    if why := why_keys(plan, Run(writing.Erasure(plan.using), is_scrub=True)):
        return why
    if plan.declaration.references:
        return "keys of other tables point at a column of it"
    model = plan.declaration.model
    columns = columns_of(plan)
    if list(columns) != [model]:
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
    return rewriting.why_not(model._meta.db_table, list(expressions), plan.using)


@sensitive
def execute_anew(plan: Plan, *, marks: bool = True) -> Iterator[int]:
    """Write the table of ``plan`` anew in one transaction; yield the number of rows.

    With ``marks`` each row is marked; where any is by now, another process has written the table anew, and nothing is
    done. Raises ``TryAgain`` if others use the table for long, ``AnonymiseError`` if a column cannot hold its value.
    """
    model, rows = plan.declaration.model, plan.rows()
    with of_its_own(plan), with_key(plan, Run(writing.Erasure(plan.using), is_scrub=True)):
        # Before the markers: who waits for it while others read the table would keep these from writing theirs.
        rewriting.lock(model._meta.db_table, plan.using)
        if marks and markers(model, plan.using).exists():
            yield 0
            return
        # While the rows can be told: what was changed may match no more
        number = insert_markers(plan, rows) if marks else rows.count()
        if plan.clears:
            clear(plan, rows.order_by().values("pk"), key_texts(rows))
        if plan.is_keyed:
            copy_keys_to_session(plan.using)
        rewriting.rewrite(model._meta.db_table, _expressions(plan), plan.using, where=_condition(plan))
    yield number


def _expressions(plan: Plan) -> dict[str, Expression]:
    """Return {column: what is put there}."""
    model = plan.declaration.model
    rows = all_rows(model, plan.using)
    with keyed_by_session():
        return {
            _column(model, name): Expression(*assigned(rows, name, value, plan.using))
            for name, value in columns_of(plan)[model].items()
        }


def _condition(plan: Plan) -> Expression | None:
    """Return which rows get it, None if all of them."""
    return None if plan.is_for_all else Expression(*condition_of(plan.rows(), plan.using))


def _column(model: type[Model], name: str) -> str:
    field: Any = model._meta.get_field(name)
    return str(field.column)
