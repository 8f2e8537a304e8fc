"""The page of one person: what an erasure would do, in numbers and by names, and what is not included. Reads only."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from django.contrib.admin import AdminSite
from django.core.exceptions import FieldDoesNotExist
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _

from ..databases.rows import batch_size, chunks
from ..declaring.meta import all_rows
from ..planning.superusers import is_among, staff_among
from ..registry import registry
from ..subjects.cascade import PROTECTED, Obstacle
from ..subjects.doubts import Doubt as HeldRows
from ..subjects.lines import Line, last_superuser
from ..subjects.shares import LEFT
from ..subjects.showing import keys_to_things
from ..subjects.subject import Subject
from ..tables import stored_key
from ..undocumented import admin_of
from .confirmation import MOST_NAMES, MOST_SAMPLES, counted
from .naming import name_of, url_of
from .people import own_rows
from .permissions import lets_nobody_edit, may_anonymise_all, may_delete_all, may_view, may_view_all
from .permissions import shown as visible
from .samples import Sample, samples

# Of so many rows of a group, none may go or come between the page and its confirmation; of more, the number counts.
MOST_STAMPED = 10_000


@dataclass(frozen=True, kw_only=True)
class Group:
    """Some rows of one model, and what becomes of them."""

    title: str
    """"3 orders"."""

    ways: str
    done: str
    notes: list[str]
    names: list[tuple[str, str | None]]
    """The text of the first rows, and the page of each in the admin where the user may see it."""

    others: int
    """How many rows have no name here."""

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
    doubts: list[Doubt]
    outside: list[str]
    """Models with a row of the person that the user may not see or change. Then nothing is exported or erased."""

    uneditable: list[str]
    """Labels of those of them whose admin lets nobody edit them, and says nothing of anonymising."""

    obstacles: list[str]
    """Rows because of which nothing can be erased, and why."""

    unshown: list[str]
    """Models with a row that the export would name, and that the user may not see. Then nothing is exported."""

    may_export: bool
    marked: int
    refilled: int
    last_superuser: bool
    """Whether an erasure takes the last account that may do everything."""

    is_herself: bool
    """Whether the user is among the rows."""

    staff: int
    """How many accounts of those who may log in to the admin; none where that says it already."""

    rows: int
    """How many rows are anonymised or deleted."""

    token: str = field(repr=False)
    """Stands for what is shown. What is confirmed must be the same."""


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
    unseen = _labels(line for line in own if not may_view_all(request, site, line.share.found.rows))
    refused = [line for line in own if not _may_change(request, site, line)]
    closed = _labels(iter(refused))
    closed += _labels(line for line in cascaded if not _may_go(request, site, line))
    unshown = sorted({name for line in own for name in _unshown(request, site, line)})
    going = [line for line in own if line.share.verb != "keep"]
    shown = [line for line in seen.lines if line.share.verb != LEFT or may_view(request, site, line.share.found.model)]
    return Page(
        names=[(name_of(row), url_of(request, site, type(row), row)) for row in own_rows(request, site, subject)],
        groups=[] if unseen else [_group(request, site, line) for line in shown],
        doubts=[]
        if unseen
        else [
            Doubt(
                name=each.name,
                group=_of_rows(request, site, each.rows, each.reason),
                can_include=each.can_include,
                is_ticked=each.name in request.POST.getlist("include"),
            )
            for each in doubts
            if may_view_all(request, site, each.rows)
        ],
        outside=sorted({*unseen, *closed}),
        uneditable=_uneditable(request, site, refused),
        obstacles=[_obstacle(each) for each in seen.obstacles],
        unshown=unshown,
        may_export=not (unseen or unshown),
        marked=sum(line.marked for line in lines),
        refilled=sum(line.refilled for line in lines),
        last_superuser=bool(last_superuser(lines)),
        is_herself=any(is_among(request.user.pk, line.share.found.rows) for line in going),
        staff=0 if last_superuser(lines) else sum(staff_among(line.share.found.rows) for line in going),
        rows=sum(line.count for line in [*going, *cascaded]),
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
    return salted_hmac("gdpr_assist.person", "\n".join(stamps), algorithm="sha256").hexdigest()


def _labels(lines: Iterator[Line]) -> list[str]:
    return [str(line.share.found.model._meta.verbose_name_plural) for line in lines]


def _unshown(request: HttpRequest, site: AdminSite, line: Line) -> Iterator[str]:
    """Yield the models that the user may not see, of rows that are nobody's and of which the export has the text."""
    rows = line.share.found.rows
    for name in keys_to_things(registry.declaration(rows.model)) if rows.model in registry else ():
        key: Any = rows.model._meta.get_field(name)
        things = all_rows(key.related_model, rows.db)
        things = things.filter(**{f"{key.target_field.name}__in": rows.order_by().values(name)})
        if not may_view_all(request, site, things) and things.exists():
            yield str(things.model._meta.verbose_name_plural)


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


def _group(request: HttpRequest, site: AdminSite, line: Line) -> Group:
    share = line.share
    names = {change.field.name: str(change.field.verbose_name) for change in share.plan.changes} if share.plan else {}
    done = {
        "anonymise": _("anonymised: %(fields)s") % {"fields": ", ".join(names.values()) or _("nothing")},
        "delete": _("deleted with the above") if share.is_cascade else _("deleted"),
        "keep": _("kept (%(ground)s)") % {"ground": share.ground},
        LEFT: _("left as they are"),
    }[share.verb]
    notes = [
        _("%(field)s stays (%(why)s)") % {"field": _verbose(line, name), "why": why}
        for name, why in share.staying.items()
    ]
    if line.marked:
        notes.append(_("%(count)s anonymised before") % {"count": line.marked})
    if line.refilled:
        notes.append(_("%(count)s of these filled again since") % {"count": line.refilled})
    rows = share.found.rows.none() if share.is_copy else share.found.rows
    if share.is_cascade or share.verb == LEFT:
        rows = _for_the_user(request, site, line)
    group = _of_rows(request, site, rows, line.how, done, notes, line.count)
    if share.plan is None or share.is_copy:
        return group
    return replace(group, samples=partial(samples, share.plan, rows.order_by("pk")[:MOST_SAMPLES]))


def _for_the_user(request: HttpRequest, site: AdminSite, line: Line) -> QuerySet[Any]:
    """Return those of the first rows that the user may see: the number is shown to others, too."""
    rows = line.share.found.rows
    if not may_view(request, site, rows.model):
        return rows.none()
    first = line.keys[:MOST_NAMES] or list(rows.order_by("pk").values_list("pk", flat=True)[:MOST_NAMES])
    return visible(request, site, all_rows(rows.model, rows.db).filter(pk__in=first))


def _verbose(line: Line, name: str) -> str:
    try:
        return str(line.share.found.model._meta.get_field(name).verbose_name)  # type: ignore[union-attr]
    except FieldDoesNotExist:
        return name


def _of_rows(
    request: HttpRequest,
    site: AdminSite,
    rows: QuerySet[Any],
    ways: str,
    done: str = "",
    notes: list[str] | None = None,
    count: int | None = None,
) -> Group:
    count = rows.count() if count is None else count
    named = list(rows.order_by("pk")[:MOST_NAMES])
    return Group(
        title=counted(rows.model, count),
        ways=ways,
        done=done,
        notes=notes or [],
        names=[(name_of(row), url_of(request, site, rows.model, row)) for row in named],
        others=count - len(named) if named else 0,
    )


def _obstacle(obstacle: Obstacle) -> str:
    rows, deleted = counted(obstacle.model, obstacle.count), obstacle.deleted._meta.verbose_name_plural
    if obstacle.why == PROTECTED:
        return _("%(deleted)s are protected by %(rows)s") % {"deleted": deleted, "rows": rows}
    return _("%(rows)s would be deleted with %(deleted)s: %(why)s") % {
        "rows": rows,
        "deleted": deleted,
        "why": obstacle.why,
    }
