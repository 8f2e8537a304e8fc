"""Erases again what was refilled or missed, by the one call that erases; writes nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from uuid import UUID

from ..erasure import erase
from ..execution.deleting import Deletion
from ..planning.plans import Plan, all_pinned
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


@sensitive
def cure(findings: Iterable[Finding]) -> Cured:
    """Erase again what can be, of ``findings`` that are wrong: as one operation on each database, or nothing.

    Raises ``AnonymiseError``, and Django's own errors of deleting.
    """
    those = [each for each in findings if each.is_wrong]
    plans = [plan for each in those for plan in each.plans]
    deletions = [Deletion(rows) for each in those for rows in each.going]
    deleted: Counter[str] = Counter()

    def read_keys() -> list[Plan]:
        for each in deletions:
            each.read_keys()
        return all_pinned(plans)

    def delete() -> None:
        for each in deletions:
            deleted.update(each.run())

    results = erase(plans, aliases=[each.rows.db for each in deletions], first=read_keys, then=delete)
    anonymised: Counter[str] = Counter()
    for plan, result in zip(plans, results, strict=True):
        anonymised[plan.name] += result.anonymised
    operations = {each.rows.db: each.operation for each in deletions if each.operation}
    operations |= {each.using: each.operation for each in results if each.operation}
    return Cured(operations=operations, anonymised=dict(+anonymised), deleted=dict(+deleted))
