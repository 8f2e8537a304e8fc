"""django-phonenumber-field: a number that is valid, and nobody's."""

from __future__ import annotations

from typing import Any

from django.db.models import Field, Model, Q, Value
from django.db.models.functions import Right

from ..declaring.defaults import text
from ..declaring.digits import Joined
from ..declaring.keys import is_whole_number, key_text
from ..declaring.rules import Replacement, Rule, constant
from ..declaring.texts import NO_DIGITS
from ..declaring.uniqueness import is_unique

APP = "phonenumber_field"

# The numbers after +888 have eleven digits. They were those of the relief after disasters, and are assigned to nobody
# any more (ITU-T, E.164). No number of films is valid for phonenumbers, but some of a single country.
PREFIX, DIGITS = "+888", 11
# Of rows of which the primary key is no number. Without a digit but 0, phonenumbers would not format it.
NOBODYS = f"{PREFIX}00000000001"


def rules() -> dict[str, Rule]:
    return {"phonenumber_field.modelfields.PhoneNumberField": phone_number}


def phone_number(field: Field[Any, Any]) -> Replacement:
    """As a text, but in place of the primary key a number that ends with it."""
    made = text(field)
    if made.is_constant:
        return made
    if not is_whole_number(field.model):
        return made if is_unique(field) else constant(NOBODYS)

    def value(instance: Model) -> str:
        return PREFIX + str(getattr(instance, field.model._meta.pk.attname))[-DIGITS:].rjust(DIGITS, "0")

    def expression() -> Any:
        digits = Joined(Value("0" * DIGITS), key_text(field.model, field.model._meta.pk.name))
        return Joined(Value(PREFIX), Right(digits, DIGITS))

    # PHONENUMBER_DB_FORMAT may be another one, which Python writes.
    in_sql = field.get_prep_value(NOBODYS) == NOBODYS
    return Replacement(
        value=value,
        expression=expression if in_sql else None,
        holds=(lambda name: Q(**{name: expression()})) if in_sql else None,
        words=f"{PREFIX}[key]",
        doubt=NO_DIGITS if is_unique(field) else "",
    )
