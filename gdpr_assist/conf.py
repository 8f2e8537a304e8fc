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
