"""rest_framework.authtoken: the token of an account is deleted with it."""

from __future__ import annotations

from typing import Any

APP = "rest_framework.authtoken"


class TokenPrivacy:
    fields: list[str] = []
    keep = ["key", "user", "created"]
    copy_of = "user"
    on_erasure = "delete"


def declarations() -> dict[str, type[Any]]:
    return {"authtoken.Token": TokenPrivacy}
