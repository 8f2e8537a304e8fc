"""What is known of an erasure or an export, in words: in numbers and without a value. Reads only."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import Any

from django.apps import apps
from django.contrib.admin import AdminSite
from django.db.models import Model
from django.http import HttpRequest
from django.utils.formats import localize
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ..conf import log_database, retention_setting
from ..databases.aliases import data_aliases
from ..declaring.clauses import FREE
from ..log.history import DONE, RESTORED, ROLLED_BACK, UNREADABLE, UNSETTLED, Past, pasts, siblings
from ..log.status import STATES, status
from ..registry import registry
from ..routing import here
from ..tables import EventLog
from .done import remarks
from .naming import counted
from .permissions import may_view

STATE_TEXTS = {
    # Translators: the state of an erasure
    DONE: gettext_lazy("done"),
    RESTORED: gettext_lazy("not in this database: it was restored from a backup, and gdpr_rerun erases it again"),
    ROLLED_BACK: gettext_lazy("undone: nothing was erased"),
    UNSETTLED: gettext_lazy("not settled: gdpr_reconcile finds out what became of it"),
    UNREADABLE: gettext_lazy("not known: its database cannot be read"),
}

EVENT_TEXTS = {
    EventLog.EVENT_ANONYMISE: gettext_lazy("%(rows)s anonymised"),
    EventLog.EVENT_DELETE: gettext_lazy("%(rows)s deleted"),
}

SUMMARY_TEXTS = {
    EventLog.EVENT_ANONYMISE: gettext_lazy("anonymised: %(rows)s"),
    EventLog.EVENT_DELETE: gettext_lazy("deleted: %(rows)s"),
}


def state_text(past: Past) -> str:
    return str(STATE_TEXTS[past.state])


def of_erasure(request: HttpRequest, site: AdminSite, text: str) -> dict[str, Any] | None:
    """Return what the page of an erasure says of it, on each of its databases; None if ``text`` is the id of none."""
    try:
        id_ = uuid.UUID(text)
    except ValueError:
        return None
    found = pasts(siblings(id_, here(), data_aliases())) if log_database() is not None else []
    if not found:
        return None
    return {
        "id": id_,
        "pasts": found,
        "started": found[0].operation.started,
        "by": who_asked(request, site, found[0]),
        "states": list(dict.fromkeys(map(state_text, found))),
        "is_done": all(each.state == DONE for each in found),
        "counts": [text for each in found for text in counts_in_words(each.counts)],
        "remarks": [text for each in found for text in remarks(each.remarks, request, site)],
        "kept_until": kept_until(found[0]),
    }


def counts_in_words(counts: Sequence[tuple[str, str, str, int]]) -> Iterator[str]:
    """Yield what was erased, by model: "2 orders anonymised"."""
    for event, label, part, count in counts:
        yield str(EVENT_TEXTS[event]) % {"rows": _of_part(label, part, count)}


def summary(counts: Sequence[tuple[str, str, str, int]]) -> str:
    """Return what was erased in one line, each verb once: "anonymised: 1 user, 2 orders"."""
    rows: dict[str, list[str]] = {}
    for event, label, part, count in counts:
        rows.setdefault(event, []).append(_of_part(label, part, count))
    return "; ".join(str(SUMMARY_TEXTS[event]) % {"rows": ", ".join(several)} for event, several in rows.items())


def _of_part(label: str, part: str, count: int) -> str:
    rows = in_words(label, count)
    return rows if part in ("", FREE) else f"{rows} ({part})"


def in_words(label: str, count: int) -> str:
    """Return a number of rows of a model that may be there no more."""
    model = registry.find(label) or _model(label)
    return counted(model, count) if model else f"{localize(count)} {label}"


def _model(label: str) -> type[Model] | None:
    try:
        return apps.get_model(label)
    except LookupError:  # it was renamed, or is gone
        return None


def who_asked(request: HttpRequest, site: AdminSite, past: Past) -> str:
    """Return who asked for an erasure, by name to those who may see users."""
    if past.by is None:
        is_lost = past.state in (DONE, RESTORED)
        return _("not known: that was lost when the database was restored from a backup") if is_lost else ""
    return named(request, site, past.by) or _("nobody said who")


def named(request: HttpRequest, site: AdminSite, by: str) -> str:
    """Return the user whom ``tables.who`` stands for, by name to those who may see users."""
    label, _space, key = by.partition(" ")
    model = _model(label) if key else None
    if model is None:
        return by
    user: Any = model._default_manager.filter(pk=key).first() if may_view(request, site, model) else None
    return user.get_username() if hasattr(user, "get_username") else f"{model._meta.verbose_name} {key}"


def kept_until(past: Past) -> date | None:
    """Return the day from which on the log may have this erasure no more; None where it is kept for ever."""
    retention = retention_setting()
    return (past.operation.started + retention).date() if isinstance(retention, timedelta) else None


def troubles() -> Iterator[str]:
    """Yield what is not well with the log, as ``gdpr_status`` names it."""
    states = status(here()).states
    yield from (f"{name}: {_(meaning)}" for name, meaning in STATES.items() if name in states)
