"""social-auth-app-django: accounts elsewhere are deleted with the account here, and so are codes that were mailed."""

from __future__ import annotations

from typing import Any

APP = "social_django"


class UserSocialAuthPrivacy:
    fields = ["uid", "id_key", "extra_data"]
    keep = ["user", "provider", "created", "modified"]
    subject = "user"
    on_erasure = "delete"


class CodePrivacy:
    fields = ["email", "code"]
    keep = ["verified", "timestamp"]
    identifiers = {"email": "email"}
    export_exclude = ["code"]
    on_erasure = "delete"


class PartialPrivacy:
    """A login that was not finished: what the other site has told of somebody is in its data."""

    fields = ["token", "data"]
    keep = ["next_step", "backend", "timestamp"]
    identifiers = {"email": "data__kwargs__details__email"}
    export_exclude = ["token"]
    on_erasure = "delete"


def declarations() -> dict[str, type[Any]]:
    return {
        "social_django.UserSocialAuth": UserSocialAuthPrivacy,
        "social_django.Code": CodePrivacy,
        "social_django.Partial": PartialPrivacy,
    }
