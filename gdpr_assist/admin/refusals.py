"""What the user is told of what was refused or failed: nothing of a database's own words, which may hold values."""

from __future__ import annotations

import logging

from django.db import Error
from django.utils.translation import gettext as _

from ..exceptions import AnonymiseError
from .selection import SelectionError

logger = logging.getLogger(__name__)

REFUSALS = (SelectionError, AnonymiseError, Error)


def told(error: Exception) -> str:
    """Return the text of the message about ``error``, one of ``REFUSALS``; of a database's, only the class."""
    if not isinstance(error, Error):
        return str(error)
    kind = type(error).__name__
    logger.error("A page of the admin was refused by a database (%s).", kind)
    return _(
        "The database could not do this (%(kind)s). Please look at what is done, and try again: no row is anonymised "
        "twice. If it fails again, tell whoever runs the site."
    ) % {"kind": kind}
