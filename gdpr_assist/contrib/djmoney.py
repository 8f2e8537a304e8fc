"""django-money: no amount, in the currency that the field has when nothing is said. They are two columns."""

from __future__ import annotations

from typing import Any

from django.db.models import Field

from ..declaring.defaults import number, text
from ..declaring.rules import Replacement, Rule, constant

APP = "djmoney"


def rules() -> dict[str, Rule]:
    return {"djmoney.models.fields.MoneyField": number, "djmoney.models.fields.CurrencyField": currency}


def currency(field: Field[Any, Any]) -> Replacement:
    """NULL where the amount is, as a currency alone cannot be read."""
    return text(field) if field.null or not field.default else constant(str(field.get_default()))
