"""The defaults of the ``GDPR_*`` settings; ``apps`` puts them in place."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from appconf import AppConf

from .looks import PERSONAL


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

    # Whether the signal refilled tells of each save that fills an anonymised row again: a query at such a save
    WATCH_REFILLS = False

    # Path of the file with the keys to people that may wait for an answer, where STRICT too; None for none
    PATHS_BASELINE = None

    # Path of the file with the pools of invented values, for Pseudonym; None for none
    PSEUDONYMS = None

    # Labels of models of which no row is about a person, as "app.Model" or "app.*"
    NOT_PERSONAL = ()

    # Labels of models of which a scrub takes all rows, registered or not
    SCRUB_EMPTY = ()

    # What a scrub puts into fields of which nothing is declared: {name of a field, or dotted path of its class: value}
    SCRUB_RULES: Mapping[Any, Any] = MappingProxyType({})

    # Words in names of fields, and names of their classes, by which a model of which nothing is said looks personal
    LOOKS_PERSONAL = PERSONAL

    # Apps of which the ready declarations are taken, as "allauth"; "__all__" for all that are installed
    CONTRIB = ()

    # Whether the Personal data tool has all rows of a model, also those that its admin hides from a user
    TOOL_SEES_ALL = False

    # Whether the Personal data tool asks for permissions of its own, as search_personaldata; False: as in 1.x
    TOOL_PERMISSIONS = False

    # Alias in TASKS of the backend that runs long work of the Personal data tool; None: in the request
    TASK_BACKEND = None

    # From how many rows on work is long
    TASKS_FROM = 10_000

    # Alias in STORAGES of a private storage for the zips of long exports; None: they are sent in the request
    EXPORT_STORAGE = None

    class Meta:
        prefix = "gdpr"
