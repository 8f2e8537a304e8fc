"""What an erasure of a person would do, for the page: by what becomes of the rows, in a few numbers. Reads only."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from django.contrib.admin import AdminSite
from django.http import HttpRequest
from django.utils.formats import localize
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from ..copies.files import personal_file_fields
from ..copies.named import MaySee, NamedFiles, named, named_by
from ..databases.rows import batch_size, chunks
from ..declaring.meta import all_rows
from ..export.naming import called_in
from ..registry import registry
from ..subjects.lines import Line
from ..subjects.shares import LEFT
from .beside import FilesOfField, files, kept_elsewhere
from .confirmation import is_forced
from .naming import MOST_NAMES, counted
from .permissions import may_view_all
from .person import Group, Page
from .searched import way_in_words


@dataclass(frozen=True, kw_only=True)
class Part:
    """Some of what an erasure would do."""

    title: str
    groups: list[Group]
    files: list[FilesOfField]
    texts: list[str]

    @property
    def has_any(self) -> bool:
        return bool(self.groups or self.files or self.texts)


def parts(request: HttpRequest, site: AdminSite, page: Page) -> list[Part]:
    """Return what an erasure would do, part by part; none that has nothing."""
    lines = [line for group, line in zip(page.groups, page.lines, strict=True) if group.going]
    plans = [line.share.plan for line in lines if line.share.plan]
    every = [
        _part(_("What will be anonymised"), _which(page.groups, "anonymise")),
        _part(_("What will be deleted"), _which(page.groups, "delete")),
        _part(
            _("Files that will be deleted, unless another row names them"),
            files=files(_files(request, site, lines)),
        ),
        _part(_("Copies that will go with these"), _copies(page.groups), texts=kept_elsewhere(plans)),
        _part(
            _("What will stay, and on which ground"),
            _which(page.groups, "keep"),
            texts=[text for line in lines for text in _kept_fields(line)],
        ),
        _part(_("What only refers to this person, and will stay"), _which(page.groups, LEFT)),
    ]
    return [each for each in every if each.has_any]


def summary(page: Page, found: Iterable[Part]) -> list[str]:
    """Return the same in numbers, a sentence for each that is not 0."""
    numbers = [
        (_total(_which(page.groups, "anonymise")), _anonymised),
        (_total(_which(page.groups, "delete")), _deleted),
        (sum(each.count for part in found for each in part.files), _of_files),
        (_total(_copies(page.groups)), _copied),
        (_total(_which(page.groups, "keep")), _kept),
        (_total(_which(page.groups, LEFT)), _left),
    ]
    return [say(number) % {"count": localize(number)} for number, say in numbers if number]


def _part(
    title: str, groups: list[Group] | None = None, *, files: list[FilesOfField] | None = None, texts: Any = ()
) -> Part:
    return Part(title=title, groups=groups or [], files=files or [], texts=list(texts))


def _which(groups: list[Group], verb: str) -> list[Group]:
    """Return those of which this will become; those that stay as copies do so beside their rows."""
    stays = verb in ("keep", LEFT)
    return [each for each in groups if each.verb == verb and (stays or (each.going and not each.is_copy))]


def _copies(groups: list[Group]) -> list[Group]:
    return [each for each in groups if each.is_copy and each.going]


def _total(groups: Iterable[Group]) -> int:
    return sum(each.going or each.count for each in groups)


def _anonymised(count: int) -> str:
    return ngettext("%(count)s row will be anonymised.", "%(count)s rows will be anonymised.", count)


def _deleted(count: int) -> str:
    return ngettext("%(count)s row will be deleted.", "%(count)s rows will be deleted.", count)


def _of_files(count: int) -> str:
    return ngettext("%(count)s file will be deleted.", "%(count)s files will be deleted.", count)


def _copied(count: int) -> str:
    return ngettext("%(count)s copy will go with these.", "%(count)s copies will go with these.", count)


def _kept(count: int) -> str:
    return ngettext("%(count)s row will stay.", "%(count)s rows will stay.", count)


def _left(count: int) -> str:
    return ngettext("%(count)s row only refers to this person.", "%(count)s rows only refer to this person.", count)


def _kept_fields(line: Line) -> Iterator[str]:
    """Yield the fields that stay of rows of which others are anonymised, and why."""
    model = line.share.found.model
    for name, why in line.share.staying.items():
        text = _("%(field)s of %(rows)s (%(why)s)")
        yield text % {
            "field": called_in(model, name),
            "rows": counted(model, line.count),
            "why": way_in_words(model, why),
        }


def _files(request: HttpRequest, site: AdminSite, lines: list[Line]) -> Iterator[NamedFiles]:
    """Yield the stored files that go with the rows: their names where the user may view each of these."""
    may_see = partial(may_view_all, request, site)
    models = {line.share.found.model for line in lines}
    for line in lines:
        if line.share.plan:
            plan = replace(line.share.plan, force=is_forced(request))
            yield from named_by(plan, MOST_NAMES, may_see, models)
        elif line.share.verb == "delete" and line.share.found.model in registry:
            yield from _files_of_deleted(line, may_see)


def _files_of_deleted(line: Line, may_see: MaySee) -> Iterator[NamedFiles]:
    model, using = line.share.found.model, line.share.found.using
    fields = personal_file_fields(registry.declaration(model))
    # Those that go by cascade are known by their keys, which may be more than a statement takes.
    some = [all_rows(model, using).filter(pk__in=part) for part in chunks(line.keys, batch_size(using))]
    for rows in (some or [line.share.found.rows]) if fields else ():
        yield from named(rows, fields, MOST_NAMES, may_see)
