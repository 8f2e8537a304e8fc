"""Digits that stand beside a primary key, the same each time, and that nobody can guess. Writes nothing.

They are a digest of the key of the database (``DatabaseIdentity.key``), the oldest label of the model and the primary
key.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from django.apps import apps
from django.db import DEFAULT_DB_ALIAS
from django.db.models import Func, Model, TextField, Value
from django.db.models.functions import SHA256, Coalesce

# The key, as hex digits, of the database that is being changed
_known: ContextVar[str] = ContextVar("gdpr_assist_known_key")

# The same, by which pseudonyms are picked: that of the scrub, if one is under way
_known_of_scrub: ContextVar[str] = ContextVar("gdpr_assist_known_key_of_scrub")

# Whether PostgreSQL has the keys in its session
_in_session: ContextVar[bool] = ContextVar("gdpr_assist_keys_in_session", default=False)


@contextmanager
def known_key(key: bytes, of_scrub: bytes | None = None) -> Iterator[None]:
    """Take these keys within the block, wherever an object was read: a replica may not have them yet."""
    token, token_of_scrub = _known.set(key.hex()), _known_of_scrub.set((of_scrub or key).hex())
    try:
        yield
    finally:
        _known.reset(token)
        _known_of_scrub.reset(token_of_scrub)


@contextmanager
def keyed_by_session() -> Iterator[None]:
    """Within the block, expressions for PostgreSQL take the keys from its session, not by a subquery."""
    token = _in_session.set(True)
    try:
        yield
    finally:
        _in_session.reset(token)


def copy_keys_to_session(using: str) -> None:
    """Have PostgreSQL copy the keys to its session, until the transaction ends. They stand in no statement."""
    copied: list[Any] = [
        Func(Value(kind.setting), kind(), Value(True), function="set_config", output_field=TextField())
        for kind in (_Key, _PseudonymKey)
    ]
    list(_identities()._base_manager.using(using).values_list(*copied))


def digest(instance: Model, label: str, text: str) -> str:
    """Return the 64 hex digits of ``text`` on the database that is being changed, or else that of ``instance``."""
    return _digest(_known.get(None), "key", instance, label, text)


def pseudonym_digest(instance: Model, label: str, text: str) -> str:
    """Return the same with the key of the scrub that is under way, or else that of the database."""
    return _digest(_known_of_scrub.get(None), Coalesce("scrub_key", "key"), instance, label, text)


def _digest(key: str | None, column: Any, instance: Model, label: str, text: str) -> str:
    if key is None:
        rows = _identities()._base_manager.using(instance._state.db or DEFAULT_DB_ALIAS)
        key = bytes(rows.values_list(column, flat=True).first() or b"").hex()
    return hashlib.sha256(f"{key}:{label}:{text}".encode()).hexdigest()


def digest_expression(label: str, text: Any) -> Any:
    """Return the same as an expression, for the expression ``text``. The database reads its key by itself."""
    return _Digest(Joined(_Key(), Value(f":{label}:"), text))


def pseudonym_digest_expression(label: str, text: Any) -> Any:
    """Return the same as ``pseudonym_digest`` as an expression."""
    return _Digest(keyed_text(label, text))


def keyed_text(label: str, text: Any) -> Any:
    """Return what that is the digest of: the key, ``label`` and ``text``."""
    return Joined(_PseudonymKey(), Value(f":{label}:"), text)


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
    columns: tuple[str, ...] = ("key",)
    """Of ``DatabaseIdentity``: the first that has one."""
    setting = "gdpr_assist.key"
    """In the session of PostgreSQL."""

    def as_sql(self, compiler: Any, connection: Any, **context: Any) -> Any:  # type: ignore[override]
        return _select_key(connection, self.columns, "LOWER(HEX({}))")

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        if _in_session.get():
            return f"COALESCE(current_setting('{self.setting}', true), '')", []
        return _select_key(connection, self.columns, "ENCODE({}, 'hex')")

    def as_oracle(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return _select_key(connection, self.columns, "LOWER(RAWTOHEX({}))")


class _PseudonymKey(_Key):
    """The key of the scrub that is under way, or else that of the database."""

    columns = ("scrub_key", "key")
    setting = "gdpr_assist.scrub_key"


def _select_key(connection: Any, columns: Iterable[str], as_hex: str) -> tuple[str, list[Any]]:
    quote, meta = connection.ops.quote_name, _identities()._meta
    names = [quote(meta.get_field(each).column) for each in columns]
    column = as_hex.format(f"COALESCE({', '.join(names)})" if len(names) > 1 else names[0])
    select = f"SELECT {column} FROM {quote(meta.db_table)} WHERE {quote(meta.pk.column)} = 1"
    return f"COALESCE(({select}), '')", []


class _Digest(SHA256):
    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        """Django's own needs the extension pgcrypto."""
        template = "ENCODE(SHA256(CONVERT_TO(%(expressions)s, 'UTF8')), 'hex')"
        return super(SHA256, self).as_sql(compiler, connection, template=template, **context)
