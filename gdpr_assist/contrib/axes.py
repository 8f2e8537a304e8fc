"""django-axes: logins, by the username that was typed. They need a person with ``username`` among the identifiers."""

from __future__ import annotations

from typing import Any

APP = "axes"

ACCESS = ["user_agent", "ip_address", "username", "http_accept", "path_info"]


class AccessPrivacy:
    # Whoever logs in with an address types that.
    identifiers = {"username": "username", "email": "username"}
    search_fields = ["username", "ip_address"]
    on_erasure = "delete"


class AccessAttemptPrivacy(AccessPrivacy):
    fields = [*ACCESS, "get_data", "post_data"]
    keep = ["attempt_time", "failures_since_start"]


class AccessAttemptExpirationPrivacy:
    fields: list[str] = []
    keep = ["access_attempt", "expires_at"]
    subject = "access_attempt"
    on_erasure = "delete"


class AccessLogPrivacy(AccessPrivacy):
    fields = [*ACCESS, "session_hash"]
    keep = ["attempt_time", "logout_time"]


class AccessFailureLogPrivacy(AccessPrivacy):
    fields = ACCESS
    keep = ["attempt_time", "locked_out"]


def declarations() -> dict[str, type[Any]]:
    return {
        "axes.AccessAttempt": AccessAttemptPrivacy,
        "axes.AccessAttemptExpiration": AccessAttemptExpirationPrivacy,
        "axes.AccessLog": AccessLogPrivacy,
        "axes.AccessFailureLog": AccessFailureLogPrivacy,
    }
