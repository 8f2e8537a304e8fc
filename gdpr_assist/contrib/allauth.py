"""django-allauth: what an account logs in with is deleted with it; addresses and social accounts are the person's."""

from __future__ import annotations

from typing import Any

APP = "allauth"


class EmailAddressPrivacy:
    fields = ["email"]
    keep = ["user", "verified", "primary"]
    subject = "user"
    identifiers = {"email": "email"}
    on_erasure = "delete"


class EmailConfirmationPrivacy:
    fields = ["key"]
    keep = ["email_address", "created", "sent"]
    copy_of = "email_address"
    on_erasure = "delete"


class SocialAccountPrivacy:
    fields = ["uid", "extra_data"]
    keep = ["user", "provider", "last_login", "date_joined"]
    subject = "user"
    on_erasure = "delete"


class SocialTokenPrivacy:
    fields = ["token", "token_secret"]
    keep = ["app", "account", "expires_at"]
    copy_of = "account"
    on_erasure = "delete"


class AuthenticatorPrivacy:
    fields = ["data"]
    keep = ["user", "type", "created_at", "last_used_at"]
    copy_of = "user"
    on_erasure = "delete"


class UserSessionPrivacy:
    fields = ["ip", "session_key", "user_agent", "data"]
    keep = ["user", "created_at", "last_seen_at"]
    subject = "user"
    identifiers = {"session": "session_key"}
    export_exclude = ["session_key"]
    on_erasure = "delete"


def declarations() -> dict[str, type[Any]]:
    """Return what is declared of the models of those of its apps that are installed."""
    return {
        "account.EmailAddress": EmailAddressPrivacy,
        "account.EmailConfirmation": EmailConfirmationPrivacy,
        "socialaccount.SocialAccount": SocialAccountPrivacy,
        "socialaccount.SocialToken": SocialTokenPrivacy,
        "mfa.Authenticator": AuthenticatorPrivacy,
        "usersessions.UserSession": UserSessionPrivacy,
    }
