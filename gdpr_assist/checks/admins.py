"""The check of the admins that people have on the sites of the project. Asks no database."""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.core.checks import CheckMessage

from ..conf import tool_has_permissions
from ..registry import registry
from ..tables import PersonalData
from ..undocumented import admin_of, admin_sites
from .messages import declarations, message

# Not imported: the admin may not be installed.
OURS = "gdpr_assist.admin.model_admin"


def check_W036(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """People have an admin that does not lead to their data, nor says what goes with them."""
    if not apps.is_installed("django.contrib.admin"):
        return []
    return [
        message(
            "W036",
            f"{model._meta.label}: its admin on the site {site.name!r}, {type(own).__module__}.{type(own).__name__}, "
            "has no button to the data of the person, and its page for deleting does not say what will be anonymised.",
            f"Write gdpr_assist.admin.extend({model.__name__}) in the admin.py of an app that stands after "
            f"{model._meta.app_config.name} in INSTALLED_APPS, or gdpr_assist.admin.ModelAdmin before the other bases "
            "of an admin of your own.",
            model,
            may_wait=True,
        )
        for each in declarations(app_configs)
        if each.clauses.is_person
        for model in registry.family(each.model)
        for site in admin_sites()
        if (own := admin_of(site, model)) and not any(base.__module__ == OURS for base in type(own).__mro__)
    ]


def check_W037(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """The Personal data tool asks for the permissions of 1.x, which give more than they say."""
    is_there = apps.is_installed("django.contrib.admin") and any(
        admin_of(site, PersonalData) for site in admin_sites()
    )
    if app_configs is not None or tool_has_permissions() or not is_there:
        return []
    return [
        message(
            "W037",
            "Whoever has view_personaldata may search for everybody's data and export it, and whoever has "
            "change_personaldata may erase it: GDPR_TOOL_PERMISSIONS is False, as in 1.x.",
            "Give each officer what she needs of search_personaldata, export_personaldata, anonymise_personaldata and "
            "view_erasures, and set GDPR_TOOL_PERMISSIONS = True. The next major release does.",
        )
    ]
