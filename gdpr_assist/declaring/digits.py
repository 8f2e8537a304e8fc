"""Digits that stand beside a primary key, the same each time, and that nobody can guess. Writes nothing.

They are a digest of the key of the database (``DatabaseIdentity.key``), the oldest label of the model and the primary
key.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from django.apps import apps
from django.db import DEFAULT_DB_ALIAS
from django.db.models import Func, Model, TextField, Value
from django.db.models.functions import SHA256

# The key, as hex digits, of the database that is being changed
_known: ContextVar[str] = ContextVar("gdpr_assist_known_key")


@contextmanager
def known_key(key: bytes) -> Iterator[None]:
    """Take this key within the block, wherever an object was read: a replica may not have it yet."""
    token = _known.set(key.hex())
    try:
        yield
    finally:
        _known.reset(token)


def digest(instance: Model, label: str, text: str) -> str:
    """Return the 64 hex digits of ``text`` on the database that is being changed, or else that of ``instance``."""
    if (key := _known.get(None)) is None:
        rows = _identities()._base_manager.using(instance._state.db or DEFAULT_DB_ALIAS)
        key = bytes(rows.values_list("key", flat=True).first() or b"").hex()
    return hashlib.sha256(f"{key}:{label}:{text}".encode()).hexdigest()


def digest_expression(label: str, text: Any) -> Any:
    """Return the same as an expression, for the expression ``text``. The database reads its key by itself."""
    return _Digest(Joined(_Key(), Value(f":{label}:"), text))


class Joined(Func):
    """Texts one after the other. Django's ``Concat`` nests them, deeper than SQLite reads."""

    template = "(%(expressions)s)"
    arg_joiner = " || "
    output_field = TextField()

    def as_mysql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return self.as_sql(compiler, connection, template="CONCAT(%(expressions)s)", arg_joiner=", ", **context)


def _identities() -> Any:
    return apps.get_model("gdpr_assist", "DatabaseIdentity")  # rules are made before there are models


class _Key(Func):
    """The key of the database as hex digits; an empty text where there is none yet."""

    arity = 0
    output_field = TextField()

    def as_sql(self, compiler: Any, connection: Any, **context: Any) -> Any:  # type: ignore[override]
        return _select_key(connection, "LOWER(HEX({}))")

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return _select_key(connection, "ENCODE({}, 'hex')")

    def as_oracle(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return _select_key(connection, "LOWER(RAWTOHEX({}))")


def _select_key(connection: Any, as_hex: str) -> tuple[str, list[Any]]:
    quote, meta = connection.ops.quote_name, _identities()._meta
    column = as_hex.format(quote(meta.get_field("key").column))
    select = f"SELECT {column} FROM {quote(meta.db_table)} WHERE {quote(meta.pk.column)} = 1"
    return f"COALESCE(({select}), '')", []


class _Digest(SHA256):
    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        """Django's own needs the extension pgcrypto."""
        template = "ENCODE(SHA256(CONVERT_TO(%(expressions)s, 'UTF8')), 'hex')"
        return super(SHA256, self).as_sql(compiler, connection, template=template, **context)
