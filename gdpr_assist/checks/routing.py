"""Checks of what routers say about the databases of personal rows; opens no connection."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage
from django.db import models, router

from ..databases.placement import cure, kept_off
from ..routing import written
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


def check_W023(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """Each tenant's schema (django-tenants) needs tables of its own for receipts and markers, and its own id."""
    entries = _tenant_apps()
    lacking = [
        name
        for name in ("gdpr_assist", "django.contrib.contenttypes")
        if entries and not any(entry == name or entry.startswith(f"{name}.apps.") for entry in entries)
    ]
    return [
        message(
            "W023",
            f"{name} is not in TENANT_APPS: all tenants would share one set of receipts and markers, though rows of "
            "each have the same primary keys.",
            f"Add {name} to TENANT_APPS, and run migrate_schemas.",
        )
        for name in lacking
    ]


def _tenant_apps() -> list[str]:
    """Return the apps that django-tenants puts into a schema for each tenant; none on a site without it."""
    return list(getattr(settings, "TENANT_APPS", None) or ())


def _apart(app_configs: Any) -> Iterator[tuple[str, list[type[models.Model]], list[str]]]:
    if _tenant_apps():
        return  # the router answers for the schema of the moment; W023 looks at the apps instead
    for using, rows in written(each.model for each in declarations(app_configs)).items():
        if apps := kept_off(using):
            yield using, rows, apps


def _said(using: str, rows: list[type[models.Model]], apps: list[str]) -> str:
    labels = ", ".join(model._meta.label for model in rows)
    return (
        f"The routers write {labels} on {using!r}, but allow_migrate answers False there for {' and '.join(apps)}: "
        "nothing can be erased there."
    )
