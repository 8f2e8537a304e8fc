"""The keys of logged rows; finds those again of which the log has only a digest. Reads only."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db.models import Model

from ..databases.presence import has_table
from ..databases.rows import pages
from ..declaring.keys import is_text
from ..declaring.meta import all_rows
from ..execution.logged import key_texts
from ..log.hidden import Digests, is_hidden
from ..log.reading import Kind, LoggedOperation
from ..registry import registry
from ..tables import DatabaseIdentity

KEYS_PER_PAGE = 10_000

OF_ANOTHER_TYPE = "the primary key is of another type now"
NO_TABLE = "its table is not there"
NOT_COMPARABLE = (
    "the log has digests of its primary keys, made with a secret that this database has not: it got another id since, "
    "or the backup is from before it had one"
)


class UnknownKey(Exception):
    """Why nobody can tell which row is meant. Names no values."""


def find_hidden(operations: Iterable[LoggedOperation]) -> None:
    """Look which rows the digests in ``operations`` are of, those that hold their events: each table is read once."""
    every = [each for each in operations if each.held is not None]
    wanted: dict[tuple[str, Kind], set[str]] = defaultdict(set)
    for operation in every:
        for kind, text in operation.held or ():
            if is_hidden(text):
                wanted[operation.using, kind].add(text)
    there = {(using, kind): _found(using, kind[1], texts) for (using, kind), texts in wanted.items()}
    for operation in every:
        operation.there = there


def logged_keys(operation: LoggedOperation, kind: Kind, model: type[Model]) -> Iterator[list[Any]]:
    """Yield the primary keys of one kind in lists, None for a digest of which no row is there.

    Raises ``UnknownKey``.
    """
    found = _looked_up(operation, kind, model)
    for texts in operation.keys(kind):
        yield [_key(model, text, found) for text in texts]


def known_keys(operation: LoggedOperation, kind: Kind, model: type[Model]) -> Iterator[tuple[list[Any], int, int]]:
    """Yield the same in lists, without digests of no row, and with numbers: of the events, and of unknown keys."""
    found = _looked_up(operation, kind, model)
    for texts in operation.keys(kind):
        keys, unknown = [], 0
        for text in texts:
            try:
                keys.append(_key(model, text, found))
            except UnknownKey:
                unknown += 1
        yield [key for key in keys if key is not None], len(texts), unknown


def _looked_up(operation: LoggedOperation, kind: Kind, model: type[Model]) -> dict[str, Any]:
    if operation.there is None:
        operation.there = {}
    place = operation.using, kind
    if place not in operation.there:
        operation.there[place] = _found(operation.using, kind[1], operation.digests(kind))
    return operation.there[place]


def _found(using: str, label: str, digests: set[str]) -> dict[str, Any]:
    """Return {digest: key} of the rows that are there, and ``UnknownKey`` for a digest of which nobody can tell."""
    model = registry.find(label)
    if not digests or model is None:
        return {}
    if not has_table(model, using):
        return dict.fromkeys(digests, UnknownKey(NO_TABLE))
    secret = DatabaseIdentity.objects.using(using).values_list("key", flat=True).first()
    ours = Digests(bytes(secret or b""))
    found: dict[str, Any] = {text: UnknownKey(NOT_COMPARABLE) for text in digests if not ours.may_be(text)}
    comparable = digests - found.keys()
    if comparable and not is_text(model):
        # Was its key a text then? Or was it one in memory, which a digest was made of for some days?
        found |= dict.fromkeys(comparable, UnknownKey(OF_ANOTHER_TYPE))
    if comparable:
        for page in pages(all_rows(model, using).values_list("pk", flat=True), KEYS_PER_PAGE, key=lambda key: key):
            by_digest = {ours.of(text, label): key for key, text in _as_texts(model, page)}
            found |= {text: by_digest[text] for text in by_digest.keys() & comparable}
    return found


def _as_texts(model: type[Model], keys: list[Any]) -> Iterator[tuple[Any, str]]:
    """Yield each key with the texts that a digest of it may be of."""
    yield from zip(keys, key_texts(model, keys), strict=True)
    yield from ((key, key.hex) for key in keys if isinstance(key, UUID))


def _key(model: type[Model], text: str, found: dict[str, Any]) -> Any:
    if is_hidden(text):
        key = found.get(text)
        if isinstance(key, UnknownKey):
            raise UnknownKey(*key.args)
        return key
    try:
        key = model._meta.pk.to_python(text)
    except (ValidationError, ValueError, TypeError):
        raise UnknownKey(OF_ANOTHER_TYPE) from None
    return tuple(key) if isinstance(key, list) else key
