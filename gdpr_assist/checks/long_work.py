"""Checks of the settings for long work. Opens no connection, and no storage but to look where it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.checks import CheckMessage
from django.core.files.storage import FileSystemStorage, storages

from ..conf import export_storage, task_backend, tasks_from
from ..queues import MODULE, tasks
from .messages import message

# Those of Django itself: what is in them has an address
PUBLIC = ("default", "staticfiles")


def check_E053(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """The backend for long work is not there, or it is not said what is long."""
    if app_configs is not None or task_backend() is None:
        return []
    return [message("E053", text, hint) for text, hint in (_backend(), _threshold(), _tenants()) if text]


def check_E054(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """The storage for the zips of long exports is not there, or others can read it."""
    alias = export_storage()
    if app_configs is not None or alias is None:
        return []
    try:
        why = _public(alias, storages[alias])
    except Exception as error:  # noqa: BLE001  (whatever its class raises)
        why = f"cannot be used ({type(error).__name__})"
    hint = (
        "Give STORAGES a storage of its own, in a directory that no web server knows or a private bucket, and name "
        "its alias."
    )
    return [message("E054", f"The storage of GDPR_EXPORT_STORAGE, {alias!r}, {why}.", hint)] if why else []


def _backend() -> tuple[str, str]:
    alias = task_backend()
    try:
        tasks().task_backends[alias]
    except ImportError as error:
        return f"GDPR_TASK_BACKEND is set, and {error.name or MODULE} is not installed.", f"Install {MODULE}."
    except Exception as error:  # noqa: BLE001  (each version has another class, and each backend its own)
        kind = type(error).__name__
        return f"The backend of GDPR_TASK_BACKEND, {alias!r}, cannot be used ({kind}).", f"Add TASKS[{alias!r}]."
    return "", ""


def _threshold() -> tuple[str, str]:
    try:
        is_number = tasks_from() > 0
    except (TypeError, ValueError):
        is_number = False
    return ("" if is_number else "GDPR_TASKS_FROM is no number of rows.", "Write a whole number from 1 on, as 10_000.")


def _tenants() -> tuple[str, str]:
    if not apps.is_installed("django_tenants"):
        return "", ""
    text = "GDPR_TASK_BACKEND is set, and django_tenants is installed: a worker is not told the schema of its work."
    return text, "Remove GDPR_TASK_BACKEND: all is done in the request then."


def _public(alias: str, storage: Any) -> str:
    """Return why others can read what is in the storage; empty if nothing says that."""
    if alias in PUBLIC:
        return "is the site's own for what it shows"
    if not isinstance(storage, FileSystemStorage):
        return ""  # of a bucket, only its own settings tell
    if "base_url" in settings.STORAGES[alias].get("OPTIONS", {}):
        return "has an address (base_url)"
    place = Path(storage.location).resolve()
    for name in ("MEDIA_ROOT", "STATIC_ROOT"):
        root = getattr(settings, name)
        if root and Path(root).resolve() in (place, *place.parents):
            return f"is in {name}"
    return ""
