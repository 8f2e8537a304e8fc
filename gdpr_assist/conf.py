"""The ``GDPR_*`` settings and their defaults; reads nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from appconf import AppConf
from django.conf import settings as django_settings
from django.core.exceptions import ImproperlyConfigured

settings: Any = django_settings


class GdprAssistConf(AppConf):
    # Name of the class in which a model declares its personal data
    PRIVACY_CLASS_NAME = "PrivacyMeta"

    # Name of the attribute of a registered model that holds an instance of that class
    PRIVACY_INSTANCE_NAME = "_privacy_meta"

    # Alias of the database that holds the event log, None for no log
    LOG_DATABASE_NAME = "gdpr_log"

    # Whether this database may be scrubbed by anonymise_db
    CAN_ANONYMISE_DATABASE = False

    # Whether anonymising is logged (deleting always is)
    LOG_ON_ANONYMISE = True

    # How long the log is kept, at least as long as any backup: a timedelta, None for ever
    LOG_RETENTION = None

    # Whether a warning about a model is an error
    STRICT = False

    # Names of receivers of pre_save and post_save that need not hear of an erasure, with * for any text
    QUIET_RECEIVERS = ()

    class Meta:
        prefix = "gdpr"


# The one door to the settings: nothing else reads GDPR_*.


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
