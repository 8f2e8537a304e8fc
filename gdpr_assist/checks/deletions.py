"""Checks of what happens to rows whose target is deleted: the keys of all models; no database is asked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.core.checks import CheckMessage
from django.db import models

from ..declaring.rules import field_label
from ..deletion import ANONYMISE, WRITE
from ..registry import registry
from .messages import message


def check_E012(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """ANONYMISE(SET_NULL) on a column that cannot be null: Django's fields.E320 does not see through ANONYMISE."""
    return [
        message(
            "E012",
            f"{field_label(field)} has on_delete=ANONYMISE(SET_NULL) but cannot be null.",
            "Set null=True, or use another action.",
            field,
        )
        for field in _anonymised_keys(app_configs)
        if _action(field) is models.SET_NULL and not field.null
    ]


def check_E032(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """ANONYMISE without a call: Django would call it itself, with what is to be deleted."""
    return [
        message("E032", f"{field_label(field)} has on_delete=ANONYMISE without an action.", WRITE, field)
        for field in _foreign_keys(app_configs)
        if isinstance(field.remote_field.on_delete, type) and issubclass(field.remote_field.on_delete, ANONYMISE)
    ]


def check_E013(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """ANONYMISE(SET_DEFAULT) without a default: Django's fields.E321 does not see through ANONYMISE."""
    return [
        message(
            "E013",
            f"{field_label(field)} has on_delete=ANONYMISE(SET_DEFAULT) but no default.",
            "Set a default, or use another action.",
            field,
        )
        for field in _anonymised_keys(app_configs)
        if _action(field) is models.SET_DEFAULT and not field.has_default()
    ]


def check_E014(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """ANONYMISE on a model that declares nothing."""
    return [
        message(
            "E014",
            f"{field_label(field)} has on_delete=ANONYMISE, but its model is not registered.",
            "Give the model a PrivacyMeta, or use another on_delete.",
            field,
        )
        for field in _anonymised_keys(app_configs)
        if field.model not in registry
    ]


def check_W024(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """ANONYMISE on a model that says can_anonymise = False: its rows are left as they are."""
    return [
        message(
            "W024",
            f"{field_label(field)} has on_delete=ANONYMISE, but its model says can_anonymise = False: when the target "
            "is deleted, the key is changed and the rest of the row stays as it is.",
            "Take can_anonymise = False out of the PrivacyMeta, or use another on_delete.",
            field,
        )
        for field in _anonymised_keys(app_configs)
        if field.model in registry and not registry.declaration(field.model).meta.can_anonymise
    ]


def check_E015(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """A registered model under DB_CASCADE: its rows disappear without a signal, and so without an event."""
    return [
        message(
            "E015",
            f"{field_label(field)} has on_delete=DB_CASCADE: its rows are deleted without a signal, and not logged.",
            "Use models.CASCADE, or on_delete=ANONYMISE(...).",
            field,
        )
        for field in _foreign_keys(app_configs)
        if field.model in registry and getattr(field.remote_field.on_delete, "__name__", "") == "DB_CASCADE"
    ]


def _foreign_keys(app_configs: Any) -> Iterator[Any]:
    for model in apps.get_models():
        if app_configs is None or model._meta.app_config in app_configs:
            for field in model._meta.local_fields:
                if field.remote_field and hasattr(field.remote_field, "on_delete"):
                    yield field


def _anonymised_keys(app_configs: Any) -> Iterator[Any]:
    return (field for field in _foreign_keys(app_configs) if isinstance(field.remote_field.on_delete, ANONYMISE))


def _action(field: Any) -> Any:
    return field.remote_field.on_delete.action
