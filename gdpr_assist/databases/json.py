"""What replaces values within a JSON column, for the databases that can do it by themselves; knows no declaration."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import permutations
from typing import Any, ClassVar, NamedTuple

# SQL and its parameters
Sql = tuple[str, tuple[Any, ...]]

# Names of members, numbers of items, None for every item of an array
Steps = tuple[Any, ...]

# (where it stands, the JSON text that takes its place: None for what is empty of the same type). No two meet.
Target = tuple[Steps, str | None]

# The first with the operator ->, which gives a value as it is written
OLDEST_SQLITE = (3, 38)


def why_not(connection: Any, targets: Iterable[Target]) -> str:
    """Return why the database cannot replace what stands at ``targets``; empty if it can."""
    dialect, paths = _dialect(connection), [steps for steps, _ in targets]
    if not dialect.is_on(connection):
        return "not by this database"
    # A JSON text may hold such a name escaped, and not every version finds it then.
    if any(isinstance(step, str) and not step.isascii() for steps in paths for step in steps):
        return "a name is not in ASCII letters"
    return dialect.why_not(paths)


def replaced(connection: Any, column: str, targets: Iterable[Target]) -> Sql:
    """Return SQL for the value of ``column`` with what stands at ``targets`` replaced."""
    return _dialect(connection).replaced(column, list(targets), 1)


def holds_replaced(connection: Any, column: str, targets: Iterable[Target]) -> Sql:
    """Return SQL for whether nothing stands at ``targets`` that would be replaced."""
    dialect = _dialect(connection)
    sql, parameters = dialect.replaced(column, list(targets), 1)
    return dialect.same.format(column, sql), parameters


def _dialect(connection: Any) -> Dialect:
    return DIALECTS.get(connection.vendor, Dialect())


class Edit(NamedTuple):
    """A new value, and where it is put."""

    steps: Steps
    sql: str
    parameters: tuple[Any, ...]
    of_items: bool = False
    """Whether it is made of the items of what stands there, if that is an array."""


class Dialect:
    """SQL over one JSON value, that of a column or of an item. It is named by the SQL, never nested in it twice."""

    same: ClassVar[str]
    """Whether two values are one."""

    put_in: ClassVar[str]
    """The function that gives a value with others put in where something stands, and nothing added."""

    def is_on(self, connection: Any) -> bool:
        """Return whether the database has the functions; one that nobody thought of has not."""
        return False

    def why_not(self, paths: Sequence[Steps]) -> str:
        """Return why it is beyond this database; empty if it is not."""
        return ""

    def replaced(self, value: str, targets: Sequence[Target], depth: int) -> Sql:
        """Return ``value`` with what stands at ``targets`` replaced. ``depth`` makes the names of items."""
        edits: list[Edit] = []
        items: dict[Steps, list[Target]] = defaultdict(list)
        for steps, new in targets:
            if not steps:
                return self.leaf(value, (), new)
            if None in steps:
                at = steps.index(None)
                items[steps[:at]].append((steps[at + 1 :], new))
            else:
                edits.append(Edit(steps, *self.leaf(value, steps, new)))
        for steps, rest in items.items():
            edits.append(Edit(steps, *self.each(value, steps, rest, depth), of_items=True))
        # What is within an array that was made anew is put into that.
        return self.put(value, sorted(edits, key=lambda edit: len(edit.steps)))

    def leaf(self, value: str, steps: Steps, new: str | None) -> Sql:
        """Return what takes the place of what stands at ``steps``, if something does."""
        raise NotImplementedError

    def each(self, value: str, steps: Steps, targets: Sequence[Target], depth: int) -> Sql:
        """Return the array that stands at ``steps``, if one does, with each item replaced."""
        raise NotImplementedError

    def put(self, value: str, edits: Sequence[Edit]) -> Sql:
        """Return ``value`` with the new values where something stands by now, and nothing added."""
        parameters = (each for edit in edits for each in (_path(edit.steps), *edit.parameters))
        return f"{self.put_in}({value}{''.join(f', %s, {edit.sql}' for edit in edits)})", tuple(parameters)


def _path(steps: Steps) -> str:
    """Return a path as SQLite and MariaDB spell it."""
    return "$" + "".join(f"[{step}]" if isinstance(step, int) else f'."{step}"' for step in steps)


class SQLite(Dialect):
    same = "json({}) = {}"
    put_in = "json_replace"

    def is_on(self, connection: Any) -> bool:
        return bool(connection.Database.sqlite_version_info >= OLDEST_SQLITE)

    def why_not(self, paths: Sequence[Steps]) -> str:
        """Its parser has a small stack, and what it has put in anew it does not look into in the same call."""
        if any(steps.count(None) > 1 for steps in paths):
            return "[*] within [*] is too deep for this database"
        edits = {steps[: steps.index(None)] if None in steps else steps for steps in paths}
        if any(one != other and other[: len(one)] == one for one in edits for other in edits):
            return "[*] and another path into the same array are beyond this database"
        return ""

    def leaf(self, value: str, steps: Steps, new: str | None) -> Sql:
        path = _path(steps)
        if new is not None:
            return f"json(CASE json_type({value}, %s) WHEN 'null' THEN 'null' ELSE %s END)", (path, new)
        empty = "WHEN 'text' THEN '\"\"' WHEN 'object' THEN '{}' WHEN 'array' THEN '[]' ELSE 'null'"
        return f"json(CASE json_type({value}, %s) {empty} END)", (path,)

    def each(self, value: str, steps: Steps, targets: Sequence[Target], depth: int) -> Sql:
        path, item = _path(steps), f"gdpr_item{depth}"
        sql, parameters = self.replaced(f"{item}.value", targets, depth + 1)
        items = f"SELECT {value} -> (%s || '[' || key || ']') AS value FROM json_each({value}, %s) ORDER BY key"
        array = f"SELECT json_group_array(json({sql})) FROM ({items}) {item}"
        return (
            f"json(CASE json_type({value}, %s) WHEN 'array' THEN ({array}) ELSE {value} -> %s END)",
            (path, *parameters, path, path, path),
        )


# So many items are longer than the longest text of MariaDB.
NOWHERE = f"$[{2**31 - 1}]"


class MariaDB(Dialect):
    same = "JSON_COMPACT({}) = JSON_COMPACT({})"
    put_in = "JSON_REPLACE"

    def is_on(self, connection: Any) -> bool:
        return bool(connection.mysql_is_mariadb)

    def why_not(self, paths: Sequence[Steps]) -> str:
        """Its JSON_ARRAYAGG cuts what is long, without a word."""
        return "[*] is beyond this database" if any(None in steps for steps in paths) else ""

    def leaf(self, value: str, steps: Steps, new: str | None) -> Sql:
        path = _path(steps)
        kinds = "WHEN 'STRING' THEN '\"\"' WHEN 'OBJECT' THEN '{}' WHEN 'ARRAY' THEN '[]' ELSE 'null'"
        if new is not None:
            kinds = "WHEN 'NULL' THEN 'null' ELSE %s"
        sql = f"CASE JSON_TYPE(JSON_EXTRACT({value}, %s)) {kinds} END"
        return f"JSON_COMPACT({sql})", (path, *([] if new is None else [new]))

    def put(self, value: str, edits: Sequence[Edit]) -> Sql:
        """To this database ``[0]`` of what is no array is that itself: such a path leads nowhere instead."""
        sql, parameters = "", ()
        for edit in edits:
            arrays = [_path(edit.steps[:at]) for at, step in enumerate(edit.steps) if isinstance(step, int)]
            guard = " AND ".join([f"JSON_TYPE(JSON_EXTRACT({value}, %s)) = 'ARRAY'"] * len(arrays))
            path = f"CASE WHEN {guard} THEN %s ELSE '{NOWHERE}' END" if arrays else "%s"
            sql = f"{sql}, {path}, {edit.sql}"
            parameters = (*parameters, *arrays, _path(edit.steps), *edit.parameters)
        return f"{self.put_in}({value}{sql})", parameters


class PostgreSQL(Dialect):
    same = "{} = {}"

    def is_on(self, connection: Any) -> bool:
        return True

    def why_not(self, paths: Sequence[Steps]) -> str:
        """Items are made of those that stood there: items within items made anew would be the old ones again."""
        within: dict[Steps, list[Steps]] = defaultdict(list)
        for steps in paths:
            if None in steps:
                at = steps.index(None)
                within[steps[:at]].append(steps[at + 1 :])
        pairs = ((one, other) for one, other in permutations(within, 2) if other[: len(one)] == one)
        if any(isinstance(other[len(one)], int) for one, other in pairs):
            return "[*] within an array that another [*] goes through is beyond this database"
        return next(filter(None, map(self.why_not, within.values())), "")

    def leaf(self, value: str, steps: Steps, new: str | None) -> Sql:
        there, parameters = self._at(value, steps)
        if new is not None:
            kinds = "WHEN 'null' THEN 'null'::jsonb ELSE %s::jsonb"
            return f"CASE jsonb_typeof({there}) {kinds} END", (*parameters, new)
        empty = "WHEN 'string' THEN '\"\"' WHEN 'object' THEN '{}' WHEN 'array' THEN '[]' ELSE 'null'"
        return f"(CASE jsonb_typeof({there}) {empty} END)::jsonb", parameters

    def each(self, value: str, steps: Steps, targets: Sequence[Target], depth: int) -> Sql:
        there, parameters = self._at(value, steps)
        item = f"gdpr_item{depth}"
        sql, inner = self.replaced(f"{item}.value", targets, depth + 1)
        # Else the database complains of a value that is no array, also where it is not asked for its items.
        array = f"CASE jsonb_typeof({there}) WHEN 'array' THEN {there} ELSE '[]'::jsonb END"
        items = f"jsonb_array_elements({array}) WITH ORDINALITY {item}(value, number)"
        made = f"(SELECT jsonb_agg({sql} ORDER BY {item}.number) FROM {items})"
        return f"COALESCE({made}, '[]'::jsonb)", (*inner, *parameters, *parameters)

    def put(self, value: str, edits: Sequence[Edit]) -> Sql:
        """Where a step leads nowhere, the path is empty: jsonb_set() gives the value back then, and else complains."""
        sql, parameters = value, ()
        for edit in edits:
            guard, of_guard = self._guard(value, edit)
            if edit.steps:
                path = f"ARRAY[{', '.join(['%s'] * len(edit.steps))}]::text[]"
                sql = f"jsonb_set({sql}, CASE WHEN {guard} THEN {path} ELSE '{{}}'::text[] END, {edit.sql}, false)"
                parameters = (*parameters, *of_guard, *map(str, edit.steps), *edit.parameters)
            else:  # which is the first, as it is the shortest
                sql, parameters = f"CASE WHEN {guard} THEN {edit.sql} ELSE {value} END", (*of_guard, *edit.parameters)
        return f"CASE WHEN jsonb_typeof({value}) IN ('object', 'array') THEN {sql} ELSE {value} END", parameters

    def _guard(self, value: str, edit: Edit) -> Sql:
        """Return whether each step leads from a value of its type, and the last one to an array, if items are made."""
        kinds = ["array" if isinstance(step, int) else "object" for step in edit.steps]
        kinds += ["array"] if edit.of_items else []
        parts = [self._at(value, edit.steps[:at]) for at in range(len(kinds))]
        sql = " AND ".join(f"jsonb_typeof({there}) = '{kind}'" for (there, _), kind in zip(parts, kinds, strict=True))
        return sql, tuple(each for _, parameters in parts for each in parameters)

    def _at(self, value: str, steps: Steps) -> Sql:
        if not steps:
            return value, ()
        return f"({value} #> ARRAY[{', '.join(['%s'] * len(steps))}]::text[])", tuple(map(str, steps))


DIALECTS: dict[str, Dialect] = {"sqlite": SQLite(), "postgresql": PostgreSQL(), "mysql": MariaDB()}
