"""What becomes of some rows, field by field: before, and after by the rule, in words. Calls no anonymiser."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django.contrib.admin.utils import display_for_field
from django.db.models import FileField, Model, URLField
from django.db.models.fields.files import FieldFile
from django.utils.text import Truncator
from django.utils.translation import gettext as _

from ..copies.files import file_changes
from ..declaring.declaration import Change
from ..declaring.rules import is_hashed_password
from ..planning.plans import Plan
from .naming import LONGEST_CELL, name_of


@dataclass(frozen=True, kw_only=True)
class FieldSample:
    """One field of one row."""

    name: str
    before: str
    after: str
    """In words: "is emptied", "becomes 17"."""

    file: str = ""
    """The name of the file that is deleted."""


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One row, with what becomes of its personal fields."""

    name: str
    fields: list[FieldSample]


def samples(plan: Plan, rows: Iterable[Model]) -> list[Sample]:
    """Return what ``plan`` makes of ``rows``. The values are personal data: for a page, and nothing that lasts."""
    files = {each.name for each in file_changes(plan.declaration, plan.part)}
    return [Sample(name=name_of(row), fields=list(_fields(plan, row, files))) for row in rows]


def _fields(plan: Plan, row: Model, files: set[str]) -> Iterator[FieldSample]:
    for change in plan.changes:
        field = change.field
        if field.many_to_many:
            yield FieldSample(name=_verbose(change), before="", after=_("its links go"))
            continue
        held = getattr(row, field.attname)
        before = "••••" if is_hashed_password(field) and held else _shown(field, held)
        is_file = isinstance(field, FileField) and field.name in files and held not in ("", field.get_default())
        yield FieldSample(
            name=_verbose(change),
            before=before,
            after=_after(change, row, held),
            file=before if is_file else "",
        )


def _verbose(change: Change) -> str:
    return str(change.field.verbose_name)


def _after(change: Change, row: Model, held: Any) -> str:
    made = change.replacement
    if made is None:
        # It may do more than give a value, and this is a preview.
        return _("becomes what the site's own %(function)s gives") % {"function": f"anonymise_{change.field.name}()"}
    if is_hashed_password(change.field):
        return _("becomes one that nobody knows")
    if made.holds is None:  # the time, something by chance, or what a project's own rule gives
        return _("becomes: %(words)s") % {"words": made.words or _("what the rule of its field gives")}
    value = made.value(row)
    if value in (None, "") and isinstance(value, (str, type(None))):
        return _("is empty, and stays so") if held in (None, "") else _("is emptied")
    after = _shown(change.field, value)
    return _("stays %(value)s") % {"value": after} if value == held else _("becomes %(value)s") % {"value": after}


def _shown(field: Any, value: Any) -> str:
    """Return a value as the admin has it in its lists, but without icons and links, and not longer than a cell."""
    if isinstance(value, (bytes, memoryview)):
        return _("%(count)s bytes") % {"count": len(value)}
    if isinstance(value, bool):
        return _("Yes") if value else _("No")
    if isinstance(value, (str, FieldFile)):
        value = Truncator(str(value)).chars(LONGEST_CELL)
        return value if isinstance(field, (FileField, URLField)) else str(display_for_field(value, field, ""))
    return str(display_for_field(value, field, ""))
