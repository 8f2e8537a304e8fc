"""How a table loses all its rows, and which others have a key to it in the database. Builds statements."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

from django.db import connections
from django.db.models import Model

# {vendor: the names, as SQL has them, of other tables that have a foreign key to %(table)s}; on PostgreSQL, where
# schemas may share a name, without those that are %(known)s
POINTING: dict[str, str] = {
    "sqlite": """
SELECT DISTINCT '"' || m.name || '"' FROM sqlite_master AS m, pragma_foreign_key_list(m.name) AS k
WHERE m.type = 'table' AND lower(k."table") = lower(%(table)s) AND lower(m.name) <> lower(%(table)s)
""",
    "postgresql": """
SELECT DISTINCT conrelid::regclass::text FROM pg_constraint
WHERE contype = 'f' AND confrelid = %(quoted)s::regclass AND conrelid <> confrelid
AND NOT EXISTS (SELECT FROM unnest(%(known)s::text[]) AS name WHERE to_regclass(name) = conrelid)
""",
    "mysql": """
SELECT DISTINCT CONCAT('`', table_name, '`') FROM information_schema.key_column_usage
WHERE referenced_table_schema = DATABASE() AND table_schema = DATABASE()
AND referenced_table_name = %(table)s AND table_name <> %(table)s
""",
}

# Whether TRUNCATE takes what DELETE would: no key of another table, no policy that hides rows, nothing that hears of
# a DELETE, no partitions or heirs
MAY_TRUNCATE = """
SELECT relkind = 'r' AND NOT relrowsecurity AND has_table_privilege(oid, 'TRUNCATE')
AND NOT EXISTS (SELECT FROM pg_constraint WHERE contype = 'f' AND confrelid = c.oid AND conrelid <> c.oid)
AND NOT EXISTS (SELECT FROM pg_trigger WHERE tgrelid = c.oid AND NOT tgisinternal AND tgenabled <> 'D')
AND NOT EXISTS (SELECT FROM pg_rewrite WHERE ev_class = c.oid)
AND NOT EXISTS (SELECT FROM pg_inherits WHERE inhparent = c.oid)
FROM pg_class AS c WHERE oid = %(quoted)s::regclass
"""


# Databases that look at each row by itself when rows of one table that point at one another go
ROW_BY_ROW = {"mysql"}


def filled_tables_with_keys_to(model: type[Model], using: str, known: Collection[type[Model]] = ()) -> list[str]:
    """Return the names of tables with rows that have a foreign key to that of ``model``, without ``known`` ones."""
    connection = connections[using]
    statement = POINTING.get(connection.vendor)
    if statement is None:
        return []
    quoted = [connection.ops.quote_name(each._meta.db_table) for each in known]
    known_too = {"known": quoted} if "%(known)s" in statement else {}
    with connection.cursor() as cursor:
        cursor.execute(statement, {**_names(model, connection), **known_too})
        found = {name for (name,) in cursor.fetchall()}
        return sorted(name.strip('"`') for name in found - set(quoted) if _has_rows(name, cursor))


def _has_rows(name: str, cursor: Any) -> bool:
    cursor.execute(f"SELECT EXISTS (SELECT 1 FROM {name})")
    return bool(cursor.fetchone()[0])


def _names(model: type[Model], connection: Any) -> dict[str, str]:
    table = model._meta.db_table
    return {"table": table, "quoted": connection.ops.quote_name(table)}


def emptying(model: type[Model], using: str) -> str:
    """Return the statement that takes every row of the table of ``model``, and no row of another.

    Not TRUNCATE on MariaDB, which commits; and not where PostgreSQL would take others with it, or the role may not.
    """
    connection = connections[using]
    may_truncate = TRUNCATE.get(connection.vendor, _never)
    verb = "TRUNCATE TABLE ONLY" if may_truncate(model, connection) else "DELETE FROM"
    return f"{verb} {connection.ops.quote_name(model._meta.db_table)}"


def _never(model: type[Model], connection: Any) -> bool:
    return False


def _as_postgresql(model: type[Model], connection: Any) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(MAY_TRUNCATE, _names(model, connection))
        return bool(cursor.fetchone()[0])


# {vendor: function that says whether TRUNCATE takes what DELETE would}
TRUNCATE: dict[str, Callable[[type[Model], Any], bool]] = {"postgresql": _as_postgresql}


@contextmanager
def keys_to_itself_unchecked(model: type[Model], using: str) -> Iterator[None]:
    """Let rows of one table that point at one another go in any order.

    For a table of which it is known that no row of another points at it.
    """
    connection = connections[using]
    keys = (field for field in model._meta.concrete_fields if field.is_relation and field.related_model is model)
    is_checked = connection.vendor in ROW_BY_ROW and any(keys)
    with connection.constraint_checks_disabled() if is_checked else nullcontext():
        yield
