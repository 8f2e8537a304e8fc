"""From a field to what takes the place of its value: the project's rule, a ready one, or the default one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Field, Q

from ..exceptions import FieldAnonymiseError
from ..undocumented import all_choices
from . import rules
from .defaults import DEFAULTS
from .rules import FIRST_OF_ALL, Replacement, Rule, constant, field_label, is_hashed_password
from .texts import unusable_password
from .uniqueness import is_unique


def replacement_for(field: Field[Any, Any]) -> Replacement:
    """Return what takes the place of ``field``'s value.

    Raises ``FieldAnonymiseError`` if the field has no rule, or its rule cannot serve this field.
    """
    if is_hashed_password(field):
        return unusable_password(field)
    own = _rule_of(field, rules.registered)
    function = own or _rule_of(field, rules.ready_made) or _rule_of(field, DEFAULTS)
    if function is None:
        raise no_rule(field)
    made = function(field)
    if not isinstance(made, Replacement):
        made = Replacement(value=made) if callable(made) else constant(made)
    # A project's own rule knows what its field's choices mean: they may be parts of a value.
    return made if own else _among_choices(field, made)


def _rule_of(field: Field[Any, Any], known: Mapping[Any, Rule]) -> Rule | None:
    """Return the rule for the exact class of ``field``."""
    return known.get(type(field)) or known.get(f"{type(field).__module__}.{type(field).__qualname__}")


def no_rule(field: Field[Any, Any]) -> FieldAnonymiseError:
    """Return the error that there is no rule for the class of ``field``."""
    name = type(field).__name__
    return FieldAnonymiseError(
        f"Unknown field type for anonymiser: {field_label(field)} is a {name}.",
        check="E004",
        hint=f"Register a rule with @gdpr_assist.rule({name}), write anonymise_{field.name}, "
        "or list the field in PrivacyMeta.keep.",
    )


def choices_of(field: Field[Any, Any]) -> list[Any]:
    """Return the values that the field's ``choices`` name, in groups or not, without those that stand for none."""
    values = [value for value, _ in all_choices(field) if value not in (None, "")]
    try:
        return [field.to_python(value) for value in values]  # Django takes a duration or a date as a text, too
    except (ValidationError, ValueError, TypeError):
        return values


def _among_choices(field: Field[Any, Any], made: Replacement) -> Replacement:
    """Return ``made``, or what the field's choices allow in its place: an empty value first."""
    choices = choices_of(field)
    if not choices:
        return made
    if is_unique(field) and not made.is_constant:
        return replace(
            made, doubt="it has choices, and its new value, which must differ from row to row, is none of them"
        )
    if made.is_constant and made.expression is not None and made.expression() in [None, "", *choices]:
        return made
    is_text = isinstance(field, (models.CharField, models.TextField))
    if is_text and (field.blank or "" in [value for value, _ in all_choices(field)]):
        return constant("")
    chosen = constant(choices[0])

    def holds(name: str) -> Q:
        # What 1.x gave is no reason to take a row for refilled.
        return Q(**{name: choices[0]}) | (made.holds(name) if made.holds else Q())

    return replace(chosen, holds=holds, doubt=FIRST_OF_ALL)
