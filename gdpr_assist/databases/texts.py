"""Every column that may hold a text, of every table that a database has, and the rows that may hold some. Reads only.

Each database has its own list of columns and its own fast way to look through them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import Any

from django.db import connections

# In characters: a column that takes no more holds digests, keys and tokens, and nothing that is encoded in base64.
NARROW = 64

# So many rows are taken from a cursor at once.
ROWS = 1000


@dataclass(frozen=True, kw_only=True)
class Column:
    schema: str
    """Empty where the table is found without."""

    table: str
    name: str
    is_binary: bool
    is_wide: bool
    """Whether what it holds may be encoded."""

    is_plain: bool = True
    """Whether its texts need nothing more: on SQLite, a column for numbers or times takes them too, and on MariaDB one
    may be in another encoding than UTF-8."""


@dataclass(frozen=True, kw_only=True)
class Table:
    using: str
    columns: tuple[Column, ...]

    @property
    def name(self) -> str:
        return ".".join(filter(None, [self.columns[0].schema, self.columns[0].table]))


def are_texts_known(using: str) -> bool:
    """Return whether the columns of this database are known here: of SQLite, PostgreSQL and MariaDB."""
    return connections[using].vendor in COLUMNS


def tables_of_texts(using: str) -> list[Table]:
    """Return the tables that have such columns, whatever made them, as the catalogue has them; none if not known."""
    connection = connections[using]
    columns_of = COLUMNS.get(connection.vendor)
    if columns_of is None:
        return []
    with connection.cursor() as cursor:
        cursor.execute(columns_of)
        columns = [
            Column(schema=schema, table=table, name=name, **dict(zip(KINDS, map(bool, kinds), strict=False)))
            for schema, table, name, *kinds in cursor.fetchall()
        ]
    grouped = groupby(columns, key=attrgetter("schema", "table"))
    return [Table(using=using, columns=tuple(those)) for _, those in grouped]


def rows_that_may_hold(table: Table, patterns: Sequence[str]) -> Iterator[Sequence[Any]]:
    """Yield the texts and bytes of each row that ``LIKE`` finds by one of ``patterns``, in small letters, and of more.

    So is what may be encoded: a wide column with a long run of letters, or bytes as zlib writes them. One pass.
    """
    connection = connections[table.using]
    select = SELECT.get(connection.vendor)
    if select is None:
        return
    sql, parameters = select(connection, table, list(patterns))
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        while rows := cursor.fetchmany(ROWS):
            yield from rows


# -- the columns: schema, table, name, is_binary, is_wide, and is_plain if need be; ordered by table ------

KINDS = ("is_binary", "is_wide", "is_plain")

# A partition is a table. What a view shows is in others, but for one that is materialized.
ON_POSTGRESQL = f"""
SELECT CASE WHEN pg_table_is_visible(c.oid) THEN '' ELSE n.nspname END, c.relname, a.attname,
    COALESCE(NULLIF(t.typbasetype, 0), t.oid) = 'bytea'::regtype,
    a.atttypmod = -1 OR a.atttypmod - 4 > {NARROW}
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
JOIN pg_type t ON t.oid = a.atttypid
WHERE c.relkind IN ('r', 'm') AND c.relispopulated
    AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
    AND t.typcategory IN ('S', 'A', 'U', 'I', 'C') AND t.typname <> 'uuid'
ORDER BY n.nspname, c.relname, a.attnum
"""

ON_MYSQL = f"""
SELECT '', c.table_name, c.column_name, c.data_type REGEXP 'blob|binary',
    COALESCE(c.character_maximum_length > {NARROW}, TRUE), COALESCE(c.character_set_name LIKE 'utf8%', FALSE)
FROM information_schema.columns c JOIN information_schema.tables t
    ON t.table_schema = c.table_schema AND t.table_name = c.table_name
WHERE c.table_schema = DATABASE() AND t.table_type = 'BASE TABLE'
    AND c.data_type REGEXP 'char|text|blob|binary|json|enum|set|inet'
ORDER BY c.table_name, c.ordinal_position
"""

# Whatever its type, a column takes texts.
ON_SQLITE = """
SELECT '', m.name, c.name, 0, 1, NOT EXISTS (
        SELECT 1 FROM (
            SELECT 'INT' AS part UNION SELECT 'REAL' UNION SELECT 'FLOA' UNION SELECT 'DOUB' UNION SELECT 'BOOL'
            UNION SELECT 'DATE' UNION SELECT 'TIME' UNION SELECT 'DEC' UNION SELECT 'NUMERIC'
        ) WHERE instr(upper(c.type), part)
    )
FROM sqlite_master m JOIN pragma_table_info(m.name) c
WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite~_%' ESCAPE '~'
ORDER BY m.name, c.cid
"""

# {vendor: what asks for the columns}
COLUMNS = {"postgresql": ON_POSTGRESQL, "mysql": ON_MYSQL, "sqlite": ON_SQLITE}


# -- the rows ---------------------------------------------------------------------------------------

Select = tuple[str, list[Any]]

# A column of base64 has such a run, and what zlib wrote begins with an x: only Python can look into these.
LETTER = "A-Za-z0-9+/_-"
RUN = f"[{LETTER}]{{24}}"

# The same for MariaDB, which would begin anew at each letter: it goes on to the last within 24 that is none of these,
# as long as there is one, in a third of the time.
RUN_BY_LEAPS = f"(?s)^(?:.{{0,23}}[^{LETTER}])*+{RUN}"

# Letters, digits and dots: so many of a pattern are enough to look for it, and fewer than these are in too many rows.
ENOUGH, LEAST = 6, 5

# The letters as they are in many languages, the most frequent first; anything else is as frequent.
FREQUENT = "etaoinsrhldcumfpgwybvkxjqz"

# On SQLite, a text or bytes where numbers or times are meant, and none of these
MORE = "{name} > '' AND julianday({name}) IS NULL"


def _quoted(connection: Any, *names: str) -> str:
    """Django leaves a mark within a name as it is: its own names have none."""
    mark = connection.ops.quote_name("a")[0]
    return ".".join(mark + name.replace(mark, mark * 2).replace("%", "%%") + mark for name in names if name)


def _from_postgresql(connection: Any, table: Table, patterns: list[str]) -> Select:
    """LIKE takes less than half of the time of a regular expression, and that of runs is cheap without a locale."""
    names = [_quoted(connection, each.name) for each in table.columns]
    of_binary = [name for each, name in zip(table.columns, names, strict=True) if each.is_binary]
    # Bytes that are no letters of ASCII are \303 then.
    texts = [f"encode({name}, 'escape')" if name in of_binary else f"{name}::text" for name in names]
    of_wide = [text for each, text in zip(table.columns, texts, strict=True) if each.is_wide]
    if of_binary:
        patterns = [*patterns, *(_octal(each) for each in patterns if not each.isascii())]
    conditions = [f"lower(concat_ws(' ', {', '.join(texts)}) COLLATE \"default\") LIKE ANY (%s::text[])"]
    if of_wide:
        conditions.append(f"concat_ws(' ', {', '.join(of_wide)}) COLLATE \"C\" ~ '{RUN}'")
    conditions += [f"substr({name}, 1, 1) = 'x'::bytea" for name in of_binary]
    cells = ", ".join(name if name in of_binary else text for name, text in zip(names, texts, strict=True))
    source = _quoted(connection, table.columns[0].schema, table.columns[0].table)
    # Of the conditions themselves it believes that they find all rows, and then only one of its processes looks.
    return f"SELECT {cells} FROM ONLY {source} WHERE CASE WHEN {' OR '.join(conditions)} THEN 1 END = 1", [patterns]


def _octal(pattern: str) -> str:
    return "".join(each if each.isascii() else "".join(f"_{byte:o}" for byte in each.encode()) for each in pattern)


def _from_mysql(connection: Any, table: Table, patterns: list[str]) -> Select:
    """It joins the columns anew for each LIKE: one regular expression says first which rows are worth that.

    All is faster for bytes, which also have no collations that do not go together.
    """
    names = [_quoted(connection, each.name) for each in table.columns]
    of_binary = [name for each, name in zip(table.columns, names, strict=True) if each.is_binary]
    # Bytes that are no text become question marks.
    texts = [
        name if each.is_plain else f"CONVERT({name} USING utf8mb4)"
        for each, name in zip(table.columns, names, strict=True)
    ]
    of_wide = [text for each, text in zip(table.columns, texts, strict=True) if each.is_wide]
    row = f"CONCAT_WS(' ', {', '.join(texts)})"
    small = f"CAST(LOWER(CONVERT({row} USING utf8mb4)) AS BINARY)"
    parts = "|".join(dict.fromkeys(map(_part, patterns)))
    some = f"CAST({row} AS BINARY)" if parts.isascii() else f"CONVERT({row} USING utf8mb4)"
    # It is NULL where it would be longer than max_allowed_packet.
    likes = f"({some} REGEXP %s) IS NOT FALSE AND ({' OR '.join([f'{small} LIKE %s'] * len(patterns))}) IS NOT FALSE"
    conditions = [likes, *(f"LEFT({name}, 1) = 'x'" for name in of_binary)]
    if of_wide:
        conditions.append(f"CAST(CONCAT_WS(' ', {', '.join(of_wide)}) AS BINARY) REGEXP '{RUN_BY_LEAPS}'")
    source = _quoted(connection, table.columns[0].table)
    return f"SELECT {', '.join(names)} FROM {source} WHERE {' OR '.join(conditions)}", [f"(?i){parts}", *patterns]


def _part(pattern: str) -> str:
    """Return what a row has that the pattern finds, as an expression: its first part of some length, or its longest.

    Hosts, which are in many rows, are the last part. It begins with a rare letter, as the database stops at each of
    these: that takes a half of the time.
    """
    parts = re.split("[%_]+", pattern)
    part = next((part for part in parts if len(part) >= ENOUGH), max(parts, key=len))
    starts = range(max(len(part) - LEAST, 0) + 1)
    return re.escape(part[max(starts, key=lambda at: FREQUENT.find(part[at : at + 1])) :])


def _from_sqlite(connection: Any, table: Table, patterns: list[str]) -> Select:
    """All rows: it runs in this process, and whoever decides is as quick as LIKE."""
    source = _quoted(connection, table.columns[0].table)
    names = [_quoted(connection, each.name) for each in table.columns]
    more = {name: MORE.format(name=name) for name in names}
    others = [more[name] for each, name in zip(table.columns, names, strict=True) if not each.is_plain]
    cells = [
        name if each.is_plain else f"CASE WHEN {more[name]} THEN {name} END"
        for each, name in zip(table.columns, names, strict=True)
    ]
    where = "" if len(others) < len(names) else f" WHERE {' OR '.join(others)}"
    return f"SELECT {', '.join(cells)} FROM {source}{where}", []


# {vendor: function that makes the statement}
SELECT: dict[str, Callable[[Any, Table, list[str]], Select]] = {
    "postgresql": _from_postgresql,
    "mysql": _from_mysql,
    "sqlite": _from_sqlite,
}
