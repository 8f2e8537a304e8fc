"""What becomes of some rows, field by field: before, and after by the rule, in words. Calls no anonymiser."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django.db.models import FileField, Model
from django.utils.text import Truncator
from django.utils.translation import gettext as _

from .copies.files import file_changes
from .declaring.declaration import Change
from .declaring.rules import is_hashed_password
from .phrases import translated
from .planning.plans import Plan
from .tables import stored_key

# Of each model
MOST_SAMPLES = 3

# In characters
LONGEST = 80

# Returns what a field holds, for whoever reads it
Show = Callable[[Any, Any], str]


@dataclass(frozen=True, kw_only=True)
class FieldSample:
    """One field of one row."""

    name: str
    before: str
    after: str
    """In words: "will be emptied", "will become 17"."""

    file: str = ""
    """The name of the file that is deleted."""


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One row, with what becomes of its personal fields."""

    name: str
    fields: list[FieldSample]


def in_text(field: Any, value: Any) -> str:
    """Return ``value`` as a text of one line."""
    if value is None:
        return ""
    if isinstance(value, (bytes, memoryview)):
        return f"{len(value)} bytes"
    return Truncator(" ".join(str(value).split())).chars(LONGEST)


def key_of(row: Model) -> str:
    return stored_key(row.pk)


def samples(
    plan: Plan,
    rows: Iterable[Model],
    *,
    show: Show = in_text,
    name: Callable[[Model], str] = key_of,
    are_invented: bool = False,
) -> list[Sample]:
    """Return what ``plan`` makes of ``rows``. The values are personal data: for a page, and nothing that lasts.

    Of invented rows it is not worked out what takes something that only the database knows.
    """
    files = {each.name for each in file_changes(plan.declaration, plan.part)}
    return [Sample(name=name(row), fields=list(_fields(plan, row, files, show, are_invented))) for row in rows]


def _fields(plan: Plan, row: Model, files: set[str], show: Show, is_invented: bool) -> Iterator[FieldSample]:
    for change in plan.changes:
        field = change.field
        called = str(field.verbose_name)
        if field.many_to_many:
            # Translators: of a field that links a row with others: the links are deleted
            yield FieldSample(name=called, before="", after=_("its links will go"))
            continue
        held = getattr(row, field.attname)
        before = "••••" if is_hashed_password(field) and held else show(field, held)
        is_file = isinstance(field, FileField) and field.name in files and held not in ("", field.get_default())
        after = _after(change, row, held, show, is_invented)
        yield FieldSample(name=called, before=before, after=after, file=before if is_file else "")


def _after(change: Change, row: Model, held: Any, show: Show, is_invented: bool) -> str:
    made = change.replacement
    if made is None:
        return _by_the_site()  # It may do more than give a value, and this is a preview.
    if is_hashed_password(change.field):
        return _("will become one that nobody knows")
    # The time, something by chance, what a project's own rule gives; and what takes the key of the database
    if made.holds is None or made.takes_scrub_key or (is_invented and (made.is_keyed or made.is_asked)):
        return _("will become: %(words)s") % {"words": translated(made.words)} if made.words else _by_the_site()
    value = made.value(row)
    if value in (None, "") and isinstance(value, (str, type(None))):
        return _("is empty, and will stay so") if held in (None, "") else _("will be emptied")
    after = show(change.field, value)
    text = _("will stay %(value)s") if value == held else _("will become %(value)s")
    return text % {"value": after}


def _by_the_site() -> str:
    return _("will be replaced by a rule of this site")
