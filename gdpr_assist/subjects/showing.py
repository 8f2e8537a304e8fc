"""What a person is shown of her rows: what is hers and what she has seen, and of others only which is the same one.

Reads only.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db.models import Model, QuerySet

from ..declaring.declaration import Declaration
from ..declaring.relations import generic_keys
from ..declaring.rules import is_hashed_password
from ..export.records import Record, View, has_own_export
from ..paths import clauses_of, knows_people
from ..registry import registry
from .finding import Found
from .references import Tokens, references, with_references

# Why a personal column is not shown
OF_ANOTHER = "of another person"
CREDENTIAL = "credential"
COPY = "copy of an exported value: it leads to a row of its own"
EXCLUDED = "excluded by declaration"


def shown_to(found: Found, tokens: Tokens) -> tuple[QuerySet[Any], View]:
    """Return the rows, and what of each is shown to the person."""
    declared, people = registry.declaration(found.model), references(found.model)
    generic = {key.fk_field: key.ct_field for key in generic_keys(found.model)}
    things = keys_to_things(declared)
    added = [*_added(declared, [person.name for person in people]), *things]

    def shown(row: Model, record: Record) -> Record:
        record = {name: _without_people(value, tokens, found.using) for name, value in record.items()}
        record |= {name: None if (thing := getattr(row, name)) is None else str(thing) for name in things}
        for person in people:
            for name in (person.name, f"{person.name}_id"):
                if name in record or name in added:
                    record[name] = tokens.of_reference(person, row, found.using)
        for object_id, content_type in generic.items():
            if token := object_id in record and tokens.of_generic(row, content_type, object_id, found.using):
                record[object_id] = token
        return record

    rows = with_references(found.rows, people)
    view = View(hidden=_columns_of_others(found) - {person.name for person in people}, added=added, shown=shown)
    return (rows.select_related(*things) if things else rows), view


def left_out(found: Found, written: list[str]) -> dict[str, str]:
    """Return {personal column that is not among those that were ``written``: why}."""
    declared, of_others = registry.declaration(found.model), _columns_of_others(found)
    passwords = [each.name for each in found.model._meta.concrete_fields if is_hashed_password(each)]
    names = (name for name in dict.fromkeys([*declared.fields, *passwords]) if name not in written)
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
    is_excluded = name in declared.meta.export_exclude or declared.meta.export_fields is not None
    return COPY if field.is_relation and not is_excluded and not has_own_export(declared) else EXCLUDED


def keys_to_things(declared: Declaration) -> list[str]:
    """Return the personal keys to rows that are nobody's, as a diagnosis: what these are called is shown."""
    keys = (
        each.name
        for each in declared.model._meta.concrete_fields
        if each.name in declared.fields
        and isinstance(each.related_model, type)
        and not knows_people(each.related_model)
    )
    return _added(declared, keys)


def _added(declared: Declaration, keys: Iterable[str]) -> list[str]:
    """Return those of ``keys`` that are shown: which are so, a declaration may say itself."""
    if declared.meta.export_fields is not None or has_own_export(declared):
        return []
    return [name for name in keys if name not in declared.meta.export_exclude]


def _without_people(value: Any, tokens: Tokens, using: str) -> Any:
    """Return ``value``; of the row of a person, which a project's own ``export`` gives, the token."""
    return tokens.of_row(type(value), value.pk, using) or value if isinstance(value, Model) else value
