"""Whether a database has, or may have, the tables that erasures need beside the rows. Asks routers, writes nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from django.contrib.contenttypes.models import ContentType
from django.db import DatabaseError, router
from django.db.models import Model

from ..conf import log_database
from ..exceptions import AnonymiseError
from ..pages import page
from ..tables import DatabaseIdentity, PrivacyAnonymised, Receipt, Scrub
from .presence import says_absent

# What is written or read in each erasure, on the alias of the rows
BESIDE_ROWS: tuple[type[Model], ...] = (ContentType, DatabaseIdentity, PrivacyAnonymised, Receipt, Scrub)


def kept_off(using: str) -> list[str]:
    """Return the apps of which routers (``allow_migrate``) allow no tables on this alias though erasures need them."""
    if using == log_database():
        return []  # it has other tables
    return sorted({model._meta.app_label for model in BESIDE_ROWS if not router.allow_migrate_model(using, model)})


def cure(using: str) -> str:
    """Return what to do on an alias that lacks these tables."""
    if using == log_database():
        return f"Run migrate --database={using}."
    more = page("checks", "gdpr_assist.E027")
    if not (apps := kept_off(using)):
        return f"Run migrate --database={using}. If that has nothing to apply, see {more}."
    return (
        f"The routers keep {' and '.join(apps)} off {using!r}: let allow_migrate allow them there, then run migrate "
        f"--database={using}. If it was run there before, see {more}."
    )


@contextmanager
def explained(using: str) -> Iterator[None]:
    """Turn the error of one of these tables that is not there into an ``AnonymiseError`` with the cure."""
    try:
        yield
    except DatabaseError as error:
        absent = [model for model in BESIDE_ROWS if re.search(rf"\b{model._meta.db_table}\b", str(error))]
        if not absent or not says_absent(error, using):
            raise
        raise AnonymiseError(
            f"The database {using!r} has no table {absent[0]._meta.db_table}, which an erasure needs; nothing was "
            f"changed. {cure(using)}"
        ) from None
