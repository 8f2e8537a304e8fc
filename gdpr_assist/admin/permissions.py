"""Who may do what with which model in the admin; reads only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.contrib.admin import AdminSite
from django.contrib.auth import get_permission_codename
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from ..conf import tool_has_permissions, tool_sees_all
from ..registry import registry
from ..undocumented import admin_of

# What a user does with the tool: {what: (its own permission, those that allow it where the tool asks for none of its
# own, as in 1.x)}
SEARCH, EXPORT, ANONYMISE, ERASURES = (
    "search_personaldata",
    "export_personaldata",
    "anonymise_personaldata",
    "view_erasures",
)
_IN_1X = {
    SEARCH: ["view_personaldata", "change_personaldata"],
    EXPORT: ["view_personaldata", "change_personaldata"],
    ANONYMISE: ["change_personaldata"],
    ERASURES: ["view_erasures", "view_personaldata", "change_personaldata"],
}


def may_use(request: HttpRequest, what: str) -> bool:
    """Whether the user may do ``what`` with the tool: ``SEARCH``, ``EXPORT``, ``ANONYMISE`` or ``ERASURES``.

    One permission of that name where the tool has permissions of its own (``GDPR_TOOL_PERMISSIONS``).
    """
    return any(request.user.has_perm(f"gdpr_assist.{name}") for name in asked_for(what))


def asked_for(what: str) -> list[str]:
    """Return the permissions of which one is enough to do ``what``."""
    return [what] if tool_has_permissions() else _IN_1X[what]


def can_be_anonymised(model: type[Model]) -> bool:
    """Whether rows of ``model`` can be anonymised at all, whoever asks."""
    return model in registry and registry.declaration(model).can_anonymise


def may_view(request: HttpRequest, site: AdminSite, model: type[Model]) -> bool:
    """Whether the user may see rows of ``model``: its own admin decides, else the user's permission."""
    model_admin = admin_of(site, model)
    if model_admin is not None:
        return model_admin.has_view_permission(request)
    return _has_permission(request, model, "view") or _has_permission(request, model, "change")


def may_anonymise(request: HttpRequest, site: AdminSite, model: type[Model]) -> bool:
    """Whether the user may anonymise rows of ``model``: its own admin decides if it has a say in it, else the user's
    permission. What a plain ``has_change_permission`` says is asked of each row: see ``may_anonymise_all``.
    """
    decide = getattr(admin_of(site, model), "has_anonymise_permission", None)
    if decide is not None:
        return bool(decide(request))
    return can_be_anonymised(model) and _has_permission(request, model, "change")


def may_delete(request: HttpRequest, site: AdminSite, model: type[Model]) -> bool:
    """Whether the user may delete rows of ``model``: its own admin decides, else the user's permission."""
    model_admin = admin_of(site, model)
    if model_admin is not None:
        return model_admin.has_delete_permission(request)
    return _has_permission(request, model, "delete")


def shown(request: HttpRequest, site: AdminSite, rows: QuerySet[Any]) -> QuerySet[Any]:
    """Return those of ``rows`` that the model's own admin shows to the user: by its ``get_queryset``, and by its
    ``has_view_permission``, which is asked of each row; where these are the project's own.

    All of them, also those that the model's manager hides, where neither is, and everywhere with
    ``GDPR_TOOL_SEES_ALL``.
    """
    model_admin = admin_of(site, rows.model)
    if model_admin is None or tool_sees_all():
        return rows
    if _says(model_admin, "get_queryset"):
        visible = model_admin.get_queryset(request).using(rows.db)
        rows = rows.filter(pk__in=visible.order_by().values("pk"))
    if _says(model_admin, "has_view_permission"):
        rows = rows.filter(pk__in=[row.pk for row in rows.iterator() if model_admin.has_view_permission(request, row)])
    return rows


def may_view_all(request: HttpRequest, site: AdminSite, rows: QuerySet[Any]) -> bool:
    """Whether the user may see each of ``rows``."""
    if not may_view(request, site, rows.model):
        return False
    visible = shown(request, site, rows)
    return visible is rows or not rows.exclude(pk__in=visible.order_by().values("pk")).exists()


def may_anonymise_all(request: HttpRequest, site: AdminSite, rows: QuerySet[Any]) -> bool:
    """Whether the user may anonymise each of ``rows``: the model's own admin is asked of each, by
    ``has_anonymise_permission`` if it has that method, else by ``has_change_permission``.

    What that says of no row in particular is no answer: an admin that decides by the row says no there, too.
    """
    names = ["has_anonymise_permission", "has_change_permission"]
    return may_anonymise(request, site, rows.model) and _of_each(request, site, rows, names)


def lets_nobody_edit(request: HttpRequest, site: AdminSite, model: type[Model]) -> bool:
    """Whether the model's own admin says that rows are not to be edited, and nothing of anonymising them."""
    model_admin = admin_of(site, model)
    return (
        model_admin is not None
        and not hasattr(model_admin, "has_anonymise_permission")
        and _says(model_admin, "has_change_permission")
        and not model_admin.has_change_permission(request)
    )


def may_delete_all(request: HttpRequest, site: AdminSite, rows: QuerySet[Any]) -> bool:
    """Whether the user may delete each of ``rows``."""
    return may_delete(request, site, rows.model) and _of_each(request, site, rows, ["has_delete_permission"])


def _of_each(request: HttpRequest, site: AdminSite, rows: QuerySet[Any], names: list[str]) -> bool:
    """Ask the first of the methods ``names`` that the model's admin has of each row, if one is a project's own."""
    model_admin = admin_of(site, rows.model)
    name = next((each for each in names if hasattr(model_admin, each)), None)
    if name is None or tool_sees_all() or not any(_says(model_admin, each) for each in names):
        return True
    decide: Callable[..., bool] = getattr(model_admin, name)
    return all(decide(request, row) for row in rows.iterator())


def _says(model_admin: Any, name: str) -> bool:
    """Whether a project has a method of this name in the admin: not one of ours, nor of Django's."""
    found = next((each for each in type(model_admin).__mro__ if name in vars(each)), admin.ModelAdmin)
    return found is not admin.ModelAdmin and not found.__module__.startswith(("gdpr_assist.", "django."))


def permission_of(model: type[Model], action: str) -> str:
    """Return the permission to do ``action`` with rows of ``model``: ``shop.view_order``."""
    return f"{model._meta.app_label}.{get_permission_codename(action, model._meta)}"


def _has_permission(request: HttpRequest, model: type[Model], action: str) -> bool:
    return request.user.has_perm(permission_of(model, action))
