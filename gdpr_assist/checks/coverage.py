"""The check of what nobody has declared: models that look personal. Asks no database."""

from __future__ import annotations

from typing import Any

from django.core.checks import CheckMessage

from ..coverage import looking_personal
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
