"""New texts: made from the primary key, so that each row has one of its own."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import Any

from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX, make_password
from django.db import models
from django.db.models import Case, F, Field, Model, Q, Value, When
from django.db.models.functions import Left, Length, Right
from django.db.models.lookups import Exact
from django.utils.translation import gettext_noop

from ..conf import privacy_instance_name
from ..exceptions import FieldAnonymiseError
from ..phrases import Phrase
from .digits import Joined, digest, digest_expression
from .functions import RandomDigits
from .keys import INTEGER_KEYS, key_field, key_text, longest_key
from .rules import Replacement, field_label
from .uniqueness import is_unique

# A unique text shorter than this many hex digits is too likely to meet another one.
SHORTEST_DIGEST = 16

# How many digits stand beside the primary key in a unique text: fewer could be tried out
FEWEST_DIGITS, MOST_DIGITS = 8, 16

NO_DIGITS = (
    "it is too short for digits that nobody can guess, so that its new value is the primary key alone, or the end of "
    "it: whoever takes that value first keeps the row from being anonymised"
)


def _too_short(field: Field[Any, Any]) -> FieldAnonymiseError:
    return FieldAnonymiseError(
        f"Cannot anonymise {field_label(field)} - {field.max_length} characters are too few for a value of its own "
        "in every row.",
        check="E007",
        hint=f"Write anonymise_{field.name}, or let the field be null.",
    )


class _KeyText:
    """The primary key as text between ``prefix`` and ``suffix``; in a unique column, with digits nobody can guess.

    Without them a person could take the value that another row is going to get, and so keep it from being anonymised.
    ``model`` is that of the column's table: a multi-table child may have a key of its own, and so may another child.
    ``room`` is how many characters there is room for, None if for any number. ``unique`` is whether the text must
    differ from row to row: a key that was cut at its end would not.
    """

    def __init__(self, *, model: type[Model], prefix: str, suffix: str, room: int | None, unique: bool) -> None:
        self.model, self.prefix, self.suffix, self.room, self.unique = model, prefix, suffix, room, unique

    @cached_property
    def is_cut(self) -> bool:
        """Whether there may be no room for the whole key."""
        longest = longest_key(self.model)
        return self.room is not None and (longest is None or longest > self.room)

    @cached_property
    def digits(self) -> int:
        """How many digits stand beside the key; 0 if there is no room for enough."""
        if not self.unique or self.is_cut:
            return 0
        if self.room is None:
            return MOST_DIGITS
        left = self.room - (longest_key(self.model) or 0) - 1
        return min(left, MOST_DIGITS) if left >= FEWEST_DIGITS else 0

    @cached_property
    def last_digits(self) -> bool:
        """Whether the end of the key is what is kept: numbers are given one after the other."""
        return self.is_cut and self.unique and isinstance(key_field(self.model), INTEGER_KEYS)

    @cached_property
    def only_digits(self) -> bool:
        """Whether they stand for the key, too."""
        return self.is_cut and self.unique and not self.last_digits

    @property
    def label(self) -> str:
        """The first name that the model had: from it the digits are made, and they outlive that it is renamed."""
        meta = getattr(self.model, privacy_instance_name(), None)
        former = getattr(meta, "former_labels", ())
        # A set has no order of its own, and another one in each process.
        former = sorted(former) if isinstance(former, (set, frozenset)) else former
        labels = [getattr(meta, "log_label", None) or self.model._meta.label, *former]
        return str(labels[-1])

    @property
    def words(self) -> str:
        """What it is made of: as ``"[key]-[digits]"``."""
        if self.only_digits:
            return f"{self.prefix}[digits]{self.suffix}"
        key = "[end of key]" if self.last_digits else "[key]"
        return f"{self.prefix}{key}{'-[digits]' if self.digits else ''}{self.suffix}"

    def value(self, instance: Model) -> str:
        text, room = str(getattr(instance, self.model._meta.pk.attname)), self.room or 0
        if self.only_digits:
            text = digest(instance, self.label, text)[:room]
        elif self.is_cut:
            text = text[-room:] if self.last_digits else text[:room]
        elif self.digits:
            text += f"-{digest(instance, self.label, text)[: self.digits]}"
        return self.prefix + text + self.suffix

    def expression(self) -> Any:
        text, room = key_text(self.model, self.model._meta.pk.name), self.room or 0
        if self.only_digits:
            text = Left(digest_expression(self.label, text), room)
        elif self.is_cut:
            text = Right(text, room) if self.last_digits else Left(text, room)
        elif self.digits:
            return self._within(text, Value("-"), Left(digest_expression(self.label, text), self.digits))
        return self._within(text)

    def _within(self, *texts: Any) -> Any:
        around = [Value(self.prefix)] if self.prefix else [], [Value(self.suffix)] if self.suffix else []
        parts = [*around[0], *texts, *around[1]]
        return Joined(*parts) if len(parts) > 1 else parts[0]

    def holds(self, name: str) -> Q:
        """Also what 1.x gave, the key alone: a row that was anonymised then was not filled again since."""
        condition = Q(**{name: self.expression()})
        if not (self.digits or self.only_digits):
            return condition
        text = key_text(self.model)
        return condition | Q(**{name: self._within(Left(text, self.room or 0) if self.is_cut else text)})


def unless_empty(field: Field[Any, Any], made: Replacement) -> Replacement:
    """Return the replacement that is ``made`` in rows that have a value, and leaves NULL and ``""`` as they are."""
    new_expression, new_holds = made.expression, made.holds

    def is_empty(name: str) -> Q:
        # Not "= ''": for MariaDB a text of blanks is that too.
        return Q(Exact(Length(F(name)), 0)) | Q(**{f"{name}__isnull": True})

    def value(instance: Model) -> Any:
        old = getattr(instance, field.attname)
        return old if old in (None, "") else made.value(instance)

    def expression() -> Any:
        kept = When(is_empty(field.name), then=F(field.name))
        return Case(kept, default=new_expression and new_expression(), output_field=models.TextField())

    return replace(
        made,
        value=value,
        expression=new_expression and expression,
        holds=new_holds and (lambda name: is_empty(name) | new_holds(name)),
        words=Phrase(gettext_noop("%(words)s, where it is not empty"), words=made.words),
    )


def from_key(field: Field[Any, Any], prefix: str = "", suffix: str = "") -> Replacement:
    room = None if field.max_length is None else field.max_length - len(prefix) - len(suffix)
    text = _KeyText(model=field.model, prefix=prefix, suffix=suffix, room=room, unique=is_unique(field))
    if room is not None and text.is_cut and room < (SHORTEST_DIGEST if text.only_digits else 1):
        raise _too_short(field)
    made = Replacement(value=text.value, words=text.words, is_keyed=bool(text.digits or text.only_digits))
    if text.unique and not made.is_keyed:
        longest = longest_key(field.model) or 0
        needed = len(prefix) + longest + 1 + FEWEST_DIGITS + len(suffix)
        made = replace(made, doubt=NO_DIGITS, cure=f"Let the field be null, give it a max_length of {needed} or more")
    if key_text(field.model) is None:
        return made
    return replace(made, expression=text.expression, holds=text.holds)


def unusable_password(field: Field[Any, Any]) -> Replacement:
    """A hash that no password has, as ``set_unusable_password()`` gives, and another one in every row.

    Sessions are bound to the hash, so those of the user end with it. It is cut to the length of the column.
    """

    def holds(name: str) -> Q:
        return Q(**{f"{name}__startswith": UNUSABLE_PASSWORD_PREFIX})

    def expression() -> Any:
        made = Joined(Value(UNUSABLE_PASSWORD_PREFIX), RandomDigits())
        return made if field.max_length is None else Left(made, field.max_length)

    return Replacement(
        value=lambda instance: make_password(None)[: field.max_length],
        expression=expression,
        holds=holds,
        words=Phrase(gettext_noop("an unusable password")),
    )
