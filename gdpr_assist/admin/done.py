"""What the erasure of a person did, in words: in numbers and without a value. Reads only."""

from __future__ import annotations

from collections.abc import Iterator

from django.apps import apps
from django.contrib import messages
from django.contrib.admin import AdminSite
from django.http import HttpRequest
from django.utils.translation import gettext as _

from ..declaring.clauses import FREE
from ..subjects.shares import Reason, SubjectResult
from .confirmation import counted
from .permissions import may_view


def outcome(result: SubjectResult, request: HttpRequest, site: AdminSite) -> str:
    """Return what was done, in numbers and without a value: messages may be kept in a cookie.

    Rows in doubt are left out where the user may not view rows of their model.
    """
    uncertain = [each for each in result.uncertain if may_view(request, site, apps.get_model(each.label))]
    sentences = []
    if result.erased:
        sentences.append(_("Anonymised: %(rows)s.") % {"rows": _listed(result.erased)})
    if result.deleted:
        sentences.append(_("Deleted: %(rows)s.") % {"rows": _listed(result.deleted)})
    if result.copies:
        sentences.append(_("Copies of these erased: %(rows)s.") % {"rows": _listed(result.copies)})
    if not sentences:
        sentences.append(_("Nothing was anonymised."))
    for text, reasons in (
        (_("Kept: %(rows)s."), result.kept),
        (_("Left as they are: %(rows)s."), [*result.left, *uncertain]),
    ):
        if reasons:
            sentences.append(text % {"rows": _reasons(reasons)})
    sentences += [
        _("Operation %(id)s.") % {"id": operation} for operation in dict.fromkeys(result.operations.values())
    ]
    return " ".join(sentences)


def residue(result: SubjectResult) -> Iterator[str]:
    """Yield what was found when all tables were looked through afterwards: places and numbers."""
    if result.residue:
        places = [f"{place} ({count})" for place, count in result.residue.items()]
        yield _("Still found, with the number of rows: %(places)s.") % {"places": ", ".join(places)}
    elif result.unread:
        yield _("Nothing of it was found in what could be looked at.")
    else:
        yield _("All tables were looked through, and nothing of it was found.")
    if result.unread:
        places = [f"{place} ({why})" for place, why in result.unread.items()]
        yield _("Not looked at: %(places)s.") % {"places": ", ".join(places)}


def level(result: SubjectResult) -> int:
    """Return the level of the message that says it."""
    is_done = (result.erased or result.deleted) and not (result.left or result.residue or result.unread)
    return messages.SUCCESS if is_done else messages.WARNING


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(_counted(label, count) for label, count in counts.items())


def _reasons(reasons: list[Reason]) -> str:
    return "; ".join(f"{_counted(each.label, each.count)}, {each.reason}" for each in reasons)


def _counted(label: str, count: int) -> str:
    """Return a number of rows in words; ``label`` is that of the model, and may name a part."""
    name, _space, part = label.partition(" ")
    text = counted(apps.get_model(name), count)
    return text if part in ("", f"({FREE})") else f"{text} {part}"
