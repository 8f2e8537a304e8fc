"""Checks of the event log's settings; only the one that asks servers which database they have opens connections."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage
from django.db import DEFAULT_DB_ALIAS, DatabaseError, connections
from django.utils.module_loading import import_string

from ..conf import log_database, retention_setting
from ..databases.servers import entry, identity
from ..exceptions import AnonymiseError
from ..log.reconciliation import log_retention
from ..routers import EventLogRouter
from .messages import message


def check_E009(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """The log database is not configured."""
    log = log_database()
    if log is None or log in settings.DATABASES:
        return []
    return [
        message(
            "E009",
            f"The event log's database {log!r} is not in DATABASES.",
            f'Add DATABASES["{log}"], name another alias in GDPR_LOG_DATABASE_NAME, or set that to None for no log.',
        )
    ]


def check_E011(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """The router that keeps the log in its database is missing."""
    routers = (_imported(router) for router in settings.DATABASE_ROUTERS)
    if log_database() is None or any(issubclass(router, EventLogRouter) for router in routers):
        return []
    return [
        message(
            "E011",
            "The event log is not routed to its database.",
            'Add "gdpr_assist.routers.EventLogRouter" to DATABASE_ROUTERS, first.',
        )
    ]


def _imported(router: Any) -> type:
    from_path = import_string(router) if isinstance(router, str) else router
    return from_path if isinstance(from_path, type) else type(from_path)


def check_E020(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """The event log shares a database with the data: what restores or rolls back one does so to the other."""
    log = log_database()
    return [
        message(
            "E020",
            f"The event log's database {log!r} is the one of {alias!r}.",
            "Give the log a database of its own: it must outlive a restored backup of the other.",
        )
        for alias in connections
        if log is not None
        and log in connections
        and (alias == log == DEFAULT_DB_ALIAS or (alias != log and entry(alias) == entry(log)))
    ]


def check_E020_of_servers(
    app_configs: Any = None, databases: Iterable[str] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """The same under two spellings: the server says so. Asks the databases, if the log and another one are named."""
    log = log_database()
    if log is None or log not in (named := list(databases or ())):
        return []
    return [
        message(
            "E020",
            f"The event log's database {log!r} is the one of {alias!r}, which is spelled in another way.",
            "Give the log a database of its own: it must outlive a restored backup of the other.",
        )
        for alias in named
        if alias != log and entry(alias) != entry(log) and _is_the_same(alias, log)
    ]


def _is_the_same(*aliases: str) -> bool:
    try:
        one, other = map(identity, aliases)
    except (DatabaseError, OSError):
        return False  # what cannot be reached is a matter of E025
    return one is not None and one == other


def check_E021(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """The log database has a transaction around each request, so that events are not durable."""
    log = log_database()
    if log is None or log not in connections:
        return []
    database = connections[log].settings_dict
    wrong = {"ATOMIC_REQUESTS": True, "AUTOCOMMIT": False}
    return [
        message(
            "E021",
            f"The event log's database {log!r} has {name} = {value}: every erasure would be refused.",
            f"Take {name} out of DATABASES[{log!r}].",
        )
        for name, value in wrong.items()
        if database[name] is value
    ]


def check_E024(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """The retention time is not a time."""
    if retention_setting() is None:
        return []
    try:
        log_retention()
    except AnonymiseError as error:
        return [message("E024", str(error), "Correct the setting, or set it to None to keep the log for ever.")]
    return []


def check_W002(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """No event log."""
    if log_database() is not None:
        return []
    return [
        message(
            "W002",
            "GDPR_LOG_DATABASE_NAME is None: erasures are not logged. After a backup is restored, what was erased "
            "since is back, and nothing can say what it was.",
            "Configure a log database, or silence this check if backups are never restored.",
        )
    ]
