"""Empties one table of a scrub, and says what is done if that breaks off. Writes through ``execution``."""

from __future__ import annotations

from collections.abc import Callable

from ..exceptions import AnonymiseError
from ..execution.emptying import delete_in_ranges
from ..execution.whole_tables import empty_at_once
from .emptied import Emptied
from .telling import AGAIN, Told, told, without_its_own


def empty(table: Emptied, size: int | None, follow: Callable[..., object]) -> None:
    """Take all rows of ``table``: at once, or in ranges of ``size`` rows where stored files go with them.

    Raises ``AnonymiseError``, which says how to go on.
    """
    progress = f"{table.label} on {table.using}: not all of its rows are gone; what was in the making was rolled back."
    with told(progress, AGAIN):
        steps = empty_at_once(table.tables, table.keys, table.using)
        if table.plan:
            steps = delete_in_ranges(table.plan, size)
        try:
            follow(table, steps, table.count())
        except AnonymiseError as error:
            raise Told(f"{without_its_own(error)} {progress} Mend this. {AGAIN}") from None
