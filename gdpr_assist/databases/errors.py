"""Why a database failed, in words of its own, with the cure: what its error says may hold values."""

from __future__ import annotations

import re
from traceback import walk_tb
from typing import Any

from django.db import Error, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper

NO_RIGHT = "the role of the site has not the right to, or a policy refuses the new row"
TRIGGER = (
    "a trigger of the table refuses it, which no GRANT changes; let the trigger pass what the role of the site does, "
    "or say that these rows stay, with on_erasure = Keep(...)"
)
READ_ONLY = "it is read-only, as a replica is"
NOT_UPDATABLE = "it is a view that takes no UPDATE, or refuses the new row; give it an INSTEAD OF trigger"
NOT_SUPPORTED = (
    "it does not support a statement that is needed: of a view that computes a column or groups rows, or is "
    "materialized, none can be locked and changed; register the model of the table that is behind it"
)
GENERATED = "it computes a column itself; take that out of PrivacyMeta.fields, and anonymise what it is made of"
OTHER_TYPE = (
    "the type of a column is not that of its field, and what its rule or its anonymiser computes is of the field's; "
    "write an anonymiser that returns a value of the column's type"
)
LOCKED = "what it needs is locked by another transaction, and was waited for in vain; let that one end, and try again"
DEADLOCK = "it and another transaction locked what the other one needs, and one had to give way; try again"
CANCELLED = "a statement took longer than statement_timeout allows, or was cancelled; give the role more time"
DISK_FULL = "its disk, or the room that it may use, is full; make room, and try again"
NO_COLUMN = (
    "a table lacks a column that the code has; run migrate on it, or go back to the code that it was migrated with"
)
NO_TABLE = "a table that the code has is not there; run migrate on it, or correct its entry in DATABASES"
NO_ACCESS = "its server does not let the role in, or not into this database; correct USER and PASSWORD, or grant it"
TOO_MANY = "its server has too many connections, or too little memory; try again later"

# Those that say of themselves that no row can be changed
FOR_GOOD = {NO_RIGHT, READ_ONLY, NOT_UPDATABLE, NOT_SUPPORTED, GENERATED, OTHER_TYPE}

# Those that say that it may work the next time
FOR_NOW = {LOCKED, DEADLOCK, CANCELLED}

# {vendor: {code of an error, or a part of its text: cause and cure}}; of others a database says enough itself
CAUSES: dict[str, dict[Any, str]] = {
    "postgresql": {
        "42501": NO_RIGHT,
        "P0001": TRIGGER,
        "25006": READ_ONLY,
        "55000": NOT_UPDATABLE,
        "44000": NOT_UPDATABLE,
        "0A000": NOT_SUPPORTED,
        "42809": NOT_SUPPORTED,
        "428C9": GENERATED,
        "42804": OTHER_TYPE,
        "42883": OTHER_TYPE,
        "55P03": LOCKED,
        "40P01": DEADLOCK,
        "40001": DEADLOCK,
        "57014": CANCELLED,
        "53100": DISK_FULL,
        "42703": NO_COLUMN,
        "42P01": NO_TABLE,
        "3F000": NO_TABLE,
        "28000": NO_ACCESS,
        "28P01": NO_ACCESS,
        "53200": TOO_MANY,
        "53300": TOO_MANY,
    },
    "mysql": {
        1142: NO_RIGHT,
        1143: NO_RIGHT,
        1644: TRIGGER,
        1290: READ_ONLY,
        1792: READ_ONLY,
        1836: READ_ONLY,
        1288: NOT_UPDATABLE,
        1348: NOT_UPDATABLE,
        1369: NOT_UPDATABLE,
        1906: GENERATED,
        3105: GENERATED,
        1205: LOCKED,
        1213: DEADLOCK,
        1969: CANCELLED,
        3024: CANCELLED,
        1021: DISK_FULL,
        1114: DISK_FULL,
        1054: NO_COLUMN,
        1146: NO_TABLE,
        1044: NO_ACCESS,
        1045: NO_ACCESS,
        1040: TOO_MANY,
        1041: TOO_MANY,
    },
    # Most of its errors have the same code.
    "sqlite": {
        "SQLITE_CONSTRAINT_TRIGGER": TRIGGER,  # from Python 3.11 on
        "readonly database": READ_ONLY,
        "because it is a view": NOT_UPDATABLE,
        "cannot UPDATE generated column": GENERATED,
        "is locked": LOCKED,
        "database or disk is full": DISK_FULL,
        "no such column": NO_COLUMN,
        "has no column named": NO_COLUMN,
        "no such table": NO_TABLE,
    },
}

# How to tell of a database that is not known here, and of an error that is in no table
UNKNOWN_CAUSE = "See the log of its server. Has its role the rights that the command needs, is there room on its disk?"


def cause(error: Error, using: str) -> str:
    """Return why the database of this alias failed, with the cure; empty if ``error`` is of another kind."""
    known = CAUSES.get(connections[using].vendor, {})
    names = ("sqlstate", "pgcode", "sqlite_errorname")
    codes = [*(getattr(error.__cause__, name, None) for name in names), *error.args[:1]]
    if (why := next((known[code] for code in codes if code in known), "")) or any(codes[:2]):
        return why
    return next(
        (why for text, why in known.items() if isinstance(text, str) and " " in text and text in str(error)), ""
    )


def refusal(error: Error, using: str) -> str:
    """Return why the database does not let rows be changed at all; empty if ``error`` is of another kind."""
    why = cause(error, using)
    return why if why in FOR_GOOD else ""


# How a server names the table that the role has no right to; in another language, it is not found.
REFUSED_TABLE = re.compile(r"\bfor (?:table|relation|view) ([`\"\w.]+)")


def grant(error: Error, rights: str, table: str, using: str) -> str:
    """Return the statement that gives the role of the site ``rights``, as "UPDATE", on the table that was refused.

    That is ``table`` where the server names none.
    """
    named = REFUSED_TABLE.search(str(error))
    role = connections[using].settings_dict.get("USER") or "the role of the site"
    return f"GRANT SELECT, {rights} ON {named[1] if named else table} TO {role}"


# The attribute of an error that holds the alias of its database
KEPT = "gdpr_assist_alias"


def raised_by(error: Error) -> str | None:
    """Return the alias of the database: Django does not say it, but the frames that the error went through do.

    The variables of these are cleared on the way out of an erasure, so what was found is kept with the error.
    """
    known: str | None = getattr(error, KEPT, None)
    if known is None and (known := _alias_in_frames(error)) is not None:
        setattr(error, KEPT, known)
    return known


def _alias_in_frames(error: Error) -> str | None:
    for frame, _ in reversed(list(walk_tb(error.__traceback__))):
        owner = frame.f_locals.get("self")
        connection = owner.db if isinstance(owner, CursorWrapper) else owner
        if isinstance(connection, BaseDatabaseWrapper):
            return connection.alias
    return None
