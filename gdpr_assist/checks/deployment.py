"""The states of ``gdpr_status`` as checks: for ``check --deploy``, since they ask the databases. Writes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from django.core.checks import CheckMessage
from django.db import DatabaseError, connections
from django.template.defaultfilters import pluralize

from ..conf import log_database
from ..databases.aliases import data_aliases
from ..databases.placement import BESIDE_ROWS, cure
from ..databases.servers import not_transactional, reads_uncommitted
from ..log.ownership import is_migrated
from ..log.status import DatabaseStatus, labels, status
from ..registry import registry
from ..routing import here
from ..tables import EventLog, Operation, Outcome
from ..undocumented import multi_table_parents
from .log import check_E024
from .messages import message

# What an erasure writes in the log
OF_THE_LOG = (Operation, EventLog, Outcome)


def check_deployed(app_configs: Any = None, databases: Iterable[str] | None = None, **kwargs: Any) -> list[Any]:
    """The states of ``gdpr_status``, for ``check --deploy --database ...``: they ask the databases."""
    log = log_database()
    if log is None or log not in connections or not databases or check_E024():
        return []
    current = status(here())
    if current.trouble:
        return [
            message(
                "E025",
                f"The event log, on the database alias {current.log!r}: {current.trouble.what}.",
                f"Make it reachable, migrate it (migrate --database={current.log}), and check it as a role that may "
                "read it. As long as it cannot be written, every erasure is refused.",
            )
        ]
    messages = [each for state in current.databases if state.using in databases for each in _state_messages(state)]
    if log in databases:
        messages += [_unclaimed(label) for label in labels() if registry.find(label) is None]
    return messages


def check_E037(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """Nothing is committed by itself on an alias with data. Opens no connection."""
    return [
        message(
            "E037",
            f"The database {using!r} has AUTOCOMMIT off: the outcome of an erasure is not noted there, and commands "
            "that write refuse.",
            f"Take AUTOCOMMIT out of DATABASES[{using!r}].",
        )
        for using in data_aliases()
        if not connections[using].settings_dict["AUTOCOMMIT"]
    ]


def check_W016(app_configs: Any = None, databases: Iterable[str] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """Reads show what may still be rolled back. Asks the databases that are named."""
    return [
        message(
            "W016",
            f"The database {using!r} is read at READ UNCOMMITTED: an erasure may follow from what is rolled back.",
            f'Set DATABASES[{using!r}]["OPTIONS"]["isolation_level"] = "read committed".',
        )
        for using in databases or ()
        if _tells(reads_uncommitted, using)
    ]


def check_W018(app_configs: Any = None, databases: Iterable[str] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """The log has no tables. Asks it if it is named; a warning, or ``migrate`` itself would refuse there."""
    return [
        message(
            "W018",
            f"The event log's database {using!r} is not migrated: every erasure is refused.",
            f"Run migrate --database={using}.",
        )
        for using in databases or ()
        if using == log_database() and _tells(lambda log: not is_migrated(log), using)
    ]


def check_W019(app_configs: Any = None, databases: Iterable[str] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """Tables without transactions: what is rolled back stays there. Asks the databases that are named."""
    return [
        message(
            "W019",
            f"The database {using!r} has tables without transactions: {', '.join(tables)}. An erasure that fails is "
            "not rolled back there.",
            "Run ALTER TABLE <table> ENGINE = InnoDB for each of them.",
        )
        for using in databases or ()
        if (tables := _without_transactions(using))
    ]


def _without_transactions(using: str) -> list[str]:
    """Return the models, each with its table and engine, that are written in an erasure."""
    try:
        engines = not_transactional(using)
    except DatabaseError:
        return []
    models = OF_THE_LOG if using == log_database() else [*(each.model for each in registry), *BESIDE_ROWS]
    tables = {
        part._meta.db_table.lower(): part._meta.label
        for model in models
        for part in (model, *multi_table_parents(model))
    }
    return [f"{label} ({table}, {engines[table]})" for table, label in sorted(tables.items()) if table in engines]


def _tells(question: Callable[[str], bool], using: str) -> bool:
    """What cannot be reached is a matter of E025, and no reason to end all checks."""
    try:
        return question(using)
    except DatabaseError:
        return False


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
            "Run gdpr_rerun before anybody uses the site; cure what it lists as failed, or mark it as applied.",
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
    if each.contradicted:
        yield message(
            "W021",
            f"The log says of {_erasures(each.contradicted)} of the database {each.using!r} that they were rolled "
            "back, and the receipts are there: they took effect.",
            "Run gdpr_reconcile, which corrects the log. Find out whether a copy with the same id shares the log.",
        )


def _erasures(count: int) -> str:
    return f"{count} erasure{pluralize(count)}"
