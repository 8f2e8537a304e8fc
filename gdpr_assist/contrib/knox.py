"""django-rest-knox: the tokens of an account are deleted with it. Their primary key is a digest, and no token."""

from __future__ import annotations

from typing import Any

APP = "knox"


class AuthTokenPrivacy:
    fields = ["token_key"]
    keep = ["digest", "user", "created", "expiry"]
    copy_of = "user"
    on_erasure = "delete"


def declarations() -> dict[str, type[Any]]:
    return {"knox.AuthToken": AuthTokenPrivacy}
