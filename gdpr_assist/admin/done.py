"""What the erasure of a person did, in words: in numbers and without a value."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Any

from django.apps import apps
from django.contrib import messages
from django.contrib.admin import AdminSite
from django.db import Error
from django.db.models import Model
from django.http import HttpRequest
from django.utils.formats import localize
from django.utils.translation import gettext as _

from ..declaring.clauses import FREE
from ..declaring.meta import all_rows
from ..log.receipts import note_remarks
from ..phrases import Phrase, packed, translated, unpacked
from ..subjects.shares import KEPT, Reason, SubjectResult
from .naming import counted
from .permissions import may_view, may_view_all

logger = logging.getLogger(__name__)


def outcome(result: SubjectResult, request: HttpRequest, site: AdminSite) -> str:
    """Return what was done, in numbers and without a value: messages may be kept in a cookie.

    Rows in doubt are left out where the user may not view rows of their model.
    """
    sentences = []
    if result.erased:
        sentences.append(_("Anonymised: %(rows)s.") % {"rows": _listed(result.erased)})
    if result.deleted:
        sentences.append(_("Deleted: %(rows)s.") % {"rows": _listed(result.deleted)})
    if result.copies:
        sentences.append(_("Copies of these erased: %(rows)s.") % {"rows": _listed(result.copies)})
    if not sentences:
        sentences.append(_("Nothing was anonymised."))
    sentences += stays(result, request, site)
    sentences += [
        _("Operation %(id)s.") % {"id": operation} for operation in dict.fromkeys(result.operations.values())
    ]
    return " ".join(sentences)


def stays(result: SubjectResult, request: HttpRequest, site: AdminSite) -> Iterator[str]:
    """Yield what is still there, and why."""
    uncertain = [each for each in result.uncertain if may_view(request, site, apps.get_model(each.label))]
    for text, reasons in (
        (_("Kept: %(rows)s."), result.kept),
        (_("Left as they are: %(rows)s."), [*result.left, *uncertain]),
    ):
        if reasons:
            yield text % {"rows": _reasons(reasons)}


def note(result: SubjectResult, *, is_looked_for: bool) -> None:
    """Note beside the rows what the log does not hold of an erasure, for its page: numbers, and no values.

    The erasure is done: where this cannot be noted, its page says less.
    """
    remarks: dict[str, Any] = {
        name: [asdict(each) | {"reason": packed(each.reason)} for each in getattr(result, name)]
        for name in ("kept", "left", "uncertain")
    }
    if is_looked_for:
        remarks |= {"residue": result.residue, "unread": {place: packed(why) for place, why in result.unread.items()}}
    for using, operation in result.operations.items():
        try:
            note_remarks(operation, using, remarks)
        except Error as error:
            logger.error("What stays after operation %s could not be noted (%s).", operation, type(error).__name__)


def remarks(noted: dict[str, Any], request: HttpRequest, site: AdminSite) -> Iterator[str]:
    """Yield in sentences what ``note`` has noted."""
    reasons = {name: list(map(_read, noted.get(name, []))) for name in ("kept", "left", "uncertain")}
    known: dict[str, Any] = {
        name: [each for each in several if _is_there(each.label)] for name, several in reasons.items()
    }
    unread = {place: unpacked(why) for place, why in noted.get("unread", {}).items()}
    result = SubjectResult(operations={}, residue=noted.get("residue", {}), unread=unread, **known)
    yield from stays(result, request, site)
    if "residue" in noted:
        yield from residue(result, request, site)


def _read(noted: dict[str, Any]) -> Reason:
    return Reason(**noted | {"reason": unpacked(noted["reason"])})


def _is_there(label: str) -> bool:
    try:
        return bool(apps.get_model(label.partition(" ")[0]))
    except LookupError:
        return False


def residue(result: SubjectResult, request: HttpRequest, site: AdminSite) -> Iterator[str]:
    """Yield what was found when all tables were looked through afterwards: places and numbers.

    A table is named to who may view each of its rows. Others are told that there is one: all is not well.
    """
    if not result.residue:
        nothing = _("All tables were looked through, and nothing of it was found.")
        yield _("Nothing of it was found in what could be looked at.") if result.unread else nothing
    yield from _named(
        _("Still found, with the number of rows: %(places)s."),
        _("Still found in tables that are not for you to see: the command gdpr_residue names them."),
        {f"{place} ({localize(count)})": _may_see(request, site, place) for place, count in result.residue.items()},
    )
    yield from _named(
        _("Not looked at: %(places)s."),
        _("Not looked at: tables that are not for you to see."),
        {f"{place} ({translated(why)})": _may_know(request, site, place) for place, why in result.unread.items()},
    )


def _named(text: str, rest: str, places: dict[str, bool]) -> Iterator[str]:
    """Yield ``text`` with the places that may be named, and ``rest`` if there are others."""
    if names := ", ".join(place for place, may_be_named in places.items() if may_be_named):
        yield text % {"places": names}
    if not all(places.values()):
        yield rest


def _may_see(request: HttpRequest, site: AdminSite, place: str) -> bool:
    """Whether the user may view each row of the table in ``"table.column on alias"``."""
    column, _on, using = place.rpartition(" on ")
    return _may(request, column.rpartition(".")[0], lambda model: may_view_all(request, site, all_rows(model, using)))


def _may_know(request: HttpRequest, site: AdminSite, place: str) -> bool:
    """Whether the user may view the model of ``"table on alias"``, the rows of which could not be read."""
    return _may(request, place.rpartition(" on ")[0], lambda model: may_view(request, site, model))


def _may(request: HttpRequest, table: str, view: Callable[[type[Model]], bool]) -> bool:
    """Whether a table may be named: ``view`` decides by its model. One that has none is for superusers."""
    models = [model for model in apps.get_models(include_auto_created=True) if model._meta.db_table == table]
    if not table:
        return True
    return any(map(view, models)) if models else bool(getattr(request.user, "is_superuser", False))


def level(result: SubjectResult) -> int:
    """Return the level of the message that says it."""
    is_done = (result.erased or result.deleted) and not (result.left or result.residue or result.unread)
    return messages.SUCCESS if is_done else messages.WARNING


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(_counted(label, count) for label, count in counts.items())


def _reasons(reasons: list[Reason]) -> str:
    return "; ".join(f"{_counted(each.label, each.count)} ({_why(each.reason)})" for each in reasons)


def _why(reason: str) -> str:
    """Return the reason; of what is kept the ground alone, behind "Kept"."""
    return translated(reason.values["ground"] if isinstance(reason, Phrase) and reason.pattern == KEPT else reason)


def _counted(label: str, count: int) -> str:
    """Return a number of rows in words; ``label`` is that of the model, and may name a part."""
    name, _space, part = label.partition(" ")
    text = counted(apps.get_model(name), count)
    return text if part in ("", f"({FREE})") else f"{text} {part}"
