"""django-guardian: what an account may do with single objects goes with it.

What its groups may stays, and so does what others may do with the row of the account itself.
"""

from __future__ import annotations

from typing import Any

APP = "guardian"


class UserObjectPermissionPrivacy:
    fields: list[str] = []
    keep = ["permission", "content_type", "object_pk", "user"]
    subject = "user"
    actors = ["content_object"]
    on_erasure = "delete"


class GroupObjectPermissionPrivacy:
    fields: list[str] = []
    keep = ["permission", "content_type", "object_pk", "group"]
    actors = ["content_object"]


def declarations() -> dict[str, type[Any]]:
    return {
        "guardian.UserObjectPermission": UserObjectPermissionPrivacy,
        "guardian.GroupObjectPermission": GroupObjectPermissionPrivacy,
    }
