"""What a rule is, and which there are besides the default ones. Writes nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from django.core.exceptions import ValidationError
from django.db import connections
from django.db.models import Field, Model, Q
from django.utils.translation import gettext_noop

from ..databases.columns import has_sql_of_its_own
from ..phrases import Phrase


@dataclass(frozen=True, kw_only=True)
class Replacement:
    """What takes the place of one field's value. Both ways must give the same.

    ``value(instance)`` is the value for one row. ``expression()`` is the same for a set: a value or an ORM expression;
    None if it can only be computed in Python. ``holds(name)`` is the condition under which a row already has it, None
    where that cannot be told (the current time, a random value).
    """

    value: Callable[[Model], Any]
    expression: Callable[[], Any] | None = None
    holds: Callable[[str], Q] | None = None

    is_constant: bool = False
    """Whether all rows that are anonymised together get the same value."""

    is_keyed: bool = False
    """Whether it takes the key of the database (``DatabaseIdentity.key``), which must be there before rows change."""

    takes_scrub_key: bool = False
    """Whether a scrub has a key of its own for it, which is thrown away when that ends."""

    is_asked: bool = False
    """Whether ``value`` asks the database, which must have the row."""

    doubt: str = ""
    """What a check says of the value (W014); empty if there is nothing to say."""

    words: str = ""
    """What it gives, in words, for whoever asks what becomes of the field."""

    why_not: Callable[[Any], str] | None = None
    """Of a connection: why its database cannot compute the expression, in words; empty if it can."""

    cure: str = "Let the field be null or blank"
    """What that check tells to do, beside writing an anonymiser."""


FIRST_OF_ALL = "no choice of it is empty, so that every row gets the first one"

Rule = Callable[[Any], Any]
R = TypeVar("R", bound=Rule)

# {field class, or its dotted path where importing it needs a database driver: rule}
registered: dict[type[Field[Any, Any]] | str, Rule] = {}

# {dotted path of a field class of another package: rule}, as far as the site takes them (``GDPR_CONTRIB``)
ready_made: dict[str, Rule] = {}


def rule(*field_classes: type[Field[Any, Any]] | str) -> Callable[[R], R]:
    """Register the decorated function as the rule of ``field_classes``.

    It is called with the field when its model is declared, and returns what takes the place of the field's value: a
    constant, a callable that gets the instance, or a ``Replacement``. It is looked up by exact class: a subclass needs
    a rule of its own. Raises ``AnonymiseError`` inside the rule for a field that cannot be replaced.
    """

    def register(function: R) -> R:
        registered.update(dict.fromkeys(field_classes, function))
        return function

    return register


def constant(value: Any) -> Replacement:
    """Return the replacement that is ``value`` in every row."""

    def holds(name: str) -> Q:
        return Q(**{f"{name}__isnull": True}) if value is None else Q(**{name: value})

    return Replacement(
        value=lambda instance: value, expression=lambda: value, holds=holds, words=_in_words(value), is_constant=True
    )


def _in_words(value: Any) -> str:
    if value is None:
        return "NULL"
    # Translators: what a field becomes: "becomes: empty"
    return Phrase(gettext_noop("empty")) if value in ("", b"", [], {}) else str(value)


def is_hashed_password(field: Field[Any, Any]) -> bool:
    """Return whether ``field`` holds the hash of a password, as that of a user does."""
    # AbstractBaseUser cannot be imported before the apps are loaded; this is what it has beside the column.
    return field.name == "password" and hasattr(field.model, "check_password")


def is_comparable(field: Any, value: Any, using: str) -> bool:
    """Return whether the database can tell if a column holds ``value``.

    Not if the field, a project's own, writes the same value differently each time (it encrypts, with a salt), or has
    the database do it.
    """
    if type(field).__module__.startswith("django."):
        return True
    if has_sql_of_its_own(field):
        return False
    try:
        written = [field.get_db_prep_save(value, connections[using]) for _ in range(2)]
    except (ValueError, TypeError, ArithmeticError, ValidationError):
        return False
    return bool(written[0] == written[1])


def field_label(field: Any) -> str:
    return f"{field.model._meta.label}.{field.name}"
