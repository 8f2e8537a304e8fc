"""What the user is told of what was refused or failed: nothing of a database's own words, which may hold values."""

from __future__ import annotations

import logging
from collections import Counter
from typing import TYPE_CHECKING

from django.contrib import messages
from django.db import Error, InterfaceError, OperationalError
from django.db.models import Model, ProtectedError, RestrictedError
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ..declaring.search import Failed
from ..exceptions import AnonymiseError, EventLogError, NotLogged, PartlyErased, TryAgain
from ..loading import at_first_call
from ..undocumented import is_after_commit
from .selection import SelectionError

if TYPE_CHECKING:
    from .naming import counted
else:
    counted = at_first_call("gdpr_assist.admin.naming.counted")

logger = logging.getLogger(__name__)

PROTECTED = (ProtectedError, RestrictedError)

# In what is ours from beginning to end
REFUSALS = (SelectionError, AnonymiseError, Error)

# In a project's own code, whose mistakes are no refusals
FORESEEN = (SelectionError, AnonymiseError, OperationalError, InterfaceError, *PROTECTED)

MAY_BE_DONE = gettext_lazy(
    "This broke off, and a part of it may be done. Please look at what is done before you try again. Show this "
    "message to whoever runs the site:"
)

# {class of an error whose own text is for developers: what it means for the user}, subclasses first
MEANINGS = {
    PartlyErased: gettext_lazy(
        "A part was erased, and the rest was not. Erase the same again: that finishes it. Show this message to "
        "whoever runs the site:"
    ),
    NotLogged: MAY_BE_DONE,
    EventLogError: gettext_lazy(
        "This could not be done, and nothing was changed: the site could not write its log of erasures. Show this "
        "message to whoever runs the site:"
    ),
    TryAgain: gettext_lazy(
        "This could not be done, and nothing was changed: somebody else was changing the same. Please try again. If "
        "it fails again, show this message to whoever runs the site:"
    ),
    AnonymiseError: gettext_lazy(
        "This could not be done, and nothing was changed. Show this message to whoever runs the site:"
    ),
}

# The actions that run no code of a project's own
OURS = {"anonymise", "delete_selected"}


def refusals_of(request: HttpRequest) -> tuple[type[Exception], ...]:
    """Return what a page may be refused with: less where a project's own action is chosen, or nothing is deleted.

    Actions are chosen in the list or (Django 6.1) on the page of one row.
    """
    is_ours = any(
        name.endswith("-DELETE") or (name.endswith("action") and not OURS.isdisjoint(values))
        for name, values in request.POST.lists()
    )
    return REFUSALS if is_ours else FORESEEN


def told(error: Exception, *, is_undone: bool = True) -> str:
    """Return the text of the message about ``error``, one of ``REFUSALS``; of a database's, only the class.

    It is HTML where a text for developers, which is in English, follows what it means for the user. ``is_undone`` says
    whether all that was done before the error is undone; what a COMMIT has called cannot undo that.
    """
    is_undone = is_undone and not is_after_commit(error)
    if isinstance(error, AnonymiseError):
        return format_html('{} <span lang="en">{}</span>', _meaning(error, is_undone), error)
    if not isinstance(error, Error):
        return str(error)
    if isinstance(error, PROTECTED):
        text = (
            _("Nothing was changed. What was to be deleted is needed by rows that protect it: %(rows)s.")
            if is_undone
            else _(
                "A part of this may be done: please look. What was to be deleted is needed by rows that protect it: "
                "%(rows)s."
            )
        )
        return text % {"rows": _protecting(error)}
    kind = type(error).__name__
    logger.error("A page of the admin was refused by a database (%s).", kind)
    return _(
        "The database could not do this (%(kind)s). Please look at what is done, and try again: no row is anonymised "
        "twice. If it fails again, tell whoever runs the site."
    ) % {"kind": kind}


def for_the_site(error: Exception) -> list[tuple[int, str] | tuple[int, str, str]]:
    """Return what the page of a job says of an error whose text is for developers: (level, text, language)."""
    return [
        (messages.ERROR, _("Show this message to whoever runs the site:")),
        (messages.ERROR, str(error), "en"),
    ]


def could_not_be_searched(model: type[Model], error: str) -> str:
    """Say so; ``error`` is the name of a class, since what an error says may hold the term."""
    return _("The model %(model)s could not be searched (%(error)s).") % {"model": model._meta.label, "error": error}


def left_out(failed: Failed) -> list[str]:
    """Return what is said of the models that could not be searched, where their rows are left out."""
    rest = _("Its rows are left out.")
    return [f"{could_not_be_searched(model, error)} {rest}" for model, error in failed.items()]


def _meaning(error: AnonymiseError, is_undone: bool) -> str:
    if not is_undone and not isinstance(error, PartlyErased):
        return str(MAY_BE_DONE)
    return str(next(text for kind, text in MEANINGS.items() if isinstance(error, kind)))


def _protecting(error: Exception) -> str:
    """The rows that stand in the way, in numbers; Django gives them after its text."""
    rows = Counter(type(row) for row in error.args[1])
    return ", ".join(counted(model, count) for model, count in rows.items())
