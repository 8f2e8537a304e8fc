"""The rows about people that stay when the rows of these people are deleted: they are erased with them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from itertools import compress
from typing import Any

from django.db.models import CASCADE, ForeignKey, Model, QuerySet
from django.db.models.constants import LOOKUP_SEP

from ..databases.rows import batch_size, chunks, with_rows
from ..declaring.meta import all_rows
from ..declaring.relations import follow
from ..deletion import ANONYMISE
from ..execution.deleting import Deletion
from ..execution.execute import execute
from ..log.writing import Erasure, as_part_of
from ..paths import Route, clauses_of, own_key, person_of
from ..planning.parts import part_behind
from ..planning.plans import Plan
from ..registry import concrete
from ..sensitive import sensitive
from ..undocumented import collected, objects_of
from .finding import ITSELF, Found, find_rows, lock
from .person import Keys, Tables, joined, known_values, links
from .shares import Share, shares
from .sharing import may_be_shared

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
        with as_part_of({erasure.using: erasure}):
            for deletion in self.deletions:
                deletion.run()


@sensitive
def survivors(origin: Any, using: str) -> Survivors:
    """Return the rows on ``using`` that stay when ``origin`` is deleted, and are about people whose rows go with it.

    ``origin`` is what ``delete()`` was called on, an object or a queryset. Nothing is deleted here.
    """
    going = _going(origin, using)
    tables = Tables()
    plans: list[Plan] = []
    deletions: list[Deletion] = []
    every = _of_those_who_stay(_people(going, using, tables), going, using, tables)
    for each in compress(every, with_rows([each.found.rows for each in every])):
        gone_anyway: Collection[Any] = going.get(each.found.model, frozenset())
        if each.verb == "delete":
            deletions.append(Deletion(each.found.rows))
            deletions[-1].read_keys(but=gone_anyway)
        elif each.plan:
            keys = tuple(key for key in each.plan.pinned().keys or () if key not in gone_anyway)
            plans += [replace(each.plan, keys=keys)] if keys else []
    return Survivors(plans=plans, deletions=deletions)


def _of_those_who_stay(people: Keys, going: Going, using: str, tables: Tables) -> list[Share]:
    """Return what becomes of the rows about ``people``, without those of which their keys say it.

    Of the rest, some may go anyway.
    """
    keys = joined(people, using, tables)
    values = known_values(keys, using, tables, certain_only=True)
    all_go = all(those <= set(going.get(model, ())) for model, those in keys.items())
    found = [
        each
        for each in find_rows(keys, using, values, tables, aliases=[using])
        if clauses_of(each.model).on_delete_of_subject and not _is_a_person(each)
    ]
    lock(each for each in found if may_be_shared(each.model, each.part))
    every = [each for each in shares(found, "refilled", keys, tables, people_go=all_go) if each.verb != "keep"]
    return [each for each in every if not (all_go and _is_seen_to(each))]


def _is_seen_to(share: Share) -> bool:
    """Whether Django's deletion of the people does with the rows what is to be done: then nothing has to be asked."""
    if share.found.model._meta.base_manager_name:
        return False  # Django may not see all of them
    keys = [way.route for way in share.found.by_way]
    return bool(keys) and all(key is not None and (_goes(share, key) or _is_anonymised(share, key)) for key in keys)


def _goes(share: Share, route: Route) -> bool:
    """Whether a row goes with the person at the end of ``route``, or is that person."""
    steps = follow(share.found.model, route.lookup) if route.lookup else []
    return route.generic is None and all(_on_delete(step) is CASCADE for step in steps)


def _is_anonymised(share: Share, route: Route) -> bool:
    """Whether ANONYMISE on the key that ``route`` is does what the plan would."""
    if share.plan is None or route.generic or not route.lookup or LOOKUP_SEP in route.lookup:
        return False
    [key] = follow(share.found.model, route.lookup)
    is_own = key.model is share.found.model and isinstance(_on_delete(key), ANONYMISE)
    return is_own and share.plan.part == part_behind(share.plan.declaration.model, key.name)


def _on_delete(step: Any) -> Any:
    """Return what becomes of the rows of a key whose target goes; None where that is no key, or not all are seen."""
    is_key = isinstance(step, ForeignKey) and not step.model._meta.base_manager_name
    return step.remote_field.on_delete if is_key else None


def _people(going: Going, using: str, tables: Tables) -> Keys:
    """Return the people who go. A profile that goes without its account is none: its person stays."""
    people = {model: set(keys) for model, keys in going.items() if person_of(model) is model}
    for model, person, route in links(using, tables):
        assert route.person is not None  # see links
        ends = going.get(route.person, ())
        for keys in chunks(tuple(people.get(person, ())), batch_size(using)):
            rows, own = all_rows(model, using), own_key(model)
            pairs = rows.filter(**{f"{own}__in": keys}).values_list(own, route.key)
            people[person] -= {key for key, end in pairs if end is not None and end not in ends}
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
