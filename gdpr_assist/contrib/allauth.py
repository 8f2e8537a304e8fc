"""django-allauth: what an account logs in with is deleted with it; addresses and social accounts are the person's."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.hashers import make_password
from django.db.models import Model

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


class ClientPrivacy:
    """An application that somebody has registered stays, as others have tokens of it; nobody gets new ones."""

    fields = ["name", "secret", "redirect_uris", "cors_origins", "data"]
    keep = [
        "id",
        "scopes",
        "default_scopes",
        "type",
        "grant_types",
        "allow_uri_wildcards",
        "response_types",
        "owner",
        "skip_consent",
        "created_at",
    ]
    subject = "owner"
    export_exclude = ["secret"]

    def anonymise_secret(self, instance: Model) -> str:
        return make_password(None)


class TokenPrivacy:
    fields = ["hash", "data"]
    keep = ["type", "client", "user", "created_at", "expires_at", "scopes"]
    copy_of = "user"
    actors = ["client"]
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
        "allauth_idp_oidc.Client": ClientPrivacy,
        "allauth_idp_oidc.Token": TokenPrivacy,
    }
