"""Erases again what was refilled or missed, by the one call that erases; writes nothing else."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from uuid import UUID

from ..erasure import all_gone, counted, erase, operations
from ..execution.deleting import Deletion
from ..planning.superusers import goes_with, said_before, takes_last_superuser
from ..sensitive import sensitive
from .findings import Finding


@dataclass(frozen=True, kw_only=True)
class Cured:
    """What was erased again."""

    operations: dict[str, UUID] = field(default_factory=dict)
    """{alias: id of the operation in the log}"""

    anonymised: dict[str, int] = field(default_factory=dict)
    """{label, with the part: rows}"""

    deleted: dict[str, int] = field(default_factory=dict)
    """{label: rows}"""


def last_superuser(findings: Iterable[Finding]) -> str:
    """Return that nobody would be left who may do everything, if these were erased again; nothing if somebody is."""
    those = [each for each in findings if each.is_wrong]
    plans = [plan for each in those for plan in each.plans]
    taken = [plan.using for plan in plans if takes_last_superuser(plan, again=True)]
    return said_before(taken + [rows.db for each in those for rows in each.going if goes_with(rows, again=True)])


@sensitive
def cure(findings: Iterable[Finding]) -> Cured:
    """Erase again what can be, of ``findings`` that are wrong: as one operation on each database, or nothing.

    Raises ``AnonymiseError``, and Django's own errors of deleting.
    """
    those = [each for each in findings if each.is_wrong]
    plans = [plan for each in those for plan in each.plans]
    deletions = [Deletion(rows) for each in those for rows in each.going]
    results = erase(plans, deletions=deletions)
    return Cured(
        operations=operations(deletions, results), anonymised=counted(plans, results), deleted=all_gone(deletions)
    )
