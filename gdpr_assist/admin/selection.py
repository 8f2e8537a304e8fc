"""Which rows are selected, as text that travels in a form and never in a URL; reads no rows and writes none."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote_plus

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db.models import Model
from django.http import HttpRequest
from django.utils.translation import gettext as _

# SQLite takes 32,766 parameters in one query.
LARGEST_SELECTION = 30_000

# All keys in one field: Django takes 1,000 fields in a form, unless the project's settings say otherwise.
PACKED = "selection"

# What else is in the form, in bytes
OTHER_DATA = 10_000

LARGEST_INTEGER = 2**63

# Of the number of a page
MOST_DIGITS = 6


class SelectionError(Exception):
    """What was posted is no selection; the text is for the user."""


class ChangedError(SelectionError):
    """What is confirmed is not what was shown; the text says what has changed."""


def key_from_text(model: type[Model], text: str) -> Any:
    """Return the primary key that ``text`` stands for. Raises ``SelectionError`` if ``model`` cannot have such one."""
    fields = getattr(model._meta, "pk_fields", [model._meta.pk])  # Django before 5.2 has no composite keys
    try:
        key = model._meta.pk.to_python(text)
        for field, part in zip(fields, key if len(fields) > 1 else [key], strict=True):
            _check(field, part)
    except (ValidationError, ValueError, TypeError):
        raise SelectionError(not_a_selection()) from None
    return tuple(key) if len(fields) > 1 else key


def _check(field: Any, value: Any) -> None:
    """Raise for what no row can have and a database may not even compare: NUL, an integer beyond 64 bits."""
    while field.remote_field:
        field = field.target_field
    field.run_validators(value)
    if isinstance(value, str):
        value.encode()  # a lone surrogate is a ValueError
        if "\0" in value:
            raise ValueError("NUL")
    if isinstance(value, int) and not -LARGEST_INTEGER <= value < LARGEST_INTEGER:
        raise ValueError("beyond 64 bits")


def check_size(count: int, length: int = 0) -> None:
    """Raise ``SelectionError`` for a selection of no rows, or too many for a query or (``length``) for a form."""
    if not count:
        raise SelectionError(_("No rows are selected. Nothing was changed."))
    limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE or float("inf")
    if count > LARGEST_SELECTION or length + OTHER_DATA > limit:
        raise SelectionError(_("Too many rows are selected for one form. Nothing was changed; please select fewer."))


def pack(values: Iterable[str]) -> str:
    """Return ``values`` as the text of one hidden field. Raises ``SelectionError`` if they are none or too many."""
    values = list(values)
    packed = json.dumps(values, separators=(",", ":"))
    check_size(len(values), len(quote_plus(packed)))
    return packed


def posted(request: HttpRequest, name: str) -> list[str]:
    """Return what was posted in the fields called ``name`` or packed into one, each once."""
    return list(dict.fromkeys([*request.POST.getlist(name), *unpacked(request.POST.get(PACKED, "[]"))]))


def unpacked(packed: str) -> list[str]:
    """Return the values in one field. Raises ``SelectionError`` for what is no list of texts in JSON."""
    try:
        values = json.loads(packed)
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise SelectionError(not_a_selection())
    return values


def not_a_selection() -> str:
    return _("The selection could not be read. Nothing was changed; please select again.")


def page_number(given: str | None) -> int:
    """Return the number of a page; 1 for what is none, and for more than any page has."""
    is_number = given is not None and given.isascii() and given.isdecimal() and len(given) <= MOST_DIGITS
    return max(1, int(given)) if given and is_number else 1
