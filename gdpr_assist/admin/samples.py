"""What becomes of some rows, as the pages of the admin show it: its own way with values, and the text of a row."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib.admin.utils import display_for_field
from django.db.models import FileField, Model, URLField
from django.db.models.fields.files import FieldFile
from django.utils.formats import localize
from django.utils.text import Truncator
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from .. import samples as made
from ..planning.plans import Plan
from ..samples import Sample
from .naming import LONGEST_CELL, name_of


def samples(plan: Plan, rows: Iterable[Model]) -> list[Sample]:
    """Return what ``plan`` makes of ``rows``. The values are personal data: for a page, and nothing that lasts."""
    return made.samples(plan, rows, show=_shown, name=name_of)


def _shown(field: Any, value: Any) -> str:
    """Return a value as the admin has it in its lists, but without icons and links, and not longer than a cell."""
    if isinstance(value, (bytes, memoryview)):
        return ngettext("%(size)s byte", "%(size)s bytes", len(value)) % {"size": localize(len(value))}
    if isinstance(value, bool):
        return _("Yes") if value else _("No")
    if isinstance(value, (str, FieldFile)):
        value = Truncator(str(value)).chars(LONGEST_CELL)
        return value if isinstance(field, (FileField, URLField)) else str(display_for_field(value, field, ""))
    return str(display_for_field(value, field, ""))
