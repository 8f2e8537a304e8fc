"""Finds what was erased by the number on its receipt, or by how that begins. Reads only."""

from __future__ import annotations

import string
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy

if TYPE_CHECKING:
    Base = admin.ModelAdmin[Any]
else:
    Base = admin.ModelAdmin

# Of a UUID in hexadecimal digits
DIGITS = 32


class ByNumber(Base):
    """A list of what has a UUID for its key. As the term stands in the address of the page, nothing else is found.

    Its template has the form: ``search_fields`` would have Django show another one.
    """

    number_help = gettext_lazy(
        "The number of the erasure, or its first digits. Enter no name or address: it would be in the server's logs."
    )

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Return the rows whose number begins so, with or without hyphens; none for what is no number."""
        digits = search_term.strip().replace("-", "").lower()
        if len(digits) > DIGITS or not set(digits) <= set(string.hexdigits):
            return queryset.none(), False
        ends = (UUID(digits.ljust(DIGITS, digit)) for digit in "0f")
        return (queryset.filter(pk__range=tuple(ends)) if digits else queryset), False
