"""The stored files that go with rows, by name: the first of each field, and how many there are. Deletes none."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django.db.models import FileField, Model, Q, QuerySet

from ..declaring.meta import all_rows
from ..planning.plans import Plan
from ..registry import registry
from .files import file_changes

# Whether the names of the files of some rows may be shown
MaySee = Callable[[QuerySet[Any]], bool]


@dataclass(frozen=True, kw_only=True, repr=False)
class NamedFiles:
    """Files that rows name in one field. Another row may name the same: then they stay."""

    field: FileField
    model: type[Model]
    count: int
    names: tuple[str, ...]
    """Those of the first rows. They are personal data."""


def named(
    rows: QuerySet[Any], fields: Iterable[FileField], most: int, may_see: MaySee = lambda rows: True
) -> Iterator[NamedFiles]:
    """Yield the files that ``rows`` name in ``fields``, with the names of at most ``most`` of each.

    Two queries for each field. No names of rows to which ``may_see`` says no. The file of a default is nobody's.
    """
    for each in fields:
        empty = ["", each.get_default() or ""]
        there = rows.exclude(Q(**{f"{each.name}__in": empty}) | Q(**{f"{each.name}__isnull": True})).order_by("pk")
        if count := there.count():
            names = there.values_list(each.name, flat=True)[:most] if may_see(rows) else ()
            yield NamedFiles(field=each, model=rows.model, count=count, names=tuple(map(str, names)))


def named_by(
    plan: Plan, most: int, may_see: MaySee = lambda rows: True, but: Collection[type[Model]] = ()
) -> Iterator[NamedFiles]:
    """Yield the files that the rows of ``plan`` forget, in all tables of the same objects; not those that are done.

    ``but`` are multi-table parents and children that have a plan of their own.
    """
    rows = plan.rows() if plan.does_all else plan.rows().exclude(plan.is_done())
    for table in _tables(rows, [each for each in but if each is not rows.model]):
        declared = registry.declaration(table.model)
        if declared.can_anonymise and (not plan.part or declared.has_part(plan.part)):
            yield from named(table, file_changes(declared, plan.part), most, may_see)


def joined(found: Iterable[NamedFiles], most: int) -> list[NamedFiles]:
    """Return the files of each field together. Of a field that parents and children share, those of one table."""
    tables: dict[tuple[FileField, type[Model]], list[NamedFiles]] = defaultdict(list)
    for each in found:
        tables[each.field, each.model].append(each)
    largest: dict[FileField, NamedFiles] = {}
    for (column, model), those in tables.items():
        count = sum(each.count for each in those)
        names = tuple(name for each in those for name in each.names)[:most]
        if column not in largest or count > largest[column].count:
            largest[column] = NamedFiles(field=column, model=model, count=count, names=names)
    return list(largest.values())


def _tables(rows: QuerySet[Any], seen: list[type[Model]]) -> Iterator[QuerySet[Any]]:
    """Yield ``rows``, and those of the same objects in multi-table parents and children."""
    seen.append(rows.model)
    yield rows
    keys = rows.order_by()
    parents = [(each, Q(pk__in=keys.values(link.attname))) for each, link in registry.parents(rows.model)]
    children = [(each, Q(**{f"{link.name}__in": keys})) for each, link in registry.children(rows.model)]
    for model, condition in (*parents, *children):
        if model not in seen:
            yield from _tables(all_rows(model, rows.db).filter(condition), seen)
