"""django-oauth-toolkit: what was granted to applications is deleted with the account.

An application that somebody has registered stays, as others have tokens of it; nobody gets new ones.
"""

from __future__ import annotations

from typing import Any

from django.contrib.auth.hashers import make_password
from django.db.models import Model

from ..declaring.defaults import text
from ..declaring.rules import Rule

APP = "oauth2_provider"


class ApplicationPrivacy:
    fields = ["name", "redirect_uris", "post_logout_redirect_uris", "allowed_origins", "client_secret"]
    keep = [
        "client_id",
        "user",
        "client_type",
        "authorization_grant_type",
        "hash_client_secret",
        "skip_authorization",
        "created",
        "updated",
        "algorithm",
        "registration_source",
        "cimd_expires_at",
    ]
    subject = "user"
    export_exclude = ["client_secret"]

    def anonymise_client_secret(self, instance: Model) -> str:
        return make_password(None)


class GrantedPrivacy:
    """Whoever has registered the application is not the person."""

    copy_of = "user"
    actors = ["application"]
    on_erasure = "delete"


class GrantPrivacy(GrantedPrivacy):
    fields = ["code", "redirect_uri", "code_challenge", "nonce", "claims"]
    keep = [
        "user",
        "application",
        "expires",
        "scope",
        "created",
        "updated",
        "code_challenge_method",
        "resource",
    ]


class AccessTokenPrivacy(GrantedPrivacy):
    # It is looked up by its checksum, whatever stands in the other column.
    fields = ["token", "token_checksum"]
    keep = [
        "user",
        "source_refresh_token",
        "id_token",
        "application",
        "expires",
        "scope",
        "resource",
        "created",
        "updated",
    ]


class RefreshTokenPrivacy(GrantedPrivacy):
    fields = ["token", "token_checksum"]
    keep = [
        "user",
        "application",
        "access_token",
        "token_family",
        "resource",
        "created",
        "updated",
        "revoked",
    ]


class IDTokenPrivacy(GrantedPrivacy):
    fields = ["jti"]
    keep = ["user", "application", "expires", "scope", "created", "updated"]


class DeviceGrantPrivacy:
    fields = ["device_code", "user_code"]
    keep = ["user", "scope", "interval", "expires", "status", "client_id", "last_checked"]
    copy_of = "user"
    on_erasure = "delete"


def declarations() -> dict[str, type[Any]]:
    return {
        "oauth2_provider.Application": ApplicationPrivacy,
        "oauth2_provider.Grant": GrantPrivacy,
        "oauth2_provider.AccessToken": AccessTokenPrivacy,
        "oauth2_provider.RefreshToken": RefreshTokenPrivacy,
        "oauth2_provider.IDToken": IDTokenPrivacy,
        "oauth2_provider.DeviceGrant": DeviceGrantPrivacy,
    }


def rules() -> dict[str, Rule]:
    return {"oauth2_provider.models.TokenChecksumField": text}
