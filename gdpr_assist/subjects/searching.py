"""From values to the people who are known by them. Reads only."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from django.db.models import Model

from ..databases.aliases import data_aliases, mirrored
from ..declaring.meta import all_rows
from ..declaring.relations import matching_value
from ..exceptions import AnonymiseError
from ..paths import clauses_of, known_by, person_of
from ..registry import registry
from .person import Keys, Known, Source, Tables, joined, nobodys, sources

# A value of more people than this is no identifier.
MOST_PEOPLE = 1000


def find_people(identifiers: Mapping[str, Any], tables: Tables) -> Iterator[tuple[str, Keys]]:
    """Yield (alias, keys) of each person that has all of these values, or has a row with them.

    Raises ``AnonymiseError`` for a kind that no model declares, for an empty value, or one of too many people.
    """
    _check(identifiers)
    for using in data_aliases():
        if mirrored(using):
            continue
        every = sources(using, tables)
        found = [_having(kind, value, every, using) for kind, value in identifiers.items()]
        for person, key in sorted(set.intersection(*found), key=lambda each: (each[0]._meta.label, str(each[1]))):
            yield using, joined({person: frozenset([key])}, using, tables)


def _check(identifiers: Mapping[str, Any]) -> None:
    kinds = {kind for model in registry.models for kind in clauses_of(model).identifiers or {}}
    if not identifiers:
        raise AnonymiseError(
            f"Nobody is looked for without a value. The kinds are {', '.join(sorted(kinds)) or 'none'}."
        )
    for kind, value in identifiers.items():
        if kind not in kinds:
            raise AnonymiseError(
                f"No model has the identifier {kind}. The kinds are {', '.join(sorted(kinds)) or 'none'}."
            )
        if value is None or not str(value).strip():
            raise AnonymiseError(f"The value of {kind} is empty: it would be that of everybody who has none.")


def _having(kind: str, value: Any, every: Iterable[Source], using: str) -> set[tuple[type[Model], Any]]:
    found: set[tuple[type[Model], Any]] = set()
    for source in every:
        if identifier := source.identifiers.get(kind):
            for lookup in identifier.lookups:
                rows = all_rows(source.model, using).filter(matching_value(source.model, lookup, value))
                ends = (
                    rows.filter(**{f"{source.lookup}__isnull": False}).order_by().values_list(source.lookup, flat=True)
                )
                found |= {(source.person, key) for key in ends.distinct()[: MOST_PEOPLE + 1]}
    if len(found) > MOST_PEOPLE:
        raise AnonymiseError(f"More than {MOST_PEOPLE} people have this {kind}: it is no identifier of one.")
    return found


def guests(identifiers: Mapping[str, Any], tables: Tables) -> list[Known]:
    """Return the values as those of somebody without a row of her own, if a row that is nobody's has one of them."""
    for using in data_aliases():
        for model in registry.models:
            if not person_of(model) and tables.has(model, using):
                for each in known_by(model):
                    if each.identifier in identifiers:
                        condition = matching_value(model, each.lookup, identifiers[each.identifier])
                        if nobodys(model, using).filter(condition).exists():
                            return [
                                Known(identifier=kind, value=value, is_certain=True)
                                for kind, value in identifiers.items()
                            ]
    return []
