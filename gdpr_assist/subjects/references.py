"""The keys by which rows of a person lead to people, and the tokens that stand for these in an export. Reads only."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import ValidationError
from django.db.models import F, Model, QuerySet
from django.db.models.constants import LOOKUP_SEP
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_noop

from ..declaring.meta import all_rows
from ..declaring.relations import generic_keys, is_multi_valued
from ..paths import clauses_of, end_of, person_of, routes
from ..phrases import Phrase
from .person import Keys, Tables

# What stands for the person whom the export is for
# Translators: in a column that says who somebody is; the cover of the export names it.
HERSELF = Phrase(gettext_noop("this person"))

# In hexadecimal digits
TOKEN_LENGTH = 16

# A lookup path to the key of a row that is a person, and its model of people
End = tuple[str, type[Model]]


@dataclass(frozen=True, kw_only=True)
class Reference:
    """A column of an export that says who somebody is."""

    name: str
    """The path to that person: the name of the key where that leads there."""

    ends: Mapping[str, End]
    """{name under which it is read with the rows: where the key of a person is}

    The first that is not NULL says who it is: where a profile has an account, that.
    """


class Tokens:
    """What stands for people in one export: the same for the same person, and something else in the next export."""

    def __init__(self, keys: Keys, using: str) -> None:
        self._keys = keys
        """The rows, on ``using``, that are the person whom the export is for."""

        self._using = using
        self._tables = Tables()
        self._secret = secrets.token_bytes(32)
        # {(model, key of a row that is a person, alias): the row that says who it is}
        self._met: dict[tuple[type[Model], Any, str], tuple[type[Model], Any]] = {}

    def of(self, person: type[Model], key: Any, using: str) -> str:
        """Return the token of somebody, from which nobody can tell who it is.

        ``using`` is where the key was met.
        """
        where = self._tables.home(person, using, self._using)
        if where == self._using and key in self._keys.get(person, ()):
            return HERSELF
        text = f"{where} {person._meta.label} {key}"
        digest = salted_hmac(__name__, text, secret=self._secret, algorithm="sha256")
        return f"person-{digest.hexdigest()[:TOKEN_LENGTH]}"

    def of_reference(self, reference: Reference, row: Model, using: str) -> str | None:
        """Return the token of the person that a row of ``with_references`` leads to."""
        ends = ((person, getattr(row, name)) for name, (_, person) in reference.ends.items())
        return next((self.of(person, key, using) for person, key in ends if key is not None), None)

    def of_row(self, model: type[Model], key: Any, using: str) -> str | None:
        """Return the token of the person that this row of ``model`` is; None if it is none."""
        if person_of(model) is None:
            return None
        if (model, key, using) not in self._met:
            self._met[model, key, using] = self._who(model, key, using)
        return self.of(*self._met[model, key, using], using)

    def of_generic(self, row: Model, content_type: str, object_id: str, using: str) -> str | None:
        """Return the token of the person that a generic key of ``row`` leads to; None if it leads to none."""
        kind, text = (getattr(row, row._meta.get_field(name).attname) for name in (content_type, object_id))  # type: ignore[union-attr]
        if kind is None or text is None:
            return None
        model = ContentType.objects.db_manager(using).get_for_id(kind).model_class()
        if model is None:
            return None
        try:
            return self.of_row(model, model._meta.pk.to_python(text), using)
        except ValidationError:
            return None  # no key of that model

    def _who(self, model: type[Model], key: Any, using: str) -> tuple[type[Model], Any]:
        ends = _ends(model)
        if ends == [("pk", model)] or not self._tables.has(model, using):
            return model, key
        row = all_rows(model, using).filter(pk=key).values_list(*(lookup for lookup, _ in ends)).first()
        found = ((person, end) for (_, person), end in zip(ends, row or (), strict=False) if end is not None)
        return next(found, (model, key))


def references(model: type[Model]) -> list[Reference]:
    """Return the keys of ``model`` that lead to people: to the row of one, or by a longer path of a party or actor."""
    clauses = clauses_of(model)
    paths = dict.fromkeys([*_keys_to_people(model), *clauses.parties, *clauses.actors])
    columns = dict(column for path in paths for column in _along(model, path))
    return [
        Reference(name=name, ends={f"gdpr_assist_end_{number}_{place}": end for place, end in enumerate(ends)})
        for number, (name, ends) in enumerate(columns.items())
    ]


def with_references(rows: QuerySet[Any], columns: list[Reference]) -> QuerySet[Any]:
    """Return ``rows``, each to be read with the keys of these people."""
    ends: Any = {name: F(lookup) for column in columns for name, (lookup, _) in column.ends.items()}
    annotated: QuerySet[Any] = rows.annotate(**ends)
    return annotated


def _keys_to_people(model: type[Model]) -> list[str]:
    return [
        each.name
        for each in model._meta.concrete_fields
        if isinstance(each.related_model, type) and person_of(each.related_model)
        if not getattr(each.remote_field, "parent_link", False)
    ]


def _along(model: type[Model], path: str) -> Iterator[tuple[str, list[End]]]:
    """Yield (name, ends) of the people at the end of ``path``, where a row has one of each."""
    if path in {each.name for each in generic_keys(model)} or is_multi_valued(model, path):
        return
    end = end_of(model, path)
    if person_of(end):
        yield path, _ends(end, path)
        return
    for route in routes(end):
        if route.person and not is_multi_valued(end, route.lookup):
            lookup = f"{path}{LOOKUP_SEP}{route.lookup}"
            yield lookup, _ends(end_of(end, route.lookup), lookup)


def _ends(model: type[Model], before: str = "") -> list[End]:
    """Return where it stands who a person is, by a row of ``model``: in an account that its key leads to, or in it."""
    accounts: list[End] = []
    itself: list[End] = []
    for each in routes(model):
        if each.person and not (each.lookup and is_multi_valued(model, each.lookup)):
            end = (f"{before}{LOOKUP_SEP}{each.key}" if before else each.key, each.person)
            (accounts if each.lookup else itself).append(end)
    return [*accounts, *itself]
