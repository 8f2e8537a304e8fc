"""What the app needs of Django that Django does not document; nothing else uses it. The same on 4.2, 5.2, 6.0 and 6.1.

A new version of Django is looked at here first. What depends on a vendor, as the ``features`` of a connection,
is used in ``databases``; plain attributes of ``_meta``, as ``label`` and ``concrete_fields``, are used everywhere.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from django.db import connections
from django.db.models import Field, Manager, Model, QuerySet
from django.db.models.deletion import Collector, ProtectedError, RestrictedError
from django.db.models.expressions import Col
from django.db.models.manager import ManagerDescriptor
from django.db.models.options import Options
from django.db.models.sql import UpdateQuery
from django.dispatch import Signal
from django.utils.module_loading import import_string

if TYPE_CHECKING:  # a models.py may not load the admin
    from django.contrib.admin import AdminSite, ModelAdmin

Rows = TypeVar("Rows", bound=QuerySet[Any])

# -- models ---


def multi_table_parents(model: type[Model]) -> list[type[Model]]:
    """Return the multi-table parents of ``model``, those of its parents too."""
    return list(model._meta.get_parent_list())


def links_to_parents(model: type[Model]) -> dict[type[Model], Any]:
    """Return {direct multi-table parent of ``model``: the field that leads to it}; nothing for a proxy."""
    return {parent: link for parent, link in model._meta.parents.items() if link is not None}


def link_to(model: type[Model], parent: type[Model]) -> Any:
    """Return the field of ``model`` that leads to its row in the table of a multi-table parent, near or far."""
    return model._meta.get_ancestor_link(parent)


def generic_fields(model: type[Model]) -> list[Any]:
    """Return the fields of ``model`` that stand for others of it: generic keys and relations, and a project's own."""
    return list(model._meta.private_fields)


def through_keys(field: Any) -> tuple[str, str]:
    """Return the names of the two keys in the table of a many-to-many field: to its own model, and to the other."""
    return field.m2m_field_name(), field.m2m_reverse_field_name()


def end_of_lookup(rows: QuerySet[Any], parts: list[str]) -> tuple[Any, list[str]]:
    """Return the field that a lookup, in parts, leads to, and the parts that are left: its transforms and its name."""
    _path, field, _targets, rest = rows.query.names_to_path(parts, rows.model._meta)
    return field, list(rest)


def largest_key(field: Field[Any, Any], using: str) -> int | None:
    """Return the largest number that the column of an integer field holds; None if there is no such limit."""
    return connections[using].ops.integer_field_range(field.get_internal_type())[1]


def all_choices(field: Any) -> list[tuple[Any, Any]]:
    """Return (value, name) of each choice of a field, in groups or not.

    A field of a project's own may have a list of them as its value, and say that it has none.
    """
    return list(field.flatchoices or ())


def related_objects(instance: Model) -> dict[str, Any]:
    """Return the objects that foreign keys of ``instance`` were read as, by name of the key."""
    return dict(instance._state.fields_cache)


def set_related_objects(instance: Model, related: dict[str, Any]) -> None:
    instance._state.fields_cache = related


# The attribute of an object that refresh_from_db() empties, whatever it reads anew
FORGOTTEN_ON_REFRESH = "_prefetched_objects_cache"


# -- managers ---


def set_managers(options: Options[Any], managers: list[Any]) -> None:
    """Make ``managers`` those of a model, in this order."""
    options.local_managers = managers
    options._expire_cache()  # type: ignore[attr-defined]


def all_managers(model: type[Model]) -> list[Any]:
    """Return the managers of ``model``, its bases' too, in the order that says which is the default."""
    return list(model._meta.managers)


def own_managers(options: Options[Any]) -> list[Any]:
    """Return the managers that were made for the model itself, and for no base of it."""
    return options.local_managers


def renumber(manager: Any) -> None:
    """Let ``manager`` count as made later than all others."""
    manager._set_creation_counter()


def arguments(manager: Manager[Any]) -> Any:
    """Return what ``manager`` was made with."""
    return manager._constructor_args  # type: ignore[attr-defined]


def as_attribute(manager: Any) -> Any:
    """Return what a model's class holds for ``manager``."""
    return ManagerDescriptor(manager)


# The attribute in which a descriptor of a relation keeps the class of its managers
MANAGERS_OF_RELATION = "related_manager_cls"


# -- querysets ---


def alias_and_hints(rows: QuerySet[Any]) -> tuple[str | None, dict[str, Any]]:
    """Return the alias that ``rows`` are bound to, None if to none, and what a router is told."""
    return rows._db, rows._hints  # type: ignore[attr-defined]


def is_sliced(rows: QuerySet[Any]) -> bool:
    return bool(rows.query.is_sliced)


def is_combined(rows: QuerySet[Any]) -> bool:
    """Whether it is a union, an intersection or a difference."""
    return bool(rows.query.combinator)


def is_distinct_on(rows: QuerySet[Any]) -> bool:
    return bool(rows.query.distinct_fields)


def gives_values(rows: QuerySet[Any]) -> bool:
    """Whether it gives values() or values_list(), and no objects."""
    return rows._fields is not None  # type: ignore[attr-defined]


def copied(kind: type[Rows], rows: QuerySet[Any], using: str) -> Rows:
    """Return the same rows, read by another class of querysets."""
    return kind(model=rows.model, query=rows.query.chain(), using=using)


def load_all_columns(rows: QuerySet[Any]) -> None:
    """Take off what ``only()`` and ``defer()`` have said."""
    rows.query.clear_deferred_loading()


def is_joined(rows: QuerySet[Any]) -> bool:
    """Whether the rows are read from more than one table."""
    return sum(map(bool, rows.query.alias_refcount.values())) > 1


def has_conditions(rows: QuerySet[Any]) -> bool:
    return bool(rows.query.where)


def first_condition(rows: QuerySet[Any]) -> Any:
    """Return the first of the conditions, a lookup with ``lhs`` and ``rhs``."""
    return rows.query.where.children[0]


def only_own_columns(rows: QuerySet[Any]) -> Iterator[Any]:
    """Yield, for each condition, what a column of the rows' own table is compared with; None for another condition."""
    table = rows.query.get_initial_alias()
    for leaf in rows.query.where.leaves():
        is_own = type(getattr(leaf, "lhs", None)) is Col and leaf.lhs.alias == table
        yield leaf.rhs if is_own else None


def take_conditions(rows: QuerySet[Any], others: QuerySet[Any]) -> None:
    """Give ``rows`` the conditions of ``others``, which are of the same table alone."""
    rows.query.get_initial_alias()
    rows.query.where = others.query.where


def compiled(rows: QuerySet[Any], using: str) -> tuple[str, Any]:
    """Return the SQL of ``rows`` and its parameters. Raises what Django raises for conditions that it cannot write."""
    sql, parameters = rows.query.get_compiler(using).as_sql()
    return sql, parameters


def assigned(rows: QuerySet[Any], name: str, value: Any, using: str) -> tuple[str, Sequence[Any]]:
    """Return the SQL that an ``update()`` of the column ``name`` would assign, with its parameters.

    ``rows`` are all rows of a table. Raises what Django raises for a value that the field cannot hold.
    """
    query: Any = rows.query.chain(UpdateQuery)
    query.add_update_values({name: value})
    sql, parameters = query.get_compiler(using).as_sql()
    quote, meta = connections[using].ops.quote_name, query.get_meta()
    start = f"UPDATE {quote(meta.db_table)} SET {quote(meta.get_field(name).column)} = "
    return sql.removeprefix(start), parameters


def condition_of(rows: QuerySet[Any], using: str) -> tuple[str, Sequence[Any]]:
    """Return the SQL of the conditions of ``rows``, which are read from one table, with its parameters."""
    query = rows.query.chain()
    sql, parameters = query.where.as_sql(query.get_compiler(using), connections[using])
    return sql, parameters


# -- deletions ---


def collected(rows: Any, using: str, *, origin: Any, keep_parents: bool = False) -> Collector:
    """Return Django's plan to delete ``rows``, with all that goes with them; its ``delete()`` does it.

    ``origin`` is what signals are told that ``delete()`` was called on. Raises what Django raises for rows that are
    protected.
    """
    collector = Collector(using=using, origin=origin)
    collector.collect(rows, keep_parents=keep_parents)
    return collector


def collected_as_far(rows: QuerySet[Any]) -> tuple[Collector, set[Model]]:
    """Return the same, as far as Django comes, and the objects that protect what would go; it is not to be run."""
    collector = Collector(using=rows.db, origin=rows)
    try:
        collector.collect(rows)
    except ProtectedError as error:
        return collector, set(error.protected_objects)
    except RestrictedError as error:
        return collector, set(error.restricted_objects)
    return collector, set()


def delete_unheard(rows: QuerySet[Any]) -> None:
    """Delete ``rows`` by one statement, of which no signal tells; nothing else goes with them."""
    rows._raw_delete(rows.db)


def objects_of(collector: Collector) -> dict[type[Model], Any]:
    """Return {model: the objects of it that go}, without those that go unread, as nobody hears of them."""
    return dict(collector.data)


def unread_of(collector: Collector) -> list[Any]:
    """Return querysets of the rows that go unread."""
    return list(collector.fast_deletes)


def updates_of(collector: Collector) -> list[Any]:
    """Return the rows, as lists or querysets, that stay and get another value in a key."""
    return [rows for updates in collector.field_updates.values() for rows in updates]


def is_collector(value: Any) -> bool:
    return isinstance(value, Collector)


# -- migrations: their modules are loaded at the first call, as a site's start needs none of them ---


def migrations_on_disk() -> dict[tuple[str, str], Any]:
    """Return {(app label, name): migration}. Asks no database. Raises what the import of a migration raises."""
    loader = _loader()
    loader.load_disk()
    return dict(loader.disk_migrations)


def migrations_before(key: tuple[str, str]) -> list[Any]:
    """Return the migrations that are applied before that of ``key``, the first of all at the start.

    Asks no database. Raises NodeNotFoundError and CircularDependencyError for a graph that is wrong.
    """
    graph = _loader(load=True).graph
    return [graph.nodes[each] for each in graph.forwards_plan(key)[:-1]]


def _loader(*, load: bool = False) -> Any:
    loader = import_string("django.db.migrations.loader.MigrationLoader")
    return loader(None, load=load, ignore_no_migrations=True)


def pending_migrations(using: str, app_label: str | None) -> list[str]:
    """Return the migrations, as app_label.name, that are to apply on ``using``: those of an app, None for all."""
    executor = import_string("django.db.migrations.executor.MigrationExecutor")(connections[using])
    targets = [node for node in executor.loader.graph.leaf_nodes() if app_label in (None, node[0])]
    return [f"{each.app_label}.{each.name}" for each, _ in executor.migration_plan(targets)]


# -- the admin, transactions and signals ---


def admin_of(site: AdminSite, model: type[Model]) -> ModelAdmin[Any] | None:
    """Return the admin of ``model`` on this site; ``get_model_admin`` is in Django from 5.0 on only, and raises."""
    return site._registry.get(model)


def admin_sites() -> list[AdminSite]:
    """Return all sites of the admin that there are, by name."""
    return sorted(import_string("django.contrib.admin.sites.all_sites"), key=lambda site: site.name)


def innermost_block(using: str) -> Any:
    """Return the innermost atomic() that is open, None if none is."""
    blocks = connections[using].atomic_blocks
    return blocks[-1] if blocks else None


def is_after_commit(error: Exception) -> bool:
    """Whether it was raised by what was to be called after a COMMIT, which it has not undone."""
    frames = traceback.walk_tb(error.__traceback__)
    return any(frame.f_code.co_name == "run_and_clear_commit_hooks" for frame, _line in frames)


def is_of_testcase(using: str) -> bool:
    """Whether the innermost atomic() that is open is that of a TestCase."""
    return bool(getattr(innermost_block(using), "_from_testcase", False))


def live_receivers(signal: Signal, sender: type) -> list[Any]:
    """Return the receivers that hear of ``sender``; of ``object`` those that were connected without one."""
    live: Any = signal._live_receivers(sender)
    # From Django 5.0 on: those of synchronous code, and those of asynchronous code.
    return [*live[0], *live[1]] if isinstance(live, tuple) else live
