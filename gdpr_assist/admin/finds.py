"""What the page of a search says of what it finds. Reads only."""

from __future__ import annotations

import json
from typing import Any

from django.contrib.admin import AdminSite
from django.core.paginator import Paginator
from django.db.models import Model
from django.http import HttpRequest

from ..declaring.search import Failed
from .asked import EVERYTHING, Search
from .people import search
from .refusals import could_not_be_searched
from .results import pages_of, tables
from .searched import is_short
from .selection import page_number


def found(request: HttpRequest, site: AdminSite, asked: Search, models: list[type[Model]]) -> dict[str, Any]:
    """Return the context of what a search finds among ``models``: those whose rows the user may view."""
    failed: Failed = {}
    results = search(request, site, asked.term, models, failed)
    page, last = page_number(request.GET.get("page")), None
    while last is None or page > last:
        page = min(page, last or page)
        shown = list(tables(request, site, results.others, failed, asked, page))
        last = pages_of(shown)
    here = [table for table in shown if not table.is_elsewhere]
    elsewhere = [table for table in shown if table.is_elsewhere]
    return {
        "term": asked.term,
        "is_short": is_short(asked.term),
        "people": results.people,
        "are_more_people": results.are_more,
        "crowds": results.crowds,
        "tables": here,
        "elsewhere": elsewhere,
        "failed": [could_not_be_searched(model, error) for model, error in failed.items() if model in models],
        "selectable": sum(table.total for table in shown if table.can_select),
        "page": page,
        "pages": list(Paginator(range(last), 1).get_elided_page_range(page)),
        "shown": json.dumps([EVERYTHING, *(value for table in here for value in table.boxes)]),
        "ticked_elsewhere": sum(
            table.total if table.content_type in asked.tables else table.ticked for table in elsewhere
        ),
    }
