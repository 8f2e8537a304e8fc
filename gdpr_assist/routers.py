"""Keeps the log tables in the log database and everything else out of it; opens no connection."""

from __future__ import annotations

from typing import Any

from django.db.models import Model

from .conf import log_database

LOG_MODELS = frozenset({"eventlog", "operation", "outcome", "upgrade"})


def is_log_model(app_label: str, model_name: str | None) -> bool:
    return app_label == "gdpr_assist" and model_name in LOG_MODELS


class EventLogRouter:
    """Route the event log; leave every other model to the routers that follow.

    ``migrate --database=<log alias>`` creates the log tables there and nothing else.
    """

    def db_for_read(self, model: type[Model], **hints: Any) -> str | None:
        if is_log_model(model._meta.app_label, model._meta.model_name):
            return log_database()
        return None

    db_for_write = db_for_read

    def allow_migrate(self, db: str, app_label: str, model_name: str | None = None, **hints: Any) -> bool | None:
        log = log_database()
        if is_log_model(app_label, model_name):
            return db == log
        # Without a model name Django asks for the app as a whole: our migrations run in both places.
        if db == log:
            return app_label == "gdpr_assist" and model_name is None
        return None
