"""SQL for many rows that the ORM has no words for, or is slow to put together. Builds statements and runs none."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import DatabaseError, DataError, IntegrityError, OperationalError, connections
from django.db.models import Field, Model, QuerySet
from django.db.models.constants import OnConflict
from django.db.models.expressions import RawSQL

from ..undocumented import compiled
from .columns import has_sql_of_its_own
from .rows import chunks

# Longer lists of VALUES are no faster: measured with 1,000, 5,000 and 10,000 parameters on PostgreSQL and MariaDB. So
# many are 2,000 events.
PARAMETERS_PER_STATEMENT = 12_000

Row = Sequence[Any]


@dataclass(frozen=True)
class Statement:
    """One statement, or one that is run for each of many rows. Its parameters are values, and are not printed."""

    sql: str
    parameters: Sequence[Any] = field(repr=False)
    many: bool = False

    def run(self, cursor: Any) -> int:
        """Run it; return how many rows it has written."""
        (cursor.executemany if self.many else cursor.execute)(self.sql, self.parameters)
        written: int = cursor.rowcount
        return written


def insert_select(
    fields: Sequence[Field[Any, Any]], rows: QuerySet[Any], using: str, *, skips_existing: bool = False
) -> Statement:
    """``INSERT ... SELECT`` of ``rows``, a ``values_list`` in the order of ``fields``.

    A row that is there is refused, or skipped and stays.
    """
    connection = connections[using]
    on_conflict = OnConflict.IGNORE if skips_existing else None
    select, parameters = compiled(rows, using)
    insert = connection.ops.insert_statement(on_conflict=on_conflict)
    suffix = connection.ops.on_conflict_suffix_sql(fields, on_conflict, [], [])
    return Statement(f"{insert} {_table(fields, connection)} {select} {suffix}".rstrip(), parameters)


def insert_values(fields: Sequence[Field[Any, Any]], rows: Sequence[Row], using: str) -> Iterator[Statement]:
    """``INSERT`` statements of ``rows``, each the values of ``fields`` as the database takes them."""
    connection = connections[using]
    insert = f"{connection.ops.insert_statement()} {_table(fields, connection)} VALUES "
    make: Callable[..., Iterator[Statement]] = INSERT.get(connection.vendor, _in_lists)
    return make(connection, insert, rows)


def write_back(
    model: type[Model],
    fields: Sequence[Field[Any, Any]],
    rows: Sequence[Row],
    using: str,
    types: Mapping[str, str] | None = None,
) -> Iterator[Statement] | None:
    """``UPDATE`` statements that write to each row, found by its primary key, values of its own.

    ``fields`` are columns of the table of ``model``, and ``rows`` the key and then the values, as the database takes
    them. ``types`` are those of the columns, where the database names them: a column may be an enum behind a
    ``CharField``. None for a database that is not known here, and a field with SQL of its own around its values:
    ``bulk_update`` serves every one, at a tenth of the speed.
    """
    connection = connections[using]
    columns = [model._meta.pk, *fields]
    update = UPDATE.get(connection.vendor)
    if update is None or any(map(has_sql_of_its_own, columns)):
        return None
    return update(connection, model, columns, rows, types or {})


def among(stored: Collection[Any]) -> RawSQL:
    """Return what the lookup ``__in`` takes for many values as the database has them.

    Given the values themselves, Django takes longer to prepare them than the database to find the rows.
    """
    return RawSQL(", ".join(["%s"] * len(stored)), list(stored))


def among_many(stored: Collection[Any], using: str) -> Any:
    """Return what the lookup ``__in`` takes for values, as the database has them, that are too many for parameters.

    Whole numbers stand in the statement itself; texts are one parameter where the database has an end to their number.
    """
    if all(type(each) is int for each in stored):
        return RawSQL(", ".join(map(str, stored)), [])
    sql = ONE_PARAMETER.get(connections[using].vendor)
    if sql and all(type(each) is str for each in stored):
        return RawSQL(sql, [json.dumps(list(stored))])
    return among(stored)


# {vendor: SQL for the texts of one parameter}, where the number of parameters has an end
ONE_PARAMETER = {"sqlite": "SELECT value FROM json_each(%s)"}


def _in_lists(connection: Any, insert: str, rows: Sequence[Row]) -> Iterator[Statement]:
    for chunk in _chunks(rows, connection):
        yield Statement(insert + _places(chunk), [value for row in chunk for value in row])


def _row_by_row(connection: Any, insert: str, rows: Sequence[Row]) -> Iterator[Statement]:
    yield Statement(insert + _places(rows[:1]), rows, many=True)


# {vendor: function that makes the statements}, where lists would be short, and there is no network in between
INSERT: dict[str, Callable[..., Iterator[Statement]]] = {"sqlite": _row_by_row}


def _as_sqlite(
    connection: Any, model: type[Model], fields: Sequence[Any], rows: Sequence[Row], types: Mapping[str, str]
) -> Iterator[Statement]:
    """``UPDATE ... FROM`` came with 3.33 only, and is no faster."""
    key, *columns = [connection.ops.quote_name(field.column) for field in fields]
    values = ", ".join(f"{column} = %s" for column in columns)
    table = connection.ops.quote_name(model._meta.db_table)
    yield Statement(
        f"UPDATE {table} SET {values} WHERE {key} = %s", [(*values, key) for key, *values in rows], many=True
    )


def _as_postgresql(
    connection: Any, model: type[Model], fields: Sequence[Any], rows: Sequence[Row], types: Mapping[str, str]
) -> Iterator[Statement]:
    names = [f"v{number}" for number, _ in enumerate(fields)]
    # A parameter is a text, a NULL too, unless its type is said.
    key, *values = [
        f"gdpr_given.{name}::{types.get(field.column) or _cast_type(field, connection)}"
        for name, field in zip(names, fields, strict=True)
    ]
    key_column, *columns = [connection.ops.quote_name(field.column) for field in fields]
    table = connection.ops.quote_name(model._meta.db_table)
    changes = ", ".join(f"{column} = {value}" for column, value in zip(columns, values, strict=True))
    for chunk in _chunks(rows, connection):
        yield Statement(
            f"UPDATE {table} SET {changes} FROM (VALUES {_places(chunk)}) AS gdpr_given ({', '.join(names)}) "
            f"WHERE {table}.{key_column} = {key}",
            [value for row in chunk for value in row],
        )


def _cast_type(field: Any, connection: Any) -> str:
    """Without its length: a cast to ``varchar(5)`` would cut in silence what the column itself refuses."""
    return re.sub(r"\bvarchar\(\d+\)", "varchar", field.cast_db_type(connection))


def _as_mysql(
    connection: Any, model: type[Model], fields: Sequence[Any], rows: Sequence[Row], types: Mapping[str, str]
) -> Iterator[Statement]:
    names = [f"v{number}" for number, _ in enumerate(fields)]
    table = connection.ops.quote_name(model._meta.db_table)
    key, *columns = [f"{table}.{connection.ops.quote_name(field.column)}" for field in fields]
    changes = ", ".join(f"{column} = gdpr_given.{name}" for column, name in zip(columns, names[1:], strict=True))
    # Bytes are taken for a text of the connection's character set unless they are said to be none.
    binary = [field.get_internal_type() == "BinaryField" for field in fields]

    def select(row: Row) -> str:
        places = [
            "_binary %s" if is_binary and value is not None else "%s"
            for value, is_binary in zip(row, binary, strict=True)
        ]
        return "SELECT " + ", ".join(f"{place} AS {name}" for place, name in zip(places, names, strict=True))

    for chunk in _chunks(rows, connection):
        yield Statement(
            f"UPDATE {table} JOIN ({' UNION ALL '.join(map(select, chunk))}) AS gdpr_given ON {key} = gdpr_given.v0 "
            f"SET {changes}",
            [value for row in chunk for value in row],
        )


# {vendor: function that makes the statements}
UPDATE: dict[str, Callable[..., Iterator[Statement]]] = {
    "sqlite": _as_sqlite,
    "postgresql": _as_postgresql,
    "mysql": _as_mysql,
}


# {vendor: codes of an OperationalError that refuses a value}: cut, of another type, or of another character set
REFUSALS = {"mysql": {1265, 1292, 1366, 1411}}


def refuses_value(error: DatabaseError, using: str) -> bool:
    """Whether it is a value that the database refuses: then the text of ``error`` may hold the value."""
    if isinstance(error, OperationalError):  # else of a lock or the connection
        return error.args[0] in REFUSALS.get(connections[using].vendor, ())
    return isinstance(error, (IntegrityError, DataError))


def _table(fields: Sequence[Field[Any, Any]], connection: Any) -> str:
    columns = ", ".join(connection.ops.quote_name(field.column) for field in fields)
    return f"{connection.ops.quote_name(fields[0].model._meta.db_table)} ({columns})"


def _chunks(rows: Sequence[Row], connection: Any) -> Iterator[list[Row]]:
    most = connection.features.max_query_params or PARAMETERS_PER_STATEMENT
    return chunks(rows, max(1, min(most, PARAMETERS_PER_STATEMENT) // len(rows[0])))


def _places(rows: Sequence[Row]) -> str:
    row = f"({', '.join(['%s'] * len(rows[0]))})"
    return ", ".join([row] * len(rows))
