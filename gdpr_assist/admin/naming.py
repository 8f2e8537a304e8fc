"""How a row is shown: its text, its page in the admin, and what is in a field of it. Asks nothing itself."""

from __future__ import annotations

from typing import Any

from django.contrib.admin import AdminSite
from django.contrib.admin.utils import display_for_field, display_for_value, model_ngettext, quote
from django.core.exceptions import FieldDoesNotExist
from django.db import router
from django.db.models import Model
from django.http import HttpRequest
from django.urls import reverse
from django.utils.formats import localize
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import Truncator

from ..paths import clauses_of
from ..tables import stored_key
from ..undocumented import admin_of

# Of each model, or field with files, on the pages that ask
MOST_NAMES = 20

# In characters
LONGEST_CELL = 80
EMPTY = "-"


def name_of(row: Model) -> str:
    """Return the text of a row, as its page has it; that of its key if the project's own code has none for it."""
    try:
        text = str(row).strip()
    except Exception:  # noqa: BLE001  (whatever a project's __str__ may raise)
        text = ""
    return text or f"{row._meta.verbose_name} {stored_key(row.pk)}"


def isolated(name: str) -> SafeString:
    """Return a name as HTML for a sentence: one from right to left leaves the words around it where they are."""
    return format_html("<bdi>{}</bdi>", name)


def told_apart(row: Model) -> str:
    """Return what tells a person from others of the same name: what its model calls one, and a value of theirs.

    The value is the first of an identifier in the row itself, and left out where the name has it.
    """
    known = clauses_of(type(row)).identifiers or {}
    columns = {field.name for field in row._meta.concrete_fields if not field.is_relation}
    lookups = (lookup for each in known.values() for lookup in each.lookups if lookup in columns)
    values = [cell(row, lookup) for lookup in lookups if getattr(row, lookup)][:1]
    return ", ".join([str(row._meta.verbose_name), *(value for value in values if value not in name_of(row))])


def cell(instance: Model, name: str) -> str:
    """Return what a field holds as the admin has it in its lists, not longer than a cell."""
    value = getattr(instance, name)
    if isinstance(value, str):
        value = Truncator(value).chars(LONGEST_CELL)
    try:
        field: Any = instance._meta.get_field(name)
    except FieldDoesNotExist:
        return str(display_for_value(value, EMPTY))
    return str(display_for_field(value, field, EMPTY))


def counted(model: type[Model], count: int) -> str:
    """Return a number of rows in words: "2 orders"."""
    return f"{localize(count)} {model_ngettext(model._meta, count)}"


def url_of(request: HttpRequest, site: AdminSite, model: type[Model], instance: Model) -> str | None:
    """Return the page of a row in the admin; None if it has none, or if the user may not see it.

    The page of a row of another database is that of a stranger.
    """
    model_admin = admin_of(site, model)
    if model_admin is None or instance._state.db != router.db_for_write(model):
        return None
    if not model_admin.has_view_or_change_permission(request, instance):
        return None
    opts = model._meta
    name = f"admin:{opts.app_label}_{opts.model_name}_change"
    return reverse(name, args=[quote(instance.pk)], current_app=site.name)
