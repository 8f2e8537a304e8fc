"""Says which database failed a command, why, and what to do about it: what the error says may hold values."""

from __future__ import annotations

from django.db import Error, connections

from ..conf import log_database
from ..pages import page
from .errors import UNKNOWN_CAUSE, cause, raised_by, refusal
from .placement import cure
from .presence import says_absent


def failure(error: Error) -> str:
    """Return which database raised ``error``, and what to do about it. The text of the error may hold values."""
    kind, using = type(error).__name__, raised_by(error)
    if using is None:
        return f"A database failed ({kind})."
    database = f"The database {using} ({connections[using].settings_dict['NAME']})"
    try:
        connections[using].introspection.table_names()
    except Error as again:
        if reason := cause(again, using):
            return f"{database} cannot be used ({kind}): {reason}."
        return f"{database} cannot be read ({kind}). Is its entry in DATABASES right, and is it running?"
    rights = f" See {page('howto/protect_the_log')}" if using == log_database() else ""
    if says_absent(error, using):
        return f"{database} is not migrated ({kind}). {cure(using)}"
    if reason := refusal(error, using):
        return f"{database} does not let the command write ({kind}): {reason}.{rights}"
    if reason := cause(error, using):
        return f"{database} cannot be used ({kind}): {reason}."
    return f"{database} cannot be used ({kind}). {UNKNOWN_CAUSE}{rights}"
