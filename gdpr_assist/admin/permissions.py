"""Who may do what with which model in the admin; reads only."""

from __future__ import annotations

from django.contrib.admin import AdminSite
from django.contrib.auth import get_permission_codename
from django.db.models import Model
from django.http import HttpRequest

from ..registry import registry
from ..undocumented import admin_of


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
    permission. (An admin that lets nobody edit orders does not mean that nobody may erase the names in them.)
    """
    decide = getattr(admin_of(site, model), "has_anonymise_permission", None)
    if decide is not None:
        return bool(decide(request))
    return can_be_anonymised(model) and _has_permission(request, model, "change")


def _has_permission(request: HttpRequest, model: type[Model], action: str) -> bool:
    codename = get_permission_codename(action, model._meta)
    return request.user.has_perm(f"{model._meta.app_label}.{codename}")
