"""What a person is shown of her rows: what is hers and what she has seen, and of others only which is the same one.

Reads only.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db.models import Model, QuerySet
from django.utils.translation import gettext_noop

from ..declaring.declaration import Declaration
from ..declaring.relations import generic_keys
from ..declaring.rules import is_hashed_password
from ..export.records import Record, View, has_own_export
from ..export.values import text
from ..paths import clauses_of, knows_people, person_of
from ..registry import registry
from .finding import Found
from .references import Tokens, references, with_references

# Why a personal column is not shown; translated where somebody reads it
# Translators: why a column is left out of an export
OF_ANOTHER = gettext_noop("it belongs to another person")
# Translators: why a column is left out of an export: it is a password or a key. It stands behind "Password: "
CREDENTIAL = gettext_noop("it is a means to log in, and is never handed out")
# Translators: why a column is left out of an export
COPY = gettext_noop("it leads to another row, and what it says stands there")
# Translators: why a column is left out of an export
EXCLUDED = gettext_noop("left out by the declaration of this site")


def shown_to(found: Found, tokens: Tokens) -> tuple[QuerySet[Any], View]:
    """Return the rows, and what of each is shown to the person."""
    declared, people = registry.declaration(found.model), references(found.model)
    generic = {key.fk_field: key.ct_field for key in generic_keys(found.model)}
    things = keys_to_things(declared)
    added = [*_added(declared, [person.name for person in people]), *things]

    def shown(row: Model, record: Record) -> Record:
        record = {name: _without_people(value, tokens, found.using) for name, value in record.items()}
        record |= {name: None if (thing := getattr(row, name)) is None else text(thing) for name in things}
        for person in people:
            for name in (person.name, f"{person.name}_id"):
                if name in record or name in added:
                    record[name] = tokens.of_reference(person, row, found.using)
        for object_id, content_type in generic.items():
            if token := object_id in record and tokens.of_generic(row, content_type, object_id, found.using):
                record[object_id] = token
        return record

    rows = with_references(found.rows, people)
    hidden = _columns_of_others(found) - {person.name for person in people} | _keys_withheld(declared)
    view = View(hidden=hidden, added=added, shown=shown, party=found.part)
    return (rows.select_related(*things) if things else rows), view


def left_out(found: Found, written: list[str]) -> dict[str, str]:
    """Return {personal column that is not among those that were ``written``: why}."""
    declared, of_others = registry.declaration(found.model), _columns_of_others(found)
    passwords = [each.name for each in found.model._meta.concrete_fields if is_hashed_password(each)]
    named = [name for name in declared.export_fields if name in _keys_withheld(declared)]
    names = (name for name in dict.fromkeys([*declared.fields, *passwords, *named]) if name not in written)
    return {name: OF_ANOTHER if name in of_others else _why(declared, name) for name in names}


def _columns_of_others(found: Found) -> frozenset[str]:
    """Return the personal columns of the other parties that this one has not seen."""
    parties = clauses_of(found.model).parties
    if not found.part:
        return frozenset()
    mine = {*parties[found.part].erases, *parties[found.part].sees}
    return frozenset(name for party in parties.values() for name in party.erases if name not in mine)


def _why(declared: Declaration, name: str) -> str:
    field: Any = declared.model._meta.get_field(name)
    if is_hashed_password(field):
        return CREDENTIAL
    chosen = declared.meta.export_fields
    is_excluded = name in declared.meta.export_exclude or (chosen is not None and name not in chosen)
    return COPY if field.is_relation and not is_excluded and not has_own_export(declared) else EXCLUDED


def keys_to_things(declared: Declaration) -> list[str]:
    """Return the personal keys to rows that are nobody's, as a diagnosis: what these are called is shown."""
    named = declared.fields if declared.meta.export_fields is None else declared.export_fields
    keys = (
        each.name
        for each in declared.model._meta.concrete_fields
        if each.name in named and isinstance(each.related_model, type) and not knows_people(each.related_model)
    )
    if has_own_export(declared):
        return []
    return [name for name in keys if name not in declared.meta.export_exclude]


def _keys_withheld(declared: Declaration) -> frozenset[str]:
    """Return what leads to rows that may be somebody's, which say more than who that is, or to many rows.

    ``export_fields`` may name it. What a project's own ``export`` calls so is for the project to say.
    """
    if has_own_export(declared):
        return frozenset()
    keys: list[Any] = [each for each in declared.model._meta.get_fields() if _is_withheld(each)]
    return frozenset(name for each in keys for name in (each.name, getattr(each, "attname", each.name)))


def _is_withheld(key: Any) -> bool:
    if key.many_to_many or key.one_to_many:
        return True
    model = key.related_model
    return isinstance(model, type) and knows_people(model) and person_of(model) is None


def _added(declared: Declaration, keys: Iterable[str]) -> list[str]:
    """Return those of ``keys`` that are shown: which are so, a declaration may say itself."""
    if declared.meta.export_fields is not None or has_own_export(declared):
        return []
    return [name for name in keys if name not in declared.meta.export_exclude]


def _without_people(value: Any, tokens: Tokens, using: str) -> Any:
    """Return ``value``; of the row of a person, the token; nothing of one that may be about somebody."""
    if not isinstance(value, Model):
        return value
    return tokens.of_row(type(value), value.pk, using) or (None if knows_people(type(value)) else value)
