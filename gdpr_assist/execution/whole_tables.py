"""Takes all rows of a table at once, with their markers: for scrubbing a copy. Logs nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from django.db import connections, transaction
from django.db.models import Model

from ..databases.transactions import check_no_rollback
from ..databases.whole_tables import emptying, keys_to_itself_unchecked
from ..declaring.meta import all_rows
from ..exceptions import AnonymiseError
from ..log import writing
from ..sensitive import sensitive
from ..tables import PrivacyAnonymised
from .effects import CAUSE
from .refusals import explained_deletion


@sensitive
def empty_at_once(tables: Sequence[type[Model]], keys: Iterable[Any], using: str) -> Iterator[int]:
    """Take all rows of ``tables`` in one transaction, in this order; yield how many those of the last one were.

    Nobody hears of it, and nothing goes with a row: ``keys``, which point at these tables, become NULL first. Raises
    ``AnonymiseError`` where the database lets rows be.
    """
    with writing.suspended(), explained_deletion(tables[-1], using), transaction.atomic(using=using):
        for key in keys:
            all_rows(key.model, using).exclude(**{key.name: None}).update(**{key.name: None})
        count = all_rows(tables[-1], using).count()
        for model in tables:
            _empty(model, using)
        check_no_rollback(using)
    yield count


def _empty(model: type[Model], using: str) -> None:
    with keys_to_itself_unchecked(model, using), connections[using].cursor() as cursor:
        cursor.execute(emptying(model, using))
    if all_rows(model, using).exists():
        raise AnonymiseError(f"{model._meta.label}: rows are there still after all were deleted. {CAUSE}")
    # A new row with the key of one that is gone must not be born anonymised.
    PrivacyAnonymised.objects.of(model).using(using).delete()
