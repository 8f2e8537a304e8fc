"""The one door to the settings: nothing else reads ``GDPR_*``. Their defaults are in ``defaults``."""

from __future__ import annotations

from collections.abc import Sequence
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


def quiet_receivers() -> Sequence[str]:
    """Return the names of receivers that need not hear of an erasure.

    Raises ``ImproperlyConfigured`` for what is no list of texts: of a text alone, each letter would be a name.
    """
    names: Any = settings.GDPR_QUIET_RECEIVERS
    if not isinstance(names, (list, tuple, set, frozenset)) or not all(isinstance(name, str) for name in names):
        raise ImproperlyConfigured(
            'GDPR_QUIET_RECEIVERS is no list of names of receivers. Write a list of texts, as ["search.signals.*"].'
        )
    return list(names)


def log_database() -> str | None:
    """Return the alias of the log database, or None where the site keeps no log."""
    name: str | None = settings.GDPR_LOG_DATABASE_NAME
    return name
