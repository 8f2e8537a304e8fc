"""What came since, in sets: rows that go with people who were erased, and copies of erased rows. Reads only."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import cache, reduce
from operator import or_
from typing import Any

from django.contrib.contenttypes.models import ContentType
from django.db.models import Model, Q

from ..copies.rows import copies_of
from ..databases.placement import explained
from ..declaring.clauses import DELETED
from ..declaring.meta import all_rows
from ..declaring.relations import is_multi_valued
from ..paths import Route, clauses_of, people, routes
from ..planning.markers import has_marker
from ..planning.parts import part_of_person
from ..planning.plans import Plan
from ..registry import registry
from ..sensitive import sensitive
from ..subjects.finding import FoundBy, joined_ways, pointing
from ..subjects.person import Tables
from ..subjects.shares import COPIES, shares
from ..tables import PrivacyAnonymised
from .findings import MISSED, NOT_DELETED, Finding, joined, of_share


@sensitive
def came_since(plans: Iterable[Plan]) -> list[Finding]:
    """Return what is there, of the tables of ``plans``, though an erasure of those who are erased would take it.

    Their rows that are deleted with them (``on_erasure = "delete"``), and copies of rows that carry a marker. That is
    a few queries for each table, whatever there is in it.
    """
    tables, copied = Tables(), cache(_copies)
    found: list[Finding] = []
    for plan in plans:
        model, using = plan.declaration.model, plan.using
        with explained(using):
            ways = [*_going_with_people(model, using, tables), *copied(using, tables)[model]]
            every = joined_ways(model, using, ways)
            for share in shares(every, force=False, keys={}, tables=tables):
                found += [each for each in of_share(share) if each.what in (MISSED, NOT_DELETED)]
    return joined(found)


def _marked_models(using: str) -> set[type[Model]]:
    """Return the models of which rows are marked."""
    kinds = PrivacyAnonymised.objects.using(using).order_by().values_list("content_type", flat=True).distinct()
    names = {kind.model_class() for kind in ContentType.objects.db_manager(using).filter(pk__in=kinds)}
    return {model for model in registry.models if model in names}


# -- what goes with people -----------------------------------------------------------------------


def _going_with_people(model: type[Model], using: str, tables: Tables) -> Iterator[FoundBy]:
    """Yield the rows that were to be deleted with people who are erased, and are about nobody else."""
    if clauses_of(model).on_erasure != DELETED:
        return
    ways = routes(model)
    keys = [each for each in ways if each.lookup and each.person and tables.has(each.person, using)]
    if keys and not any(is_multi_valued(model, each.lookup) for each in keys):
        rows = all_rows(model, using).filter(reduce(or_, (_is_erased(each, using) for each in keys)))
        for each in keys if len(keys) > 1 else ():
            rows = rows.filter(Q(**{f"{each.lookup}__isnull": True}) | _is_erased(each, using))
        yield FoundBy(part="", words="by key", rows=rows)
    for each in ways:
        if each.generic:
            erased = [
                all_rows(person, using).filter(has_marker(person, using, part_of_person(person)))
                for person in people()
                if tables.has(person, using)
            ]
            yield from pointing(model, using, each, erased)


def _is_erased(route: Route, using: str) -> Q:
    """Return the condition that the person at the end of ``route`` is anonymised."""
    person: Any = route.person
    return Q(has_marker(person, using, part_of_person(person), key=route.key))


# -- copies --------------------------------------------------------------------------------------


def _copies(using: str, tables: Tables) -> dict[type[Model], list[FoundBy]]:
    """Return the rows of each model that are copies of rows which are anonymised, or of which a part is."""
    found: dict[type[Model], list[FoundBy]] = defaultdict(list)
    for model in _marked_models(using):
        parts = registry.declaration(model).parts if tables.has(model, using) else None
        for part in () if parts is None else ("", *parts):
            marked = all_rows(model, using).filter(has_marker(model, using, part or None))
            for rows in copies_of(marked):
                # A copy that has no such parts goes whole, whichever part of its row did.
                theirs = set(registry.declaration(rows.model).parts).intersection(parts or ())
                if part in theirs or not (part or theirs):
                    found[rows.model].append(FoundBy(part=part, words=COPIES, rows=rows))
    return found
