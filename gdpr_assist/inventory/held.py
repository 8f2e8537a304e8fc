"""From the declarations to what is held of people, field by field. Asks no database and writes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.db import DEFAULT_DB_ALIAS

from ..copies.keeper import Keepers
from ..declaring.clauses import DELETED, Keep
from ..declaring.declaration import Change, Declaration
from ..declaring.meta import PrivacyMeta
from ..paths import KnownBy, Route, known_by, person_of, routes
from ..registry import registry


@dataclass(frozen=True, kw_only=True)
class Held:
    """One personal field, in words. The names of the attributes are those of the columns in a file."""

    model: str
    field: str
    field_class: str
    becomes: str
    """What its rule, or an anonymiser, puts in its place; empty where nothing does."""

    on_erasure: str
    """What becomes of it when the person is erased."""

    path: str
    """The lookups from its row to the person, with the model of each."""

    known_by: str
    """By which values the row knows its person where there is no key."""

    exported: str
    searched: str
    keepers: str
    """What keeps, and erases, copies of it beside its column."""

    purpose: str
    recipients: str


def inventory() -> list[Held]:
    """Return every field that is declared as personal, in the order of models and of what they declare.

    Raises ``AnonymiseError`` where a declaration says something wrong of people.
    """
    by_label = sorted(registry, key=lambda declared: declared.label.lower())
    return [held for declared in by_label for held in _fields(declared)]


def _fields(declared: Declaration) -> Iterator[Held]:
    ways, values = routes(declared.model), known_by(declared.model)
    changes = {change.field.name: change for change in declared.changes}
    keepers = Keepers(DEFAULT_DB_ALIAS).concerned(declared)
    for name in (*declared.fields, *declared.meta.clear):
        part = _party(declared, name)
        yield Held(
            model=declared.label,
            field=name,
            field_class=type(declared.model._meta.get_field(name)).__name__,
            becomes="no links" if name in declared.meta.clear else _becomes(changes.get(name)),
            on_erasure=_on_erasure(declared, name) if ways or values or _copied(declared) else "no person leads to it",
            path=_joined([_path(declared, way) for way in ways if way.party in ("", part)] + _copied(declared)),
            known_by=_joined(_value(value) for value in values if value.party in ("", part)),
            exported=_exported(declared, name, is_found=bool(ways or values)),
            searched=_searched(declared, name),
            keepers=_joined(type(each).__qualname__ for each in keepers),
            purpose=_joined(declared.purposes),
            recipients=_joined(declared.recipients),
        )


def _party(declared: Declaration, name: str) -> str:
    return next((path for path, party in declared.clauses.parties.items() if name in party.erases), "")


def _becomes(change: Change | None) -> str:
    if change is None:
        return ""
    if change.replacement is None:
        return f"anonymise_{change.field.name}()"
    return change.replacement.words or f"as the rule of {type(change.field).__name__} says"


def _on_erasure(declared: Declaration, name: str) -> str:
    clauses = declared.clauses
    kept = clauses.on_erasure if isinstance(clauses.on_erasure, Keep) else clauses.kept.get(name)
    if kept is not None:
        return f"kept ({kept.ground})"
    if clauses.on_erasure == DELETED:
        return "deleted with its row"
    return "anonymised" if declared.can_anonymise else "stays"


def _path(declared: Declaration, way: Route) -> str:
    if way.generic is not None:
        return f"{way.lookup + ': ' if way.lookup else ''}{way.generic} (anything)"
    person = way.person or person_of(declared.model)
    label = person._meta.label if person else ""
    return f"{way.lookup} ({label})" if way.lookup else f"is a person ({label})"


def _copied(declared: Declaration) -> list[str]:
    return [f"a copy, by {declared.clauses.copy_of}"] if declared.clauses.copy_of is not None else []


def _value(value: KnownBy) -> str:
    return f"{value.identifier} ({value.lookup})"


def _exported(declared: Declaration, name: str, *, is_found: bool) -> str:
    """Of a copy, the export of a person has the number of rows only."""
    if not is_found and not declared.meta.search_fields and not _has_own_search(declared):
        return "no"
    if type(declared.meta).export is not PrivacyMeta.export:
        return "as export() says"
    if name not in declared.export_fields:
        return "no"
    return "yes" if is_found else "if a search finds its row"


def _has_own_search(declared: Declaration) -> bool:
    return type(declared.meta).search is not PrivacyMeta.search


def _searched(declared: Declaration, name: str) -> str:
    if _has_own_search(declared):
        return "as search() says"
    return "yes" if any(each.split("__")[0] == name for each in declared.meta.search_fields or ()) else "no"


def _joined(texts: Iterator[str] | list[str] | tuple[str, ...]) -> str:
    return "; ".join(dict.fromkeys(texts))
