"""django-auditlog: its entries hold the values of the rows that changed, also those that an erasure has changed."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

from django.utils.module_loading import import_string

from ..declaring.clauses import Generic
from ..switches import Switch

APP = "auditlog"


def _off(using: str) -> AbstractContextManager[Any]:
    off: AbstractContextManager[Any] = import_string("auditlog.context.disable_auditlog")()
    return off


# What is in ``context`` only says who acted, in new entries.
SWITCH = Switch(
    name=APP,
    off=_off,
    receivers=("auditlog.receivers.log_create", "auditlog.receivers.log_update", "auditlog.context.*"),
)


class LogEntryPrivacy:
    fields = [
        "object_repr",
        "serialized_data",
        "changes_text",
        "changes",
        "additional_data",
        "remote_addr",
        "remote_port",
        "actor_email",
    ]
    keep = ["content_type", "object_pk", "object_id", "action", "actor", "cid", "timestamp"]
    copy_of = Generic("content_type", "object_pk")
    actors = ["actor"]


def declarations() -> dict[str, type[Any]]:
    return {"auditlog.LogEntry": LogEntryPrivacy}
