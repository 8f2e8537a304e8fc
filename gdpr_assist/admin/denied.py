"""The page that says which permission is missing. Reads only."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _

from ..tables import PersonalData
from .permissions import asked_for


class Denied(PermissionDenied):
    """The user may not do this with the tool, whatever the rows; ``what`` is one of ``permissions``."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what


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
    is_of_tool = isinstance(error, Denied)
    codenames = asked_for(error.what) if isinstance(error, Denied) else []
    context = {
        **model_admin.admin_site.each_context(request),
        "opts": model_admin.opts,
        "title": _("Permission denied"),
        "missing": [(f"gdpr_assist.{each}", str(names.get(each, ""))) for each in codenames],
        "why": "" if is_of_tool else str(error),
    }
    return TemplateResponse(request, ["admin/gdpr_assist/denied.html"], context, status=403)
