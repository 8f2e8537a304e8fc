"""Which tables a scrub empties, registered or not, and what has to be empty before them. Reads only."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.db import router
from django.db.models import SET_NULL, FileField, Model, QuerySet
from django.template.defaultfilters import pluralize

from ..cascades import keys_to, protectors_first, protects
from ..copies.keeper import Keepers
from ..databases.aliases import data_aliases, twin
from ..databases.presence import has_table
from ..databases.whole_tables import filled_tables_with_keys_to
from ..declaring.meta import all_rows
from ..declaring.relations import generic_relations
from ..exceptions import AnonymiseError
from ..planning.plans import Plan, plan
from ..planning.superusers import goes_with
from ..registry import registry
from .deleting import is_deleted
from .to_empty import children_of


@dataclass(frozen=True, kw_only=True)
class Emptied:
    """One table of which a scrub takes all rows, on one database."""

    model: type[Model]
    using: str

    links: tuple[type[Model], ...] = ()
    """The tables of many-to-many fields that point at it: they hold nothing but keys, and are emptied before it."""

    children: tuple[type[Model], ...] = ()
    """Its multi-table children, the lowest first: these too, as one object is all its tables."""

    keys: tuple[Any, ...] = ()
    """Keys of tables that stay, with SET_NULL: they become NULL."""

    plan: Plan | None = None
    """Where its rows have stored files, so that they go range by range."""

    @property
    def label(self) -> str:
        return self.model._meta.label

    name = label

    @property
    def objects(self) -> tuple[type[Model], ...]:
        """Return the tables that its objects are made of, its own last."""
        return (*self.children, self.model)

    @property
    def tables(self) -> tuple[type[Model], ...]:
        """Return all that is emptied, in this order."""
        return (*self.links, *self.objects)

    @property
    def files_left(self) -> list[str]:
        """Return the labels of columns whose stored files nobody deletes, as their model may not be anonymised."""
        models = [each for each in self.objects if not _may_be_anonymised(each)]
        return [str(field) for each in models for field in each._meta.local_fields if isinstance(field, FileField)]

    def lines_of_files_left(self) -> list[str]:
        """Return a sentence for them, where there are any."""
        names = ", ".join(self.files_left)
        cure = "Delete what says who somebody is by hand, or register the model"
        return [f"{self.using}: the stored files of {names} are still there. {cure}."] if names else []

    def count(self) -> int:
        return all_rows(self.model, self.using).count()

    def takes_last_superuser(self) -> bool:
        return any(goes_with(all_rows(each, self.using)) for each in self.objects)


def emptied(databases: Iterable[str], models: Iterable[type[Model]], named: Iterable[str]) -> list[Emptied]:
    """Return the tables of ``models`` on these aliases, by default on all but the log.

    Raises ``AnonymiseError`` if none of them has a table that should be there, or that is ``named``.
    """
    aliases, labels, found = data_aliases(databases), {each.lower() for each in named}, []
    for model in models:
        allowed = [using for using in aliases if router.allow_migrate_model(using, model)]
        there: list[str] = []
        for using in allowed:
            if has_table(model, using) and twin(using, there) is None:
                there.append(using)
        if not there and (allowed or model._meta.label_lower in labels):
            raise AnonymiseError(
                f"{model._meta.label} is to be emptied, and no table of it is on {', '.join(aliases)}. Migrate, or "
                "correct DATABASES, or leave it out with --exclude-model."
            )
        found += [_of(model, using) for using in there]
    return found


def _of(model: type[Model], using: str) -> Emptied:
    children = tuple(each for each in children_of(model) if has_table(each, using))
    links = dict.fromkeys(
        key.model for each in (*children, model) for key in keys_to(each) if key.model._meta.auto_created
    )
    table = Emptied(
        model=model, using=using, children=children, links=tuple(each for each in links if has_table(each, using))
    )
    declared = [registry.declaration(each) for each in table.objects if each in registry]
    keepers = Keepers(using, is_scrub=True)
    if all(map(_may_be_anonymised, table.objects)) and any(keepers.concerned(each) for each in declared):
        return replace(table, plan=plan(all_rows(model, using), force=True))
    return table


def _may_be_anonymised(model: type[Model]) -> bool:
    return model in registry and registry.declaration(model).meta.can_anonymise


def in_order(plans: Iterable[Plan], tables: Iterable[Emptied]) -> list[Plan | Emptied]:
    """Return the work of a scrub: tables that lose rows last, of these first what points at others."""
    every: list[Plan | Emptied] = [*plans, *tables]
    going = {_table(each): isinstance(each, Emptied) for each in every if goes(each)}

    def comes_before(one: type[Model], other: type[Model]) -> bool:
        if not going[other]:
            return protects(one, other)
        family = {one, *children_of(one)}
        return any(key.model in family for each in (other, *children_of(other)) for key in keys_to(each))

    order = protectors_first(going, comes_before)
    return sorted(every, key=lambda each: order.index(_table(each)) if goes(each) else -1)


def goes(work: Plan | Emptied) -> bool:
    """Return whether the rows are deleted, and not anonymised."""
    return isinstance(work, Emptied) or is_deleted(work.declaration)


def _table(work: Plan | Emptied) -> type[Model]:
    return work.model if isinstance(work, Emptied) else work.declaration.model


def with_keys(work: Sequence[Plan | Emptied]) -> list[Plan | Emptied]:
    """Return ``work`` with the keys that become NULL.

    Raises ``AnonymiseError`` if rows that stay, or go later, need some of a table that is to be emptied.
    """
    return [
        replace(each, keys=tuple(_nulled(each, work[:at]))) if isinstance(each, Emptied) else each
        for at, each in enumerate(work)
    ]


def _nulled(table: Emptied, before: Sequence[Plan | Emptied]) -> Iterator[Any]:
    """Yield the keys that become NULL; raise ``AnonymiseError`` for others that have rows."""
    earlier = [each for each in before if each.using == table.using]
    empty = {*table.tables}.union(*(each.tables for each in earlier if isinstance(each, Emptied)))
    keys = [key for each in table.objects for key in keys_to(each) if key.model not in empty]
    for key in keys:
        if not has_table(key.model, table.using):
            continue
        count = _pointing(key, earlier, table.using).count()
        if count and not _sets_null(key):
            raise _needed(table, count, key.model._meta.label, f"by its key {key.name}")
        if count:
            yield key
    _check_generic(table, empty)
    _check_unknown(table, empty.union(key.model for key in keys))


def _pointing(key: Any, earlier: Iterable[Plan | Emptied], using: str) -> QuerySet[Any]:
    """Return the rows that point at something by ``key`` and are not deleted before."""
    rows = all_rows(key.model, using).exclude(**{key.name: None})
    for each in earlier:
        if isinstance(each, Plan) and is_deleted(each.declaration) and each.declaration.model is key.model:
            rows = rows.exclude(pk__in=each.rows().order_by().values("pk"))
    return rows


def _check_generic(table: Emptied, empty: Collection[type[Model]]) -> None:
    for model in table.objects:
        for relation in generic_relations(model):
            if relation.related_model not in empty and has_table(relation.related_model, table.using):
                rows = all_rows(model, table.using).filter(**{f"{relation.name}__pk__isnull": False})
                if count := rows.count():
                    raise _needed(table, count, relation.related_model._meta.label, f"as its {relation.name}")


def _check_unknown(table: Emptied, known: Collection[type[Model]]) -> None:
    for model in table.tables:
        if names := filled_tables_with_keys_to(model, table.using, known):
            raise AnonymiseError(
                f"{table.label}: its table is to be emptied on {table.using}, and of no model is known why the table "
                f"{names[0]} has a foreign key to it, and rows. Nothing was changed. Empty that first, or leave "
                f"{table.label} out with --exclude-model."
            )


def _sets_null(key: Any) -> bool:
    on_delete = key.remote_field.on_delete
    return bool(key.null) and SET_NULL in (on_delete, getattr(on_delete, "action", None))


def _needed(table: Emptied, count: int, label: str, how: str) -> AnonymiseError:
    return AnonymiseError(
        f"{table.label}: its table is to be emptied on {table.using}, and {count} row{pluralize(count)} of {label} "
        f"{pluralize(count, 'needs,need')} its rows ({how}). Nothing was changed. Empty {label} too "
        f"(GDPR_SCRUB_EMPTY), leave {table.label} out with --exclude-model, or give the key on_delete=SET_NULL."
    )
