"""The one door to the settings: nothing else reads ``GDPR_*``. Their defaults are in ``defaults``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from django.conf import settings as django_settings
from django.core.exceptions import ImproperlyConfigured

settings: Any = django_settings


def privacy_class_name() -> str:
    return str(settings.GDPR_PRIVACY_CLASS_NAME)


def privacy_instance_name() -> str:
    return str(settings.GDPR_PRIVACY_INSTANCE_NAME)


def can_anonymise_database() -> bool:
    return bool(settings.GDPR_CAN_ANONYMISE_DATABASE)


def logs_anonymising() -> bool:
    return bool(settings.GDPR_LOG_ON_ANONYMISE)


def retention_setting() -> Any:
    """Return how long the log is kept, as it was written: None for ever."""
    return settings.GDPR_LOG_RETENTION


def is_strict() -> bool:
    return bool(settings.GDPR_STRICT)


def tool_sees_all() -> bool:
    """Return whether the Personal data tool of the admin has all rows of a model whose rows a user may view."""
    return bool(settings.GDPR_TOOL_SEES_ALL)


def tool_has_permissions() -> bool:
    """Return whether the Personal data tool asks for permissions of its own, beside those of the models."""
    return bool(settings.GDPR_TOOL_PERMISSIONS)


def task_backend() -> str | None:
    """Return the alias in TASKS of the backend that runs long work of the tool, None where the request does."""
    alias: str | None = settings.GDPR_TASK_BACKEND
    return alias


def tasks_from() -> int:
    """Return from how many rows on work is long."""
    return int(settings.GDPR_TASKS_FROM)


def export_storage() -> str | None:
    """Return the alias in STORAGES of the private storage for zips, None where long exports stay in the request."""
    alias: str | None = settings.GDPR_EXPORT_STORAGE
    return alias


def watches_refills() -> bool:
    """Return whether each save is looked at, if it fills an anonymised row again."""
    return bool(settings.GDPR_WATCH_REFILLS)


def quiet_receivers() -> Sequence[str]:
    """Return the names of receivers that need not hear of an erasure.

    Raises ``ImproperlyConfigured`` for what is no list of texts: of a text alone, each letter would be a name.
    """
    return _texts("GDPR_QUIET_RECEIVERS", "names of receivers", '["search.signals.*"]')


def contrib() -> Sequence[str] | None:
    """Return the names of the ready declarations that the site takes, None for those of all apps that are installed.

    Raises ``ImproperlyConfigured`` for what is neither a list of texts nor ``"__all__"``.
    """
    if settings.GDPR_CONTRIB == "__all__":
        return None
    return _texts("GDPR_CONTRIB", "apps with ready declarations", '["auth", "allauth"], or "__all__"')


def paths_baseline() -> Path | None:
    """Return the file with the keys to people that may wait for an answer.

    Raises ``ImproperlyConfigured`` for what is no path.
    """
    given = settings.GDPR_PATHS_BASELINE
    if given is not None and not isinstance(given, (str, Path)):
        raise ImproperlyConfigured('GDPR_PATHS_BASELINE is no path. Write BASE_DIR / "gdpr-paths.json".')
    return Path(given) if given else None


def pseudonyms_file() -> Path | None:
    """Return the file with the pools of invented values. Raises ``ImproperlyConfigured`` for what is no path."""
    given = settings.GDPR_PSEUDONYMS
    if given is not None and not isinstance(given, (str, Path)):
        raise ImproperlyConfigured('GDPR_PSEUDONYMS is no path. Write BASE_DIR / "pools.json".')
    return Path(given) if given else None


def not_personal() -> Sequence[str]:
    """Return the labels of models of which no row is about a person; ``app.*`` stands for all of an app.

    Raises ``ImproperlyConfigured`` for what is no list of texts.
    """
    return _texts("GDPR_NOT_PERSONAL", "labels of models", '["shop.Product", "catalogue.*"]')


def looks_personal() -> Sequence[str]:
    """Return the words in names of fields, and the names of classes, by which a field looks personal.

    Raises ``ImproperlyConfigured`` for what is no list of texts.
    """
    return _texts("GDPR_LOOKS_PERSONAL", "names of fields and of their classes", '[*PERSONAL, "member_number"]')


def scrub_empty() -> Sequence[str]:
    """Return the labels of models of which a scrub takes all rows.

    Raises ``ImproperlyConfigured`` for what is no list of texts.
    """
    return _texts("GDPR_SCRUB_EMPTY", "labels of models", '["sessions.Session"]')


def scrub_rules() -> Mapping[Any, Any]:
    """Return {name of a field, or class of fields: what a scrub puts there in each model}.

    Raises ``ImproperlyConfigured`` for what is no dict.
    """
    given: Any = settings.GDPR_SCRUB_RULES
    if isinstance(given, Mapping):
        return given
    raise ImproperlyConfigured('GDPR_SCRUB_RULES is no dict. Write {"phone": None}.')


def _texts(name: str, what: str, example: str) -> list[str]:
    given: Any = getattr(settings, name)
    if isinstance(given, (list, tuple, set, frozenset)) and all(isinstance(each, str) for each in given):
        return list(given)
    raise ImproperlyConfigured(f"{name} is no list of {what}. Write a list of texts, as {example}.")


def log_database() -> str | None:
    """Return the alias of the log database, or None where the site keeps no log."""
    name: str | None = settings.GDPR_LOG_DATABASE_NAME
    return name
