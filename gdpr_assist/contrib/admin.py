"""django.contrib.admin: its log has the text of each object. Who did something, and when, stays.

So it does of the entry of an erasure, which names the operation until the row is erased once more, or deleted.
"""

from __future__ import annotations

from typing import Any

from ..declaring.clauses import Generic

APP = "django.contrib.admin"


class LogEntryPrivacy:
    fields = ["object_repr", "change_message"]
    keep = ["action_time", "action_flag", "content_type", "object_id", "user"]
    copy_of = Generic("content_type", "object_id")
    actors = ["user"]


def declarations() -> dict[str, type[Any]]:
    return {"admin.LogEntry": LogEntryPrivacy}
