"""What was anonymised before: which of the rows that are named, when, and by which erasure. Reads only."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.contrib.admin import AdminSite
from django.db.models import Model
from django.http import HttpRequest
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from ..log.history import last_anonymised
from ..planning.plans import Plan
from ..registry import registry
from ..routing import here
from ..tables import stored_key
from . import operations


class Before(NamedTuple):
    """An erasure of a row; nothing of it is known where the log has it no more."""

    started: datetime | None = None
    operation: UUID | None = None

    def __str__(self) -> str:
        if self.started is None:
            return _("was anonymised before")
        # Translators: a badge beside the name of a row
        return _("was anonymised on %(day)s") % {"day": _day(self.started)}


class Named(NamedTuple):
    """A row as a page lists it."""

    name: str
    url: str | None = None
    """Its page in the admin, where the user may see it."""

    before: Before | None = None
    """The last erasure of it; None if it was not anonymised before."""


def erased_before(plan: Plan, rows: Iterable[Model]) -> dict[Any, Before]:
    """Return {primary key: the last erasure} of those of ``rows`` that were anonymised before, as ``plan`` has it."""
    keys = plan.marked().filter(pk__in=[row.pk for row in rows]).values_list("pk", flat=True)
    marked = {stored_key(key): key for key in keys}
    label = registry.log_label(plan.declaration.model)
    known = last_anonymised(label, marked, plan.using, here()) if marked else {}
    return {key: Before(*known.get(text, ())) for text, key in marked.items()}


def last(rows: Iterable[Named]) -> Before:
    """Return the last erasure of any of ``rows``, which are those that a page names."""
    known = [each.before for each in rows if each.before and each.before.started]
    return max(known, key=lambda each: (each.started, each.operation), default=Before())


def person_erased(who: str, erasure: Before) -> SafeString:
    """Return in words, as HTML, that somebody was erased, and when; ``who`` is escaped unless it is HTML."""
    if erasure.started is None:
        return format_html(_("%(who)s was erased before.") % {"who": "{}"}, who)
    text = _("%(who)s was erased on %(day)s.") % {"who": "{who}", "day": "{day}"}
    return format_html(text, who=who, day=_day(erasure.started))


def url_of(request: HttpRequest, site: AdminSite, erasure: Before | None) -> str | None:
    """Return the page of an erasure, None where it is not known, or not for the user to see."""
    return operations.url_of(request, site, erasure.operation) if erasure and erasure.operation else None


def _day(started: datetime) -> str:
    return date_format(localtime(started) if started.tzinfo else started, "SHORT_DATE_FORMAT")
