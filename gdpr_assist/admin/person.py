"""The page of one person: what an erasure would do, in numbers and by names, and what is not included. Reads only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from django.contrib.admin import AdminSite
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.formats import localize
from django.utils.translation import gettext as _

from ..databases.rows import batch_size, chunks
from ..declaring.meta import all_rows
from ..export.naming import called_in
from ..phrases import translated
from ..planning.plans import Plan
from ..planning.superusers import is_among, staff_among
from ..registry import registry
from ..samples import MOST_SAMPLES, Sample
from ..subjects.cascade import PROTECTED, Obstacle
from ..subjects.doubts import Doubt as HeldRows
from ..subjects.lines import Line, last_superuser
from ..subjects.shares import LEFT
from ..subjects.showing import keys_to_things
from ..subjects.subject import Subject
from ..tables import stored_key
from ..undocumented import admin_of
from .before import Before, Named, erased_before, last
from .confirmation import is_forced
from .denied import denial
from .naming import MOST_NAMES, counted, name_of, url_of
from .people import own_rows
from .permissions import lets_nobody_edit, may_anonymise_all, may_delete_all, may_view, may_view_all
from .permissions import shown as visible
from .samples import samples
from .searched import way_in_words
from .shown import MOST_STAMPED, stamp


@dataclass(frozen=True, kw_only=True)
class Group:
    """Some rows of one model, and what becomes of them."""

    title: str
    """"3 orders"."""

    count: int
    marked: int = 0
    """How many of them were anonymised before."""

    going: int = 0
    """How many of them will be anonymised or deleted: of those that were anonymised before, all or none."""

    changed: str = ""
    """These in words, or all of them where none goes: "2 orders"."""

    verb: str = ""
    """What becomes of them, as ``Share.verb`` says; empty of rows in doubt."""

    is_copy: bool = False
    ways: str
    done: str = ""
    notes: list[str] = field(default_factory=list)
    names: list[Named]
    """The first rows."""

    others: int
    """How many rows have no name here."""

    purposes: tuple[str, ...] = ()
    recipients: tuple[str, ...] = ()

    samples: Callable[[], list[Sample]] = field(default=list, repr=False)
    """Returns what becomes of the first rows, field by field: read for the page alone, and not to compare it."""


@dataclass(frozen=True, kw_only=True)
class Doubt:
    """Rows that are not included, unless the user ticks them."""

    name: str
    group: Group
    can_include: bool
    is_ticked: bool


@dataclass(frozen=True, kw_only=True)
class Page:
    """What the page shows."""

    names: list[tuple[str, str | None]]
    """The rows that are the person; none for a guest."""

    groups: list[Group]
    lines: list[Line] = field(repr=False)
    """The same, as the erasure has them."""

    doubts: list[Doubt]
    outside: list[str]
    """Models with a row of the person that the user may not see or change. Then nothing is exported or erased."""

    uneditable: list[str]
    """Labels of those of them whose admin lets nobody edit them, and says nothing of anonymising."""

    obstacles: list[str]
    """Rows because of which nothing can be erased, and why."""

    unseen: list[str]
    """Models of them of which the user may not see a row. Then none of the person is shown."""

    unshown: list[str]
    """Models with a row that the export would name, and that the user may not see. Then nothing is exported."""

    no_erasure: list[PermissionDenied] = field(repr=False)
    """Why the user may not erase the person; empty if they may."""

    no_export: list[PermissionDenied] = field(repr=False)
    """Why the user may not export the person."""

    marked: int
    refilled: int
    last_superuser: bool
    """Whether an erasure takes the last account that may do everything."""

    is_herself: bool
    """Whether the user is among the rows."""

    staff: int
    """How many accounts of those who may log in to the admin; none where that says it already."""

    rows: int
    """How many rows will be anonymised or deleted."""

    token: str = field(repr=False)
    """Stands for what is shown. What is confirmed must be the same."""

    @property
    def counts(self) -> dict[str, int]:
        """{label, with the part, or with how rows in doubt were found: how many rows are shown}"""
        found: Counter[str] = Counter()
        for line in self.lines:
            if line.share.verb != LEFT:
                found[line.share.name] += line.count
        return {**found, **{each.name: each.group.count for each in self.doubts}}

    @property
    def does_something(self) -> bool:
        """Whether an erasure has anything to do. Copies go with their rows."""
        return any(each.going for each in self.groups if not each.is_copy)

    @property
    def erased(self) -> Before | None:
        """The last erasure of a person all of whose rows were anonymised before; None of anybody else.

        They may be filled again since.
        """
        hers = [each for each in self.groups if not each.is_copy and each.verb in ("anonymise", "delete")]
        if not hers or any(each.marked < each.count for each in hers):
            return None
        return last(row for each in hers for row in each.names)


def page_of(request: HttpRequest, site: AdminSite, subject: Subject) -> Page:
    """Return the page of a person."""
    seen = subject.outlook()
    doubts = subject.doubts()
    # What she only did something to stays, and is shown to those who may see it anyway.
    lines = [line for line in seen.lines if line.share.verb != LEFT]
    cascaded = [line for line in lines if line.share.is_cascade]
    # Copies and links go with their rows: for these no right is needed, and for some of them there is none.
    rest = [line for line in lines if not line.share.is_cascade and not line.share.is_copy]
    own = [line for line in rest if not line.share.found.model._meta.auto_created]
    unseen = [line for line in own if not may_view_all(request, site, line.share.found.rows)]
    refused = [line for line in own if not _may_change(request, site, line)]
    closed = [*refused, *(line for line in cascaded if not _may_go(request, site, line))]
    unshown = [model for line in own for model in _unshown(request, site, line)]
    not_seen = [denial(request, line.share.found.model, "view") for line in unseen]
    not_changed = [denial(request, line.share.found.model, _action(line)) for line in closed]
    going = [*(line for line in own if line.share.verb != "keep"), *cascaded]
    shown = [line for line in seen.lines if line.share.verb != LEFT or may_view(request, site, line.share.found.model)]
    return Page(
        names=[(name_of(row), url_of(request, site, type(row), row)) for row in own_rows(request, site, subject)],
        groups=[] if unseen else [_group(request, site, line) for line in shown],
        lines=[] if unseen else shown,
        doubts=[]
        if unseen
        else [
            Doubt(
                name=each.name,
                group=_of_rows(request, site, each.rows, translated(each.reason)),
                can_include=each.can_include,
                is_ticked=each.name in request.POST.getlist("include"),
            )
            for each in doubts
            if may_view_all(request, site, each.rows)
        ],
        outside=_labels(line.share.found.model for line in [*unseen, *closed]),
        uneditable=_uneditable(request, site, refused),
        obstacles=[_obstacle(each) for each in seen.obstacles],
        unseen=_labels(line.share.found.model for line in unseen),
        unshown=_labels(unshown),
        no_erasure=[*not_seen, *not_changed],
        no_export=[*not_seen, *(denial(request, model, "view") for model in unshown)],
        marked=sum(line.marked for line in lines),
        refilled=sum(line.refilled for line in lines),
        last_superuser=bool(last_superuser(lines)),
        is_herself=any(is_among(request.user.pk, line.share.found.rows) for line in going),
        staff=0 if last_superuser(lines) else sum(staff_among(line.share.found.rows) for line in going),
        rows=sum(_going(request, line) for line in going),
        token=_token(request, site, subject, lines, doubts),
    )


def _token(request: HttpRequest, site: AdminSite, subject: Subject, lines: list[Line], doubts: list[HeldRows]) -> str:
    """Return what stands for the rows that are shown, what is said of them, to whom and where."""
    said = [(str(line), line.share.found.rows) for line in lines if not line.share.is_cascade]
    said += [(f"{each.name}: {each.rows.count()}, {each.reason}", each.rows) for each in doubts]
    stamps = [f"{request.user.pk} on {site.name}: {request.path}", str(subject)]
    for text, rows in said:
        keys = rows.order_by("pk").values_list("pk", flat=True)[:MOST_STAMPED]
        stamps.append(f"{text} on {rows.db}: {list(map(stored_key, keys))}")
    stamps += [f"{line} {list(map(stored_key, line.keys))}" for line in lines if line.share.is_cascade]
    return stamp(stamps)


def _labels(models: Iterable[type[Model]]) -> list[str]:
    return sorted({str(model._meta.verbose_name_plural) for model in models})


def _action(line: Line) -> str:
    return "change" if line.share.plan else "delete"


def _unshown(request: HttpRequest, site: AdminSite, line: Line) -> Iterator[type[Model]]:
    """Yield the models that the user may not see, of rows that are nobody's and of which the export has the text."""
    rows = line.share.found.rows
    for name in keys_to_things(registry.declaration(rows.model)) if rows.model in registry else ():
        key: Any = rows.model._meta.get_field(name)
        things = all_rows(key.related_model, rows.db)
        things = things.filter(**{f"{key.target_field.name}__in": rows.order_by().values(name)})
        if not may_view_all(request, site, things) and things.exists():
            yield things.model


def _may_change(request: HttpRequest, site: AdminSite, line: Line) -> bool:
    rows = line.share.found.rows
    if line.share.verb == "keep":
        return True
    return (may_anonymise_all if line.share.plan else may_delete_all)(request, site, rows)


def _uneditable(request: HttpRequest, site: AdminSite, refused: list[Line]) -> list[str]:
    found = [line.share.found for line in refused if line.share.plan]
    return sorted({each.label for each in found if lets_nobody_edit(request, site, each.model)})


def _may_go(request: HttpRequest, site: AdminSite, line: Line) -> bool:
    """Whether the rows may go by cascade. As Django's page for deleting asks it: only where the model has an admin."""
    model, using = line.share.found.model, line.share.found.using
    parts = chunks(line.keys, batch_size(using)) if admin_of(site, model) else ()
    return all(may_delete_all(request, site, all_rows(model, using).filter(pk__in=part)) for part in parts)


def _going(request: HttpRequest, line: Line) -> int:
    """Return how many rows will be anonymised or deleted: of those that were anonymised before, all or none."""
    return line.count - (0 if is_forced(request) else line.marked)


def _group(request: HttpRequest, site: AdminSite, line: Line) -> Group:
    share = line.share
    names = {change.field.name: str(change.field.verbose_name) for change in share.plan.changes} if share.plan else {}
    done = {
        "anonymise": _("will be anonymised: %(fields)s") % {"fields": ", ".join(names.values()) or _("nothing")},
        "delete": _("will be deleted with the above") if share.is_cascade else _("will be deleted"),
        "keep": _("will be kept (%(ground)s)") % {"ground": translated(share.ground)},
        LEFT: _("will be left as they are"),
    }[share.verb]
    if share.plan and share.plan.clears:
        links = ", ".join(called_in(share.found.model, name) for name in share.plan.clears)
        done += "; " + _("links that will go: %(fields)s") % {"fields": links}
    notes = []
    if line.marked:
        notes.append(_("%(count)s anonymised before") % {"count": localize(line.marked)})
    if line.refilled:
        notes.append(_("%(count)s of these filled again since") % {"count": localize(line.refilled)})
    rows = share.found.rows.none() if share.is_copy else share.found.rows
    if share.is_cascade or share.verb == LEFT:
        rows = _for_the_user(request, site, line)
    going = _going(request, line) if share.verb in ("anonymise", "delete") else 0
    plan, ways = None if share.is_copy else share.plan, way_in_words(share.found.model, line.how)
    group = replace(
        _of_rows(request, site, rows, ways, line.count, plan if line.marked else None),
        verb=share.verb,
        is_copy=share.is_copy,
        done=done,
        notes=notes,
        marked=line.marked,
        going=going,
        changed=counted(share.found.model, going or line.count),
    )
    if plan is None:
        return group
    if going < line.count:
        rows = rows.exclude(pk__in=plan.done().order_by().values("pk"))
    return replace(group, samples=partial(samples, plan, rows.order_by("pk")[:MOST_SAMPLES]))


def _for_the_user(request: HttpRequest, site: AdminSite, line: Line) -> QuerySet[Any]:
    """Return those of the first rows that the user may see: the number is shown to others, too."""
    rows = line.share.found.rows
    if not may_view(request, site, rows.model):
        return rows.none()
    first = line.keys[:MOST_NAMES] or list(rows.order_by("pk").values_list("pk", flat=True)[:MOST_NAMES])
    return visible(request, site, all_rows(rows.model, rows.db).filter(pk__in=first))


def _of_rows(
    request: HttpRequest,
    site: AdminSite,
    rows: QuerySet[Any],
    ways: str,
    count: int | None = None,
    plan: Plan | None = None,
) -> Group:
    """Return them as a group; which of them were anonymised before is said where there is a ``plan`` that may tell."""
    count = rows.count() if count is None else count
    named = list(rows.order_by("pk")[:MOST_NAMES])
    before = erased_before(plan, named) if plan else {}
    declared = registry.declaration(rows.model) if rows.model in registry else None
    return Group(
        title=counted(rows.model, count),
        count=count,
        ways=ways,
        names=[Named(name_of(row), url_of(request, site, rows.model, row), before.get(row.pk)) for row in named],
        others=count - len(named) if named else 0,
        purposes=declared.purposes if declared else (),
        recipients=declared.recipients if declared else (),
    )


def _obstacle(obstacle: Obstacle) -> str:
    rows, deleted = counted(obstacle.model, obstacle.count), obstacle.deleted._meta.verbose_name_plural
    if obstacle.why == PROTECTED:
        return _("%(deleted)s are protected by %(rows)s") % {"deleted": deleted, "rows": rows}
    return _("%(rows)s would be deleted with %(deleted)s: %(why)s") % {
        "rows": rows,
        "deleted": deleted,
        "why": translated(obstacle.why),
    }
