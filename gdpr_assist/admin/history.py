"""The admin's history of erasures and deletions: Django's ``LogEntry``, without a value of a row."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from django.contrib.admin.models import CHANGE, DELETION, LogEntry
from django.contrib.auth import get_user_model
from django.contrib.contenttypes.models import ContentType
from django.db import DatabaseError, connections, router, transaction
from django.db.models import Model
from django.utils.translation import gettext_lazy as _

from ..tables import stored_key

logger = logging.getLogger(__name__)

ENTRIES_PER_INSERT = 1000

# {flag of an entry: its text without an operation in the log, and with one}
DONE = {
    CHANGE: (_("Anonymised."), _("Anonymised (operation %(operation)s).")),
    DELETION: (_("Deleted."), _("Deleted (operation %(operation)s).")),
}


@contextmanager
def with_history(model: type[Model]) -> Iterator[None]:
    """Undo the admin's history together with the rows if the block raises: Django writes it before it deletes."""
    with ExitStack() as transactions:
        # The history is committed last.
        for using in dict.fromkeys([router.db_for_write(LogEntry), router.db_for_write(model)]):
            transactions.enter_context(transaction.atomic(using=using))
        yield


def write_history(
    sender: type[Model],
    keys: Sequence[Any],
    using: str,
    operation: uuid.UUID | None,
    by: Any,
    after: Callable[[Callable[[], None]], None],
    flag: int = CHANGE,
    **kwargs: Any,
) -> None:
    """erased: write an entry for each row if a user asked for it.

    With the rows, where both are in one database. Else after they are committed, which holds also without it.
    """
    history = router.db_for_write(LogEntry)
    if not isinstance(by, get_user_model()):
        return
    if using == history:
        _write(sender, keys, operation, by.pk, flag)
    else:
        after(lambda: _write_later(sender, keys, operation, by.pk, flag))


def write_deletions(sender: type[Model], **said: Any) -> None:
    """deleted: do the same, as Django's own pages do for what they delete; not for what links two rows."""
    if not sender._meta.auto_created:
        write_history(sender, **{**said, "flag": DELETION})


def _write_later(
    model: type[Model], keys: Sequence[Any], operation: uuid.UUID | None, user_id: Any, flag: int
) -> None:
    history = router.db_for_write(LogEntry)
    connections[history].close_if_unusable_or_obsolete()  # its own COMMIT may have failed
    try:
        with transaction.atomic(using=history):
            _write(model, keys, operation, user_id, flag)
    except DatabaseError as error:
        logger.error("The admin's history of an erasure could not be written (%s).", type(error).__name__)


def _write(model: type[Model], keys: Sequence[Any], operation: uuid.UUID | None, user_id: Any, flag: int) -> None:
    entries = _entries(model, keys, operation, user_id, flag)
    LogEntry.objects.bulk_create(entries, batch_size=ENTRIES_PER_INSERT)


def _entries(
    model: type[Model], keys: Sequence[Any], operation: uuid.UUID | None, user_id: Any, flag: int
) -> Iterator[LogEntry]:
    """An entry for each row. Model and key stand for the row: ``str(obj)`` would keep the name for ever.

    A row that is gone is named by a number at most: a text may say who it was, or open something once a backup is
    restored, as the key of a session does.
    """
    kind = ContentType.objects.get_for_model(model, for_concrete_model=False)
    unlogged, logged = DONE[flag]
    message = str(unlogged) if operation is None else logged % {"operation": operation}
    for key in keys:
        text = "" if flag == DELETION and _has_text(key) else stored_key(key)
        yield LogEntry(
            user_id=user_id,
            content_type_id=kind.pk,
            object_id=text,
            object_repr=f"{model._meta.label} {text}".rstrip()[:200],
            action_flag=flag,
            change_message=message,
        )


def _has_text(key: Any) -> bool:
    return any(isinstance(part, str) for part in (key if isinstance(key, tuple) else [key]))
