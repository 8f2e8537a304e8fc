"""``Pseudonym``: a value from a pool, picked by a keyed digest, the same in SQL as in Python. Writes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

from django.db.models import (
    BooleanField,
    CharField,
    EmailField,
    F,
    Field,
    Func,
    Model,
    Q,
    SlugField,
    TextField,
    URLField,
    Value,
)
from django.db.models.functions import Left, Length, Substr
from django.utils.translation import gettext_noop

from ..databases.picking import NUMBER_DIGITS, is_among, number, picked, why_not
from ..exceptions import FieldAnonymiseError
from ..phrases import Phrase
from .digits import Joined, keyed_text, pseudonym_digest, pseudonym_digest_expression
from .keys import AsText, is_converted, key_text
from .pools import pool
from .rules import Replacement, field_label
from .texts import FEWEST_DIGITS, MOST_DIGITS, unless_empty
from .uniqueness import is_unique


@dataclass(frozen=True)
class Pseudonym:
    """A value of ``PrivacyMeta.replace``: one of the first ``choices`` values of a pool, by default of all.

    It is picked by the old value of the field, so that equal ones become equal, or by the primary key (``of="key"``).
    Raises ``TypeError`` or ``ValueError`` for what cannot be meant.
    """

    pool: str
    choices: int | None = None
    of: Literal["value", "key"] = "value"

    def __post_init__(self) -> None:
        name, choices = cast(Any, self.pool), cast(Any, self.choices)
        if not isinstance(name, str):
            raise TypeError("Pseudonym takes the name of a pool, as Pseudonym('first_name').")
        if choices is not None and (not isinstance(choices, int) or choices < 1):
            raise ValueError(f"Pseudonym({self.pool!r}): choices is no number of values; leave it out for all.")
        if self.of not in ("value", "key"):
            raise ValueError(f"Pseudonym({self.pool!r}): of is 'value' or 'key'.")


def pseudonym(field: Field[Any, Any], given: Pseudonym, source: str) -> Replacement:
    """Return what puts a pseudonym in the place of ``field``'s value. NULL and ``""`` stay.

    Raises ``FieldAnonymiseError``, which names the ``source``, if the field, or the pool, is not made for it.
    """
    unique = is_unique(field)
    if not isinstance(field, (CharField, TextField)) or (unique and isinstance(field, (EmailField, URLField))):
        kind = f"a unique {type(field).__name__}" if unique else f"a {type(field).__name__}"
        raise FieldAnonymiseError(
            f"{field_label(field)}: {source} has a Pseudonym for {kind}.",
            check="E055",
            hint="Leave it to the rule of its class, or give an expression.",
        )
    made = _Pseudonym(field, given, unique)
    in_sql = not is_converted(field) and (given.of == "value" or key_text(field.model) is not None)
    return unless_empty(
        field,
        Replacement(
            value=made.value,
            expression=made.expression if in_sql else None,
            holds=made.holds if in_sql else None,
            is_keyed=True,
            takes_scrub_key=True,
            why_not=why_not,
            # Translators: what a field becomes: one of a list of invented values
            words=Phrase(gettext_noop("one of the invented values “%(pool)s”"), pool=given.pool),
        ),
    )


class _Pseudonym:
    """How the value of one field is made. In a unique column digits stand behind it, which nobody can guess."""

    def __init__(self, field: Field[Any, Any], given: Pseudonym, unique: bool) -> None:
        self.field, self.given = field, given
        try:
            self.values = pool(given.pool, given.choices)
        except FieldAnonymiseError as error:
            raise FieldAnonymiseError(f"{field_label(field)}: {error}", check=error.check, hint=error.hint) from None
        self.between = "-" if isinstance(field, SlugField) else " "
        room = None if field.max_length is None else field.max_length - max(map(len, self.values))
        self.digits = 0
        if unique:
            self.digits = MOST_DIGITS if room is None else min(MOST_DIGITS, room - len(self.between))
        if (room is not None and room < 0) or (unique and self.digits < FEWEST_DIGITS):
            needed = f", with {FEWEST_DIGITS} digits behind it as it must differ from row to row" if unique else ""
            raise FieldAnonymiseError(
                f"{field_label(field)}: the longest value of the pool {given.pool!r} has no room in "
                f"{field.max_length} characters{needed}.",
                check="E057",
                hint="Take longer values out of the pool, or make the column longer.",
            )

    @property
    def label(self) -> str:
        """What the digest is made of beside the text: equal values become equal in all tables that use the pool."""
        return self.given.pool if self.given.of == "value" else f"{self.given.pool}:{self.field.model._meta.label}"

    def value(self, instance: Model) -> str:
        name = self.field.attname if self.given.of == "value" else self.field.model._meta.pk.attname
        made = pseudonym_digest(instance, self.label, str(getattr(instance, name)))
        chosen = self.values[number(made, len(self.values))]
        start = NUMBER_DIGITS
        return f"{chosen}{self.between}{made[start : start + self.digits]}" if self.digits else chosen

    def expression(self) -> Any:
        model = self.field.model
        text = _exact(self.field.name) if self.given.of == "value" else key_text(model, model._meta.pk.name)
        chosen = _Picked(keyed_text(self.label, text), values=self.values)
        if not self.digits:
            return chosen
        made = pseudonym_digest_expression(self.label, text)
        return Joined(chosen, Value(self.between), Substr(made, NUMBER_DIGITS + 1, self.digits))

    def holds(self, name: str) -> Q:
        """Whether a value of the pool is there; of what the site itself has written there nobody can tell."""
        text = _exact(name)
        if self.digits:
            text = Left(text, Length(F(name)) - (len(self.between) + self.digits))
        return Q(_IsAmong(text, values=self.values))


def _exact(name: str) -> Any:
    """Return the text of a column, in which MariaDB tells "a" from "A"."""
    return AsText(F(name), TextField())


class _OfPool(Func):
    arity = 1

    def __init__(self, *expressions: Any, values: Sequence[str], **extra: Any) -> None:
        super().__init__(*expressions, **extra)
        self.values = tuple(values)


class _Picked(_OfPool):
    """The value of a pool that the digest of a text picks."""

    output_field = TextField()

    def as_sql(self, compiler: Any, connection: Any, **context: Any) -> Any:  # type: ignore[override]
        return picked(connection, compiler.compile(self.source_expressions[0]), self.values)


class _IsAmong(_OfPool):
    """Whether a text is a value of a pool."""

    output_field = BooleanField()

    def as_sql(self, compiler: Any, connection: Any, **context: Any) -> Any:  # type: ignore[override]
        return is_among(connection, compiler.compile(self.source_expressions[0]), self.values)
