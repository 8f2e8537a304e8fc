"""The stored files that personal columns name; deletes them, and writes no rows."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

from django.apps import apps
from django.core.files.storage import FileSystemStorage
from django.db import DatabaseError, router, transaction
from django.db.models import FileField, QuerySet

from .meta import all_rows
from .planning import Plan
from .presence import has_table
from .registry import registry
from .rules import field_label

logger = logging.getLogger(__name__)

# {field: names of files}
Files = dict[FileField, set[str]]


def file_changes(plan: Plan) -> list[Any]:
    """Return the fields whose files the plan will make the rows forget."""
    return [change.field for change in plan.declaration.changes if isinstance(change.field, FileField)]


def deletions(plans: Iterable[Plan]) -> list[str]:
    """Return the places from which ``plans`` delete files, each with the fields that name them: for a question."""
    fields: dict[str, set[str]] = {}
    for plan in plans:
        changes = [each for model in plan.descendants for each in registry.declaration(model).changes]
        for field in (*file_changes(plan), *(each.field for each in changes if isinstance(each.field, FileField))):
            fields.setdefault(_shown(field.storage), set()).add(field_label(field))
    return [f"{place} ({', '.join(sorted(labels))})" for place, labels in fields.items()]


def _shown(storage: Any) -> str:
    if isinstance(storage, FileSystemStorage):
        return str(storage.location)
    kind = storage.__class__  # not type(), which is that of a lazy wrapper
    bucket = getattr(storage, "bucket_name", None)  # as the storages of several clouds have it
    return f"{kind.__module__}.{kind.__qualname__}" + (f" {bucket}" if bucket else "")


def named_files(plan: Plan, rows: QuerySet[Any]) -> Files:
    """Return the files that ``rows`` name and the plan will make them forget."""
    fields = file_changes(plan)
    if not fields:
        return {}
    values = list(rows.values_list(*(field.name for field in fields)))
    names = {field: {row[at] for row in values if row[at]} for at, field in enumerate(fields)}
    return {field: found for field, found in names.items() if found}


def delete_files(files: Files, using: str) -> list[str]:
    """Delete those files that no row on ``using`` names any more, seen from the transaction that is open.

    What cannot be deleted is logged without its name, which may hold that of a person; the others still go. Return the
    labels of the fields of which that is so.
    """
    failed = []
    for field, names in files.items():
        try:
            unnamed = names - _named_elsewhere(field, names, using)
        except Exception as error:  # noqa: BLE001  (a connection that has gone)
            failed.append(_log_failure(field, error))
            continue
        for name in unnamed:
            try:
                field.storage.delete(name)
            except Exception as error:  # noqa: BLE001  (each storage has errors of its own)
                failed.append(_log_failure(field, error))
    return list(dict.fromkeys(failed))


def _log_failure(field: FileField, error: Exception) -> str:
    logger.error("A file of %s could not be deleted (%s).", field_label(field), type(error).__name__)
    return field_label(field)


def _named_elsewhere(field: FileField, names: set[str], using: str) -> set[str]:
    named: set[str] = set()
    for model in apps.get_models():
        if not model._meta.managed or not router.allow_migrate_model(using, model):
            continue
        for other in model._meta.local_concrete_fields:
            if isinstance(other, FileField) and _place(other.storage) == _place(field.storage):
                rows = all_rows(model, using).filter(**{f"{other.name}__in": names})
                try:
                    with transaction.atomic(using=using):  # PostgreSQL takes nothing after an error in a transaction
                        named.update(rows.values_list(other.name, flat=True))
                except DatabaseError:
                    if has_table(model, using):
                        raise
    return named


def _place(storage: Any) -> Any:
    """What tells two storages apart: most are only equal to themselves, but say how they were made."""
    deconstruct = getattr(storage, "deconstruct", None)
    return repr(deconstruct()) if deconstruct else storage
