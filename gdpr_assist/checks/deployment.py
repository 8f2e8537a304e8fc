"""The states of ``gdpr_status`` as checks: for ``check --deploy``, since they ask the databases. Writes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from django.core.checks import CheckMessage
from django.db import connections
from django.template.defaultfilters import pluralize

from ..conf import log_database
from ..placement import cure
from ..status import DatabaseStatus, status, unclaimed
from .log import check_E024
from .messages import message


def check_deployed(app_configs: Any = None, databases: Iterable[str] | None = None, **kwargs: Any) -> list[Any]:
    """The states of ``gdpr_status``, for ``check --deploy --database ...``: they ask the databases."""
    log = log_database()
    if log is None or log not in connections or not databases or check_E024():
        return []
    found = status()
    if found.trouble:
        return [
            message(
                "E025",
                f"The event log, on the database alias {found.log!r}: {found.trouble.what}.",
                f"Make it reachable, migrate it (migrate --database={found.log}), and check it as a role that may "
                "read it. As long as it cannot be written, every erasure is refused.",
            )
        ]
    messages = [each for state in found.databases if state.using in databases for each in _state_messages(state)]
    if log in databases:
        messages += map(_unclaimed, unclaimed())
    return messages


def _unclaimed(label: str) -> CheckMessage:
    return message(
        "W007",
        f"The event log has rows of {label}, which no registered model claims: a replay could not erase them.",
        "If the model was renamed, list this label in PrivacyMeta.former_labels. If it is gone, silence this check.",
    )


def _state_messages(each: DatabaseStatus) -> Iterator[CheckMessage]:
    if each.trouble:
        yield message(
            "E025",
            f"The database {each.using!r}: {each.trouble.what}.",
            f"Make it reachable. {cure(each.using)}",
        )
    if lacking := each.missing + each.missing_1x:
        yield message(
            "E026",
            f"The database {each.using!r} was restored from a backup: it lacks {_erasures(lacking)} of the log.",
            "Run gdpr_rerun before anybody uses the site; what it lists as failed has to be cured or settled.",
        )
    if each.unlogged:
        yield message(
            "W004",
            f"The event log lacks {_erasures(each.unlogged)} of the database {each.using!r}: it was restored, or it "
            "is the wrong one.",
            "If it is the right one, back the database up now; an older backup would bring back what was erased.",
        )
    if each.undecided or each.unknown:
        yield message(
            "W005",
            f"Of {_erasures(each.undecided + each.unknown)} of the database {each.using!r} it is not known whether "
            "they took effect.",
            "Run gdpr_reconcile, and let it run every few minutes.",
        )


def _erasures(count: int) -> str:
    return f"{count} erasure{pluralize(count)}"
