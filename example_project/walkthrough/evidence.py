"""Reads what the databases hold, for comparing before with after. Writes nothing.

Leftovers are named by model, key and field: never by the value that should be gone.
"""

import hashlib
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.contrib.auth.models import User
from django.db import models
from django.db.models.fields.files import FieldFile

from gdpr_assist.registry import registry

Rows = dict[type[models.Model], list[Any]]  # {model: primary keys}
Values = dict[tuple[type[models.Model], Any], dict[str, Any]]  # {(model, key): {field: value}}


def find(term: str) -> Rows:
    """Search every registered model, and note the keys.

    The querysets of a search are lazy: those that look at the account's e-mail would match
    nothing once the account is anonymised.
    """
    return {model: list(found.values_list("pk", flat=True)) for model, found in registry.search(term)}


def per_model(rows: Rows) -> dict[str, int]:
    return {model._meta.label: len(keys) for model, keys in rows.items()}


@dataclass(frozen=True)
class Person:
    """Someone as they were at one moment, in one database."""

    email: str
    rows: Rows
    originals: Values
    files: dict[str, Path]  # {model, key and field: path}

    @classmethod
    def remember(cls, user: User) -> "Person":
        rows = find(user.email)
        originals, files = {}, {}
        for model, keys in rows.items():
            for row in model._base_manager.filter(pk__in=keys):
                mine = fields_of(user, row)
                originals[model, row.pk] = {
                    name: value for name, value in personal_values(row).items() if name in mine
                }
                files.update(personal_files(row))
        return cls(user.email, rows, originals, files)

    def texts(self) -> set[str]:
        values = (value for row in self.originals.values() for value in row.values())
        return {value for value in values if isinstance(value, str)}

    def size(self) -> int:
        """How many values and files there are to lose."""
        return sum(map(len, self.originals.values())) + len(self.files)

    def files_still_there(self) -> list[str]:
        return [name for name, path in self.files.items() if path.exists()]

    def still_there(self) -> list[str]:
        """Name each declared field that has its original value, and each file still on disk."""
        left = self.files_still_there()
        for (model, key), before in self.originals.items():
            row = model._base_manager.filter(pk=key).first()
            now = personal_values(row) if row else {}
            left += [f"{model._meta.label} {key} {name}" for name, value in before.items() if now.get(name) == value]
        return left

    def is_whole(self) -> bool:
        return len(self.still_there()) == self.size()

    def remains(self) -> Values:
        """What is in their rows now, undeclared columns too; nothing for a row that is deleted.

        But for the unusable password, which is another one each time.
        """
        return {
            (model, row["pk"]): {name: row[name] for name in row if name != "password"}
            for model, keys in self.rows.items()
            for row in model._base_manager.filter(pk__in=keys).values("pk", *columns(model))
        }


def fields_of(user: User, row: models.Model) -> list[str]:
    """The declared fields that are this user's: of a message, those of its sender or of its recipient."""
    declared = registry.declaration(type(row))
    if not declared.clauses.parties:
        return list(declared.fields)
    parties = declared.clauses.parties.items()
    return [name for path, party in parties if getattr(row, f"{path}_id") == user.pk for name in party.erases]


def columns(model: type[models.Model]) -> list[str]:
    return [field.attname for field in model._meta.concrete_fields]


def personal_values(row: models.Model) -> dict[str, Any]:
    """The declared fields that hold something."""
    names = registry.declaration(type(row)).fields
    values = {name: getattr(row, name) for name in names}
    return {
        name: value.name if isinstance(value, FieldFile) else value
        for name, value in values.items()
        if value not in (None, "", False)
    }


def personal_files(row: models.Model) -> dict[str, Path]:
    label, names = row._meta.label, registry.declaration(type(row)).fields
    stored = {f"file of {label} {row.pk} {name}": getattr(row, name) for name in names}
    return {name: Path(each.path) for name, each in stored.items() if isinstance(each, FieldFile) and each}


# -- whole databases, read without Django: what is on the disk is what counts ------------------


def dump(path: Path) -> str:
    """A fingerprint of every row of every table."""
    digest = hashlib.sha256()
    with closing(sqlite3.connect(path)) as connection:
        for statement in connection.iterdump():
            digest.update(statement.encode())
    return digest.hexdigest()


def first_names(path: Path) -> set[str]:
    """The first names of all accounts of the database at ``path``."""
    with closing(sqlite3.connect(path)) as connection:
        return {name for (name,) in connection.execute("SELECT first_name FROM auth_user") if name}


def declared_values(path: Path) -> set[str]:
    """Every text in a declared column of the database at ``path``."""
    found: set[str] = set()
    with closing(sqlite3.connect(path)) as connection:
        for declared in registry:
            opts = declared.model._meta
            for name in declared.fields:
                column = opts.get_field(name).column
                rows = connection.execute(f'SELECT DISTINCT "{column}" FROM "{opts.db_table}"')
                found.update(value for (value,) in rows if isinstance(value, str) and value)
    return found


def all_text(path: Path) -> str:
    """Every text in every column of every table, declared or not, in lower case."""
    with closing(sqlite3.connect(path)) as connection:
        names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        rows = (row for (name,) in names for row in connection.execute(f'SELECT * FROM "{name}"'))
        return "\n".join(value for row in rows for value in row if isinstance(value, str)).lower()
