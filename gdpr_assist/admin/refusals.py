"""What the user is told of what was refused or failed: nothing of a database's own words, which may hold values."""

from __future__ import annotations

import logging
from collections import Counter

from django.db import Error, InterfaceError, OperationalError
from django.db.models import ProtectedError, RestrictedError
from django.utils.translation import gettext as _

from ..exceptions import AnonymiseError
from .confirmation import counted
from .selection import SelectionError

logger = logging.getLogger(__name__)

PROTECTED = (ProtectedError, RestrictedError)

# In what is ours from beginning to end
REFUSALS = (SelectionError, AnonymiseError, Error)

# In a project's own code, whose mistakes are no refusals
FORESEEN = (SelectionError, AnonymiseError, OperationalError, InterfaceError, *PROTECTED)


def told(error: Exception) -> str:
    """Return the text of the message about ``error``, one of ``REFUSALS``; of a database's, only the class."""
    if not isinstance(error, Error):
        return str(error)
    if isinstance(error, PROTECTED):
        return _("Nothing was changed. What was to be deleted is needed by rows that protect it: %(rows)s.") % {
            "rows": _protecting(error)
        }
    kind = type(error).__name__
    logger.error("A page of the admin was refused by a database (%s).", kind)
    return _(
        "The database could not do this (%(kind)s). Please look at what is done, and try again: no row is anonymised "
        "twice. If it fails again, tell whoever runs the site."
    ) % {"kind": kind}


def _protecting(error: Exception) -> str:
    """The rows that stand in the way, in numbers; Django gives them after its text."""
    rows = Counter(type(row) for row in error.args[1])
    return ", ".join(counted(model, count) for model, count in rows.items())
