"""Checks of what was declared: each reads declarations only, which need all models and no database."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.core.checks import CheckMessage
from django.db import models

from ..conf import privacy_class_name
from ..declaring.declaration import Declaration
from ..declaring.meta import PrivacyMeta
from ..declaring.rules import field_label
from ..registry import concrete, registry
from .messages import declarations, declared, message

check_E002 = declared("E002", "A declaration names a field that is not there.")
check_E003 = declared("E003", "A primary key is declared as personal.")
check_E004 = declared("E004", "A field's class has no rule.")
check_E005 = declared("E005", "A file or relation that cannot be null.")
check_E006 = declared("E006", "A many-to-many field.")
check_E007 = declared("E007", "A unique field whose rule gives every row the same.")
check_E008 = declared("E008", "A primary key that is composite, or of bytes.")
check_E010 = declared("E010", "A declaration's attribute is not a list of names.")
check_E019 = declared("E019", "An attribute of a declaration without a meaning, that looks misspelt or names fields.")
check_E022 = declared("E022", "A label for the log that is not one.")
check_E030 = declared("E030", "Columns that other code relies on are, or would be, anonymised.")
check_E031 = declared("E031", "A method of a declaration that cannot be called as it will be.")
check_E052 = declared("E052", "Paths into a column of JSON that are none, or meet; or a column that holds no JSON.")
check_E055 = declared("E055", "What replace puts in the place of a value, and cannot.")
check_E057 = declared("E057", "A pool of invented values that is not there, or does not fit.")
check_W001 = declared("W001", "A field that is neither declared personal nor kept.")
check_W009 = declared(
    "W009", "An anonymiser that is never called, or an entry for the export that does not do what it says."
)
check_W010 = declared("W010", "No fields are named, so that all are personal.")
check_W012 = declared("W012", "All columns are personal, also those that a base of another distribution brings.")
check_W014 = declared("W014", "A new value that says something of a person, is no choice, or can be guessed.")


def check_E016(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """A proxy with a declaration of its own, which has no effect."""
    return [
        message(
            "E016",
            f"{model._meta.label} is a proxy: its declaration has no effect.",
            f"Declare {concrete(model)._meta.label}; its proxies share the declaration.",
            model,
        )
        for model in registry.ignored
    ]


def check_E029(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """A declaration that is no class."""
    name = privacy_class_name()
    return [
        message(
            "E029",
            f"{model._meta.label}: {name} is not a class, but an object of the class {kind.__name__}; it is not read.",
            f"Write it as an inner class, with its entries as attributes: class {name}: ...",
            model,
        )
        for model, kind in registry.unreadable.items()
    ]


def check_E023(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """Two models claim the same label in the log, so that a replay could erase rows of the wrong one."""
    claimed: dict[str, type[models.Model]] = {}
    messages = []
    for label, model in registry.claims():
        other = claimed.setdefault(label, model)
        if other is not model:
            messages.append(
                message(
                    "E023",
                    f"{model._meta.label} and {other._meta.label} are both called {label} in the event log.",
                    "Correct log_label or former_labels in the PrivacyMeta of one of them.",
                    model,
                )
            )
    return messages


def check_E041(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """A foreign key that holds the values of a personal column."""
    return [
        message(
            "E041",
            f"{each.label}: {field_label(key)} points at {key.remote_field.field_name} (to_field), which is "
            "anonymised: it would keep the old value, and lead nowhere.",
            f"Let {field_label(key)} point at the primary key.",
            each.model,
        )
        for each in declarations(app_configs)
        for key in each.references
    ]


def check_W011(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """A primary key that may say who somebody is: it stays, when the row is anonymised."""
    return [
        message(
            "W011",
            f"{each.label}: the primary key {key[0].name} ({type(key[-1]).__name__}) stays in the row "
            "that is anonymised, and in its marker.",
            "If it can tell who somebody is, give the model another key. If not, list it in PrivacyMeta.keep.",
            each.model,
        )
        for each in declarations(app_configs)
        if each.meta.can_anonymise
        for key in _keys(each.model)
        if not isinstance(key[-1], (models.IntegerField, models.UUIDField))
        if _kept(each).isdisjoint(field.name for field in key)
    ]


def _keys(model: type[models.Model]) -> Iterator[list[Any]]:
    """Yield each part of the primary key, with what it points at, and so on to the end."""
    for part in getattr(model._meta, "pk_fields", [model._meta.pk]):
        yield list(_followed(part))


def _followed(field: Any) -> Iterator[Any]:
    yield field
    if field.remote_field:
        yield from _followed(field.target_field)


def _kept(each: Declaration) -> set[str]:
    return set() if any(mistake.check == "E010" for mistake in each.mistakes) else set(each.meta.keep)


def check_W003(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """A model with personal fields whose rows the Personal data tool cannot find, nor a person leads to."""
    return [
        message(
            "W003",
            f"{each.label} declares no search_fields: the Personal data tool cannot find its rows.",
            "Add search_fields, or a search method, to its PrivacyMeta; search_fields = [] if no word finds them.",
            each.model,
        )
        for each in declarations(app_configs)
        if each.meta.search_fields is None and type(each.meta).search is PrivacyMeta.search
        if not each.clauses.knows_people and each.clauses.copy_of is None
        if not any(mistake.check == "E010" for mistake in each.mistakes) and each.fields
    ]
