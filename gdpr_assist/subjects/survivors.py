"""The rows about people that stay when the rows of these people are deleted: they are erased with them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from django.db.models import Model, QuerySet

from ..declaring.meta import all_rows
from ..execution.deleting import Deletion
from ..execution.execute import execute
from ..log.writing import Erasure, joined
from ..paths import clauses_of, person_of
from ..planning.plans import Plan
from ..registry import concrete
from ..sensitive import sensitive
from ..undocumented import collected, objects_of
from .finding import ITSELF, Found, find_rows
from .person import Keys, Tables, known_values, links
from .person import joined as with_joined
from .shares import shares

# {model: primary keys of its rows}
Going = Mapping[type[Model], Collection[Any]]


@dataclass(frozen=True, kw_only=True)
class Survivors:
    """What becomes of the rows that stay. Their keys are read, as the paths to the people end with the deletion."""

    plans: list[Plan]
    deletions: list[Deletion]

    def erase(self, erasure: Erasure) -> None:
        """Do it, as a part of ``erasure``. Raises ``AnonymiseError``."""
        for plan in self.plans:
            execute(plan, within=erasure)
        with joined({erasure.using: erasure}):
            for deletion in self.deletions:
                deletion.run()


@sensitive
def survivors(origin: Any, using: str) -> Survivors:
    """Return the rows on ``using`` that stay when ``origin`` is deleted, and are about people whose rows go with it.

    ``origin`` is what ``delete()`` was called on, an object or a queryset. Nothing is deleted here.
    """
    going = _going(origin, using)
    tables = Tables()
    keys = with_joined(_people(going, using, tables), using, tables)
    found = [
        _staying(each, going)
        for each in find_rows(keys, using, known_values(keys, using, tables), tables)
        if each.using == using and clauses_of(each.model).on_delete_of_subject and not _is_a_person(each)
    ]
    decided = list(shares(found, force=False))
    deletions = [Deletion(each.found.rows) for each in decided if each.verb == "delete"]
    for deletion in deletions:
        deletion.read_keys()
    return Survivors(plans=[each.plan.pinned() for each in decided if each.plan], deletions=deletions)


def _people(going: Going, using: str, tables: Tables) -> Keys:
    """Return the people who go. A profile that goes without its account is none: its person stays."""
    people = {model: set(keys) for model, keys in going.items() if person_of(model) is model}
    for model, person, route in links(using, tables):
        assert route.person is not None  # see links
        if mine := people.get(person):
            pairs = all_rows(model, using).filter(pk__in=mine).values_list("pk", f"{route.lookup}__pk")
            ends = going.get(route.person, ())
            mine -= {key for key, end in pairs if end is not None and end not in ends}
    return {model: frozenset(keys) for model, keys in people.items() if keys}


def _is_a_person(found: Found) -> bool:
    """Whether the rows are the person in another table: a profile stays a row of its own where no key takes it."""
    return ITSELF in found.ways and person_of(found.model) is not found.model


def _going(origin: Any, using: str) -> dict[type[Model], set[Any]]:
    """Return the rows that go with ``origin``. Django's Collector only reads until it is told to delete."""
    rows = origin if isinstance(origin, QuerySet) else [origin]
    going: dict[type[Model], set[Any]] = defaultdict(set)
    for model, instances in objects_of(collected(rows, using, origin=origin)).items():
        going[concrete(model)].update(each.pk for each in instances)
    return going


def _staying(found: Found, going: Going) -> Found:
    keys = going.get(found.model)
    if not keys:
        return found
    rest = all_rows(found.model, found.using).filter(pk__in=found.rows.order_by().values("pk"))
    return replace(found, rows=rest.exclude(pk__in=keys))
