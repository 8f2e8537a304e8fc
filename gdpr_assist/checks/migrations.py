"""Checks of the project's migrations: from the files alone, no database is asked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from traceback import walk_tb
from types import ModuleType
from typing import Any

from django.core.checks import CheckMessage
from django.db.migrations.exceptions import CircularDependencyError, NodeNotFoundError
from django.db.migrations.operations import RemoveField

from ..undocumented import migrations_before, migrations_on_disk
from ..upgrading import OLD_FLAG, MigrateGdprAnonymised
from .messages import message


def check_E001(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """A migration removes 1.1's flag before it was turned into markers. Needs no database."""
    try:
        migrations = migrations_on_disk()
    except (AttributeError, ImportError):
        return []  # check_E040 says it, or migrate does
    return [
        message(
            "E001",
            f"Migration {app_label}.{name} removes the field {OLD_FLAG} of {model_name}, and with it the knowledge "
            "which rows are anonymised.",
            f'Put gdpr_assist.upgrading.MigrateGdprAnonymised("{model_name}") before the RemoveField, or write '
            "gdpr_assist_safe = True in the migration if the field is another one.",
        )
        for (app_label, name), migration in migrations.items()
        if not getattr(migration, "gdpr_assist_safe", False)
        for model_name in _flags_lost((app_label, name), migration)
    ]


def check_E040(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """A migration names a class that is not in the module: 1.x put managers and bases of its own there."""
    try:
        migrations_on_disk()
    except AttributeError as error:
        if isinstance(error.obj, ModuleType):
            frames = [frame.f_globals["__name__"] for frame, _ in walk_tb(error.__traceback__)]
            return [
                message(
                    "E040",
                    f"Migration {frames[-1]} names {error.obj.__name__}.{error.name}, which is not there.",
                    "1.x put classes of its own into the modules of registered models, and makemigrations wrote them "
                    "down. Write the class that the project has in its place, as django.db.models.Manager, or take "
                    "the entry out of managers or bases.",
                )
            ]
    except ImportError:
        pass  # what migrate says of it is enough
    return []


def _flags_lost(key: tuple[str, str], migration: Any) -> Iterator[str]:
    kept: set[str] | None = None
    for at, operation in enumerate(migration.operations):
        if isinstance(operation, RemoveField) and operation.name == OLD_FLAG:
            if kept is None:
                kept = _flags_kept_before(key)
            here = {each.model_name.lower() for each in _flag_operations(migration.operations[:at])}
            if operation.model_name.lower() not in kept | here:
                yield operation.model_name


def _flags_kept_before(key: tuple[str, str]) -> set[str]:
    try:
        earlier = migrations_before(key)
    except (NodeNotFoundError, CircularDependencyError):
        return set()  # makemigrations and migrate say what is wrong with the graph
    return {
        operation.model_name.lower()
        for each in earlier
        if each.app_label == key[0]
        for operation in _flag_operations(each.operations)
    }


def _flag_operations(operations: Iterable[Any]) -> Iterator[MigrateGdprAnonymised]:
    return (each for each in operations if isinstance(each, MigrateGdprAnonymised))
