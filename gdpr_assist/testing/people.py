"""Makes a person for tests: her own row, and one of each model that leads to her. Nothing but tests calls it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from typing import Any

from django.conf import settings
from django.contrib.contenttypes.models import ContentType
from django.db import DEFAULT_DB_ALIAS
from django.db.models import ForeignKey, ManyToManyField, Model, Q

from ..declaring.clauses import HISTORY, Generic, Path, PointedAtBy
from ..declaring.meta import all_rows
from ..declaring.relations import follow
from ..exceptions import AnonymiseError
from ..paths import clauses_of, known_by, people, person_of, routes
from ..registry import concrete, registry
from ..subjects.shares import copies_among
from ..subjects.subject import Subject
from .making import Written, write


@dataclass
class Made:
    """Rows that were made for a test, and the tokens in them."""

    person: Model
    """The row that is the person."""

    rows: dict[type[Model], Model] = field(default_factory=dict)
    """{model: the row of it that leads to the person, or is the person}"""

    tokens: list[str] = field(default_factory=list, repr=False)
    """What stands in their text columns, each in one: for ``assert_no_trace(*made.tokens)`` once all is erased."""

    kept_tokens: list[str] = field(default_factory=list, repr=False)
    """Those that an erasure leaves: their columns are not personal, are kept on a ground, or are of somebody else."""


def make_person(
    model: type[Model] | None = None,
    *,
    using: str = DEFAULT_DB_ALIAS,
    values_of: Mapping[type[Model], Mapping[str, Any]] | None = None,
    **values: Any,
) -> Made:
    """Make a row that is a person, with ``values``, and one row of each registered model that leads to it.

    ``values_of`` is {model: values of its row}, for those others. ``model`` is by default the user model if its rows
    are people, or the only one of which they are. Rows are made as ``make_row`` does. Raises ``AnonymiseError`` if it
    is not clear which model, or if the rows of ``model`` are no people; ``ValueError`` if no row of a model of
    ``values_of`` leads to her; else what ``make_row`` raises.
    """
    root = _root(model)
    maker = _Maker(root, using, {concrete(each): dict(given) for each, given in (values_of or {}).items()})
    maker.begin(values)
    for each in registry.models:
        if maker.is_wanted(each):
            maker.row_of(each)
    return maker.made()


def _root(model: type[Model] | None) -> type[Model]:
    if model is not None:
        if person_of(model) is None:
            raise AnonymiseError(
                f'{model._meta.label}: its rows are no people: its PrivacyMeta has no subject = "self".'
            )
        return concrete(model)
    found = people()
    users = [each for each in found if each._meta.label_lower == settings.AUTH_USER_MODEL.lower()]
    if len(users or found) != 1:
        labels = ", ".join(each._meta.label for each in found) or "none"
        raise AnonymiseError(f"make_person(model): say of which model; people are {labels}.")
    return (users or found)[0]


class _Maker:
    """Makes the rows one after the other, those first that others point at."""

    def __init__(self, root: type[Model], using: str, values_of: dict[type[Model], dict[str, Any]]) -> None:
        self.root, self.using, self.values_of = root, using, values_of
        self.top: Any = person_of(root)
        # The models of people that are joined to her, as a profile
        self.people: set[Any] = {self.top, *(each for each in people() if self._leads_to(each, {self.top}))}
        self.written: dict[type[Model], Written] = {}
        self.of_strangers: Written | None = None
        self._making: set[type[Model]] = set()

    @property
    def person(self) -> Model:
        return self.written[self.root].row

    @cached_property
    def stranger(self) -> Model:
        """Who else a row is about that is about several people."""
        self.of_strangers = write(self.root, self.using, {})
        return self.of_strangers.row

    def begin(self, values: dict[str, Any]) -> None:
        """Make the person, who has confirmed what can be confirmed."""
        confirmed: dict[str, Any] = {}
        for identifier in (clauses_of(self.root).identifiers or {}).values():
            if isinstance(identifier.verified, Q):
                pairs = [each for each in identifier.verified.children if isinstance(each, tuple)]
                confirmed |= {name: value for name, value in pairs if "__" not in name}
        self.written[self.root] = write(self.root, self.using, confirmed | self.values_of.get(self.root, {}) | values)

    def is_wanted(self, model: type[Model]) -> bool:
        """Whether a row of ``model`` leads to the person: by a key, a value, or as a copy of a row that does."""
        copied = clauses_of(model).copy_of
        if issubclass(model, self.top) or copied == HISTORY or isinstance(copied, PointedAtBy):
            return False  # a part of her own row, or of a history, which writes its rows by itself
        return self._leads_to(model, self.people) or bool(copied or self._known(model))

    def _leads_to(self, model: type[Model], targets: set[Any]) -> bool:
        return any((each.lookup and each.person in targets) or each.generic for each in routes(model))

    def _known(self, model: type[Model]) -> dict[str, Any]:
        """Return {column: the person's value} of what rows of ``model``, to which no key leads, know her by."""
        if clauses_of(model).paths or person_of(model):
            return {}
        hers = clauses_of(self.root).identifiers or {}
        return {
            each.lookup: getattr(self.person, hers[each.identifier].lookups[0])
            for each in known_by(model)
            if each.identifier in hers and "__" not in each.lookup + hers[each.identifier].lookups[0]
        }

    def row_of(self, model: type[Model]) -> Model | None:
        """Return the row of ``model``, made if need be; None for a model that leads nowhere, or in a circle."""
        model = concrete(model)
        if issubclass(self.root, model):
            return self.person
        if model not in self.written and model not in self._making and model in registry and self.is_wanted(model):
            self._making.add(model)
            values = dict(self._values(model)) | self.values_of.get(model, {})
            self.written[model] = write(model, self.using, values)
            self._connect(model)
        made = self.written.get(model)
        return made.row if made else None

    def _values(self, model: type[Model]) -> Iterator[tuple[str, Any]]:
        yield from self._known(model).items()
        for path in _paths(model):
            if isinstance(path, Generic):
                kind = ContentType.objects.db_manager(self.using).get_for_model(self.person)
                yield path.content_type, kind
                yield path.object_id, self.person.pk
        first = [follow(model, path)[0] for path in _paths(model) if isinstance(path, str)]
        others = first[1:] if clauses_of(model).parties else []
        for key in model._meta.concrete_fields:
            if not isinstance(key, ForeignKey) or _is_parent_link(key) or (key.null and key not in first):
                continue
            if key in others and issubclass(self.root, key.remote_field.model):
                yield key.name, self.stranger
            elif row := self.row_of(key.remote_field.model):
                yield key.name, row

    def _connect(self, model: type[Model]) -> None:
        """Have paths that lead backwards, or through a many-to-many relation, lead to the person."""
        row = self.written[model].row
        for path in _paths(model):
            relation: Any = None if isinstance(path, Generic) else follow(model, path)[0]
            if relation is None or isinstance(relation, ForeignKey):
                continue
            other = self.row_of(relation.related_model)
            if other is None:
                continue
            if not relation.many_to_many:
                name = relation.field.name
                all_rows(concrete(type(other)), self.using).filter(pk=other.pk).update(**{name: row})
                other.refresh_from_db(fields=[name])
            elif isinstance(relation, ManyToManyField):
                self._link(relation, row, other)

    def _link(self, relation: Any, row: Model, other: Model) -> None:
        through = relation.remote_field.through
        if through._meta.auto_created:
            getattr(row, relation.name).add(other)
        elif through in registry and self.is_wanted(through):
            self.row_of(through)  # which points at both
        else:
            write(through, self.using, {relation.m2m_field_name(): row, relation.m2m_reverse_field_name(): other})

    def made(self) -> Made:
        if unused := sorted(each._meta.label for each in self.values_of.keys() - self.written.keys()):
            raise ValueError(f"make_person(values_of=...): no row of {', '.join(unused)} leads to the person.")
        found = Made(person=self.person, rows={model: each.row for model, each in self.written.items()})
        going = self._going()
        for model, each in self.written.items():
            for name, tokens in each.tokens.items():
                goes = model not in going or name in going[model]
                (found.tokens if goes else found.kept_tokens).extend(tokens)
            found.kept_tokens += each.beside
        if self.of_strangers:
            found.kept_tokens += [*chain(*self.of_strangers.tokens.values()), *self.of_strangers.beside]
        return found

    def _going(self) -> dict[type[Model], set[str]]:
        """Return {model: the columns that an erasure of the person empties}, of those of which the row is found."""
        found: dict[type[Model], set[str]] = defaultdict(set)
        for share in Subject(self.person).shares():
            for each in (share, *copies_among(share)):
                made = self.written.get(each.found.model)
                if made and each.found.rows.filter(pk=made.row.pk).exists():
                    names = each.plan.fields if each.plan else made.tokens
                    found[each.found.model].update(names if each.verb != "keep" else ())
        return found


def _paths(model: type[Model]) -> list[Path]:
    copied = clauses_of(model).copy_of
    if copied is None or copied == HISTORY or isinstance(copied, PointedAtBy):
        return [*clauses_of(model).paths]
    return [*clauses_of(model).paths, copied]


def _is_parent_link(key: ForeignKey[Any, Any]) -> bool:
    return bool(getattr(key.remote_field, "parent_link", False))
