"""What stands for a row in a form, and what leads from its page to the people that it is about. Reads only."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib.admin import AdminSite
from django.contrib.contenttypes.models import ContentType
from django.db.models import Model
from django.http import HttpRequest
from django.urls import reverse

from ..paths import clauses_of
from ..registry import concrete
from ..tables import PersonalData, stored_key
from ..undocumented import admin_of


def value_of(row: Model) -> str:
    """Return what stands for a row in a form."""
    kind = ContentType.objects.get_for_model(row)
    return f"{row._state.db}/{kind.pk}-{stored_key(row.pk)}"


@dataclass(frozen=True, kw_only=True)
class Link:
    """A button on the page of a row that leads to the tool."""

    url: str
    value: str
    party: str
    """Whose page it leads to, of a row that is about several people."""


def links_to_people(request: HttpRequest, site: AdminSite, row: Model) -> list[Link]:
    """Return what leads from a row to the people that it is about; nothing where the user may not use the tool."""
    model = concrete(type(row))
    tool = admin_of(site, PersonalData)
    if tool is None or not tool.has_view_permission(request) or not clauses_of(model).says_whose:
        return []
    url = reverse("admin:gdpr_assist_personaldata_changelist", current_app=site.name)
    return [Link(url=url, value=value_of(row), party=party) for party in clauses_of(model).parties or [""]]
