"""Checks of what routers say about the databases of personal rows; opens no connection."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.core.checks import CheckMessage
from django.db import models, router

from ..instances import written
from ..placement import cure, kept_off
from .messages import declarations, message


def check_E027(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """The routers put personal rows where they do not put the tables that each erasure needs beside them."""
    return [
        message("E027", _said(using, rows, apps), cure(using))
        for using, rows, apps in _apart(app_configs)
        if any(router.allow_migrate_model(using, model) for model in rows)
    ]


def check_W008(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """The same where the routers do not put the personal tables themselves: they are made by something else."""
    return [
        message(
            "W008",
            _said(using, rows, apps),
            f"{cure(using)} If what makes the other tables of {using!r} makes these too, silence this check.",
        )
        for using, rows, apps in _apart(app_configs)
        if not any(router.allow_migrate_model(using, model) for model in rows)
    ]


def _apart(app_configs: Any) -> Iterator[tuple[str, list[type[models.Model]], list[str]]]:
    for using, rows in written(each.model for each in declarations(app_configs)).items():
        if apps := kept_off(using):
            yield using, rows, apps


def _said(using: str, rows: list[type[models.Model]], apps: list[str]) -> str:
    labels = ", ".join(model._meta.label for model in rows)
    return (
        f"The routers write {labels} on {using!r}, but allow_migrate answers False there for {' and '.join(apps)}: "
        "nothing can be erased there."
    )
