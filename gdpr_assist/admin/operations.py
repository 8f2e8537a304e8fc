"""What a page that asks signs: the id of the operation, and what it has shown.

Who confirms it twice is shown what was done once; and what was not shown is not confirmed.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.contrib.admin import AdminSite
from django.core import signing
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _

from ..loading import at_first_call
from ..tables import Operation
from ..undocumented import admin_of
from .permissions import ERASURES, may_use
from .selection import SelectionError

if TYPE_CHECKING:
    from ..databases.aliases import data_aliases
    from ..log.history import is_readable
    from ..log.receipts import has_receipt
else:
    data_aliases = at_first_call("gdpr_assist.databases.aliases.data_aliases")
    is_readable = at_first_call("gdpr_assist.log.history.is_readable")
    has_receipt = at_first_call("gdpr_assist.log.receipts.has_receipt")

# The name of the field of the form
NAME = "operation"

# In seconds: as long as what the page shows is kept
VALID = 30 * 60


class AnsweredRequest(HttpRequest):
    """What a job makes of a request that was answered before: what it confirms was in time then."""


@dataclass(frozen=True, kw_only=True)
class Signed:
    """What a page has signed for its form. It holds no personal data."""

    operation: uuid.UUID
    counts: dict[str, int]
    """{label, with what tells which rows: how many were shown}"""

    token: str
    """Stands for all that was shown."""


def drawn(request: HttpRequest, site: AdminSite, address: str, *, counts: Mapping[str, int], token: str) -> str:
    """Return a new id for the form of a page and what it shows, signed: for this user, on this site, for a while.

    ``address`` is where the form is posted to: of a person or of rows that are selected, it has the id of the errand.
    """
    held = {"operation": uuid.uuid4().hex, "counts": dict(counts), "token": token}
    return signing.dumps(held, salt=_salt(request, site, address))


def posted(request: HttpRequest, site: AdminSite) -> uuid.UUID | None:
    """Return the id that was posted, None if there is none: then nothing can be confirmed.

    Raises ``SelectionError`` as ``signed`` does.
    """
    found = signed(request, site)
    return found.operation if found else None


def signed(request: HttpRequest, site: AdminSite) -> Signed | None:
    """Return what the page has signed whose form was posted, None if there is nothing.

    Raises ``SelectionError`` for what no page has signed for this user and this address, or too long ago.
    """
    text = request.POST.get(NAME)
    if not text:
        return None
    max_age = None if isinstance(request, AnsweredRequest) else VALID
    try:
        held = signing.loads(text, salt=_salt(request, site, request.path), max_age=max_age)
        return Signed(**held | {"operation": uuid.UUID(hex=held["operation"])})
    except (signing.BadSignature, ValueError, TypeError):
        raise SelectionError(too_old()) from None


def is_done(operation: uuid.UUID | None) -> bool:
    """Return whether ``operation`` took effect."""
    return operation is not None and any(has_receipt(operation, using) for using in data_aliases())


def url_of(request: HttpRequest, site: AdminSite, operation: uuid.UUID) -> str | None:
    """Return the page of ``operation``, None where there is none, or none for this user."""
    if admin_of(site, Operation) is None or not may_use(request, ERASURES) or not is_readable():
        return None
    return reverse("admin:gdpr_assist_operation_change", args=[operation], current_app=site.name)


def too_old() -> str:
    return _("This page is older than half an hour, or was shown to somebody else. Nothing was changed; look again.")


def done_before() -> str:
    return _("This was confirmed before, and is done. It was not done again.")


def led(tool: Any, request: HttpRequest, operation: uuid.UUID | None) -> HttpResponse:
    """Return what leads to the page of ``operation`` if it took effect and there is one for this user, else back."""
    url = url_of(request, tool.admin_site, operation) if operation and is_done(operation) else None
    return HttpResponseRedirect(url or tool.own_url())


def _salt(request: HttpRequest, site: AdminSite, address: str) -> str:
    return f"gdpr_assist.operation:{request.user.pk}:{site.name}:{address}"
