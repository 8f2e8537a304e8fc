"""The page that says which permission is missing. Reads only."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _

from ..tables import PersonalData
from .permissions import asked_for, permission_of

# {what somebody wants to do: what an admin is asked}
ASKED = {
    "view": "has_view_permission and get_queryset",
    "change": "has_anonymise_permission, or has_change_permission if it has no such method,",
    "delete": "has_delete_permission",
}


class Denied(PermissionDenied):
    """The user may not do this with the tool, whatever the rows; ``what`` is one of ``permissions``."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what


class Lacking(PermissionDenied):
    """The user lacks ``permission``, which is that of a model: ``shop.view_order``."""

    def __init__(self, permission: str) -> None:
        super().__init__(permission)
        self.permission = permission


class Refused(PermissionDenied):
    """Some rows are not for the user; the text is ours: names of models, no values."""


def denial(request: HttpRequest, model: type[Model], action: str) -> PermissionDenied:
    """Return why the user may not do ``action`` with rows of ``model``: a permission is lacking, or its admin says no.

    What its admin is asked is for whoever writes that, as all names of code are.
    """
    permission = permission_of(model, action)
    if not request.user.has_perm(permission):
        return Lacking(permission)
    asked = ASKED[action]
    return Refused(f"The admin of {model._meta.label} refuses one of the rows: it is asked {asked} of each.")


def explaining(view: Callable[..., Any]) -> Callable[..., Any]:
    """Return a view of a ``ModelAdmin`` such that each denial is a page that says why, and with the status 403."""

    @wraps(view)
    def explained(model_admin: Any, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        try:
            return view(model_admin, request, *args, **kwargs)
        except PermissionDenied as error:
            return _page(model_admin, request, error)

    return explained


def _page(model_admin: Any, request: HttpRequest, error: PermissionDenied) -> TemplateResponse:
    names = dict(PersonalData._meta.permissions)
    request.current_app = model_admin.admin_site.name
    missing = [(error.permission, "")] if isinstance(error, Lacking) else []
    if isinstance(error, Denied):
        missing = [(f"gdpr_assist.{each}", _(names[each]) if each in names else "") for each in asked_for(error.what)]
    context = {
        **model_admin.admin_site.each_context(request),
        "opts": model_admin.opts,
        "title": _("Permission denied"),
        "missing": missing,
        "why": "" if missing else str(error),
    }
    return TemplateResponse(request, ["admin/gdpr_assist/denied.html"], context, status=403)
