"""The aliases of databases with personal data, and which of them are one database. Writes nothing."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import Error, connections

from ..conf import log_database
from ..exceptions import AnonymiseError
from . import servers

# What Django makes of {} in DATABASES, for a site whose routers name another alias for each model.
EMPTY = "django.db.backends.dummy"


def data_aliases(chosen: Iterable[str] | None = None) -> list[str]:
    """Return the chosen aliases, by default those of all databases but the log and empty entries of DATABASES.

    Raises ``AnonymiseError`` for one that there is not, and for the log's.
    """
    known = [
        alias for alias in connections if alias != log_database() and connections.databases[alias]["ENGINE"] != EMPTY
    ]
    if log_database() in (chosen := list(chosen or ())):
        raise AnonymiseError(
            f"{log_database()} is the event log; it holds no personal data and is never scrubbed. There are: "
            f"{', '.join(known)}."
        )
    if unknown := sorted(set(chosen) - set(known)):
        raise AnonymiseError(
            f"No database with personal data has the alias {', '.join(unknown)}. There are: {', '.join(known)}."
        )
    return chosen or known


def twin(using: str, others: Iterable[str]) -> str | None:
    """Return which of ``others`` has the same tables as ``using``, or those that it is a copy of; None if none has.

    TEST MIRROR says of an alias that it is a replica of another one. Asks the databases.
    """
    original = mirrored(using)
    return next((other for other in others if other != using and (other == original or _is_same(using, other))), None)


def mirrored(using: str) -> str | None:
    """Return the alias of which TEST MIRROR says that ``using`` is a replica of it."""
    original: str | None = connections[using].settings_dict["TEST"]["MIRROR"]
    return original


def _is_same(one: str, other: str) -> bool:
    try:
        places = [(servers.identity(using) or servers.entry(using), servers.schemas(using)) for using in (one, other)]
    except Error:
        return False  # of one that cannot be reached nothing is scrubbed
    return places[0] == places[1]
