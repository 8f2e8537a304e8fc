"""The checks of what nobody has declared: models that look personal, what an account logs in with. Ask no database."""

from __future__ import annotations

from typing import Any

from django.core.checks import CheckMessage

from ..coverage import looking_personal
from ..declaring.clauses import DELETED
from ..planning.superusers import users
from ..registry import registry
from .messages import message
from .people import check_E049


def check_W033(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """A model that looks personal, and of which nothing is said."""
    if check_E049():
        return []
    return [
        message(
            "W033",
            f"{model._meta.label} looks personal ({', '.join(names)}), and nothing is said of it.",
            "Give it a PrivacyMeta, or register it with one if it is another app's (GDPR_CONTRIB has some). "
            "If its rows are about no people, list it in GDPR_NOT_PERSONAL. GDPR_LOOKS_PERSONAL says what looks so.",
            model,
        )
        for model, names in looking_personal().items()
        if app_configs is None or model._meta.app_config in app_configs
    ]


# What lets somebody log in with an account, and what it may do
ACCESS = ("password", "is_active", "is_staff", "is_superuser")


def check_W034(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """An account that somebody may log in with after it was erased, or that may do what it could before."""
    user = users()
    if user is None or user not in registry or (app_configs is not None and user._meta.app_config not in app_configs):
        return []
    declared = registry.declaration(user)
    if not declared.meta.can_anonymise or declared.clauses.on_erasure == DELETED:
        return []
    erased = {name for each in registry.relatives(user) for name in registry.declaration(each).fields}
    columns = {field.name for field in user._meta.concrete_fields}
    left = [name for name in ACCESS if name in columns - erased]
    if not left:
        return []
    return [
        message(
            "W034",
            f"{declared.label}: {', '.join(left)} {'stays as it is' if len(left) == 1 else 'stay as they are'} when "
            "an account is erased: somebody may log in with it, or it may do what it could.",
            "Add to PrivacyMeta.fields what lets it do so: a flag becomes False, and a password one that nobody has.",
            user,
        )
    ]
