"""django-auditlog: its entries hold the values of the rows that changed, also those that an erasure has changed."""

from __future__ import annotations

from typing import Any

from ..declaring.clauses import Generic

APP = "auditlog"


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
