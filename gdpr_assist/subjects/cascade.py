"""What goes with the rows of a person that are deleted, and what stands in the way of that. Reads only."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Model, QuerySet
from django.db.models.constants import LOOKUP_SEP
from django.template.defaultfilters import pluralize
from django.utils.translation import gettext_noop

from ..cascades import protectors_first, taken_with
from ..databases.rows import batch_size, chunks
from ..declaring.meta import all_rows
from ..declaring.relations import is_blank
from ..exceptions import AnonymiseError
from ..execution.deleting import Deletion
from ..paths import clauses_of, known_by, own_key, person_of, routes
from ..phrases import Phrase
from ..registry import concrete
from ..undocumented import collected_as_far, objects_of, unread_of
from .finding import Found
from .person import Keys, Tables, nobodys, somebodys
from .sharing import leading_to_others

# {(model, alias): primary keys}
Rows = dict[tuple[type[Model], str], set[Any]]

PROTECTED = "protected by them (PROTECT, RESTRICT)"
OF_OTHERS = Phrase(gettext_noop("about somebody else"))


@dataclass(frozen=True, kw_only=True)
class Obstacle:
    """Rows because of which rows of a person cannot be deleted; then nothing of hers is erased."""

    model: type[Model]
    count: int
    deleted: type[Model]
    """Of which rows were to be deleted."""

    why: str
    """``PROTECTED``, or why these rows, which would go too, have to stay."""

    def __str__(self) -> str:
        rows = f"{self.model._meta.label}: {self.count} row{pluralize(self.count)}"
        if self.why == PROTECTED:
            return f"{rows}, and {self.deleted._meta.label} is {self.why}"
        return f"{rows} would go with {self.deleted._meta.label}, and {'are' if self.count > 1 else 'is'} {self.why}"


@dataclass(frozen=True, kw_only=True)
class Cascade:
    """What else is deleted, and what stands in the way."""

    going: Rows = field(repr=False)
    obstacles: list[Obstacle]


def cascade(deletions: Sequence[Deletion], hers: Iterable[Found], keys: Keys, using: str, tables: Tables) -> Cascade:
    """Return what goes with ``deletions``, one after the other, of which the keys are read.

    ``hers`` are the rows that were found to be about the person whose own rows, on ``using``, have ``keys``.
    """
    stays = _Stays(deletions, hers, keys, using, tables)
    gone: Rows = defaultdict(set)
    obstacles: list[Obstacle] = []
    for each in deletions:
        going, protecting = _taken(each)
        for (model, alias), those in protecting.items():
            if left := those - gone[model, alias]:
                obstacles.append(Obstacle(model=model, count=len(left), deleted=each.rows.model, why=PROTECTED))
        obstacles += stays.among(going, each.rows.model)
        for where, those in going.items():
            gone[where] |= those
    left_over = {where: those - stays.own[where] for where, those in gone.items()}
    return Cascade(going={where: those for where, those in left_over.items() if those}, obstacles=obstacles)


def check_cascade(
    deletions: Sequence[Deletion], hers: Iterable[Found], keys: Keys, using: str, tables: Tables
) -> None:
    """Raise ``AnonymiseError`` if ``deletions`` would take rows with them that are kept, or about somebody else.

    Where the declarations say that there are none, no database is asked.
    """
    stays = _Stays(deletions, hers, keys, using, tables)
    for each in deletions:
        if each.keys and may_take_others(each.rows.model):
            for obstacle in stays.among(_taken(each)[0], each.rows.model):
                raise AnonymiseError(
                    f"{obstacle}; nothing was changed. Anonymise {obstacle.deleted._meta.label} instead of deleting "
                    "it, or give the key that cascades another on_delete."
                )


def may_take_others(model: type[Model]) -> bool:
    """Whether rows may go with one of ``model`` of which something is declared that lets them stay."""
    declared = (clauses_of(each) for each in taken_with(model, is_certain=False))
    return any(each.knows_people or each.grounds for each in declared)


def in_order(deletions: Iterable[Deletion]) -> list[Deletion]:
    """Return them so that rows which may protect others are deleted before these; in a circle, as they come."""
    every = list(deletions)
    models = protectors_first(dict.fromkeys(concrete(each.rows.model) for each in every))
    return sorted(every, key=lambda each: models.index(concrete(each.rows.model)))


def _taken(deletion: Deletion) -> tuple[Rows, Rows]:
    """Return what Django would delete, the rows themselves among it, and what protects them."""
    using = deletion.rows.db
    going: Rows = defaultdict(set)
    protecting: Rows = defaultdict(set)
    for keys in chunks(deletion.keys, batch_size(using)):
        collector, objects = collected_as_far(all_rows(deletion.rows.model, using).filter(pk__in=keys))
        for model, instances in objects_of(collector).items():
            going[concrete(model), using].update(each.pk for each in instances)
        for rows in unread_of(collector):
            going[concrete(rows.model), using].update(rows.order_by().values_list("pk", flat=True))
        for each in objects:
            protecting[concrete(type(each)), using].add(each.pk)
    return going, protecting


class _Stays:
    """Which rows may not go with those of a person: they are kept, or about somebody else."""

    def __init__(
        self, deletions: Iterable[Deletion], hers: Iterable[Found], keys: Keys, using: str, tables: Tables
    ) -> None:
        self.own: Rows = defaultdict(set)
        """What is deleted by itself."""

        for each in deletions:
            self.own[concrete(each.rows.model), each.rows.db].update(each.keys)
        self._hers, self._keys, self._using, self._tables = list(hers), keys, using, tables

    def among(self, going: Rows, deleted: type[Model]) -> Iterator[Obstacle]:
        """Yield those among ``going``, which go with rows of ``deleted``."""
        for (model, alias), those in going.items():
            taken = those - self.own[model, alias]
            if taken and (grounds := clauses_of(model).grounds):
                why = Phrase(gettext_noop("kept (%(ground)s)"), ground=", ".join(grounds))
                yield Obstacle(model=model, count=len(taken), deleted=deleted, why=why)
            elif clauses_of(model).knows_people:
                parts = chunks(taken, batch_size(alias))
                if count := sum(len(self._of_others(all_rows(model, alias).filter(pk__in=part))) for part in parts):
                    yield Obstacle(model=model, count=count, deleted=deleted, why=OF_OTHERS)

    def _of_others(self, rows: QuerySet[Any]) -> set[Any]:
        model, alias = rows.model, rows.db
        keys = self._tables.keys_on(alias, self._keys, self._using)
        if person := person_of(model):
            others = rows.exclude(**{f"{own_key(model)}__in": keys.get(person, frozenset())})
            return set(others.values_list("pk", flat=True))
        found = set(self._known_by_another_value(rows))
        for part in dict.fromkeys(route.party for route in routes(model)):
            for others in leading_to_others(model, alias, keys, part, self._tables):
                found.update(others.filter(pk__in=rows.values("pk")).values_list("pk", flat=True))
        return found

    def _known_by_another_value(self, rows: QuerySet[Any]) -> Iterator[Any]:
        """Yield the keys of the rows that no key says to be anybody's, and that hold a value which is not hers."""
        same = (each for each in self._hers if each.model is rows.model and each.using == rows.db)
        for way in dict.fromkeys(way for each in same for way in each.by_way):
            rows = rows.exclude(pk__in=way.rows.order_by().values("pk"))
        for each in known_by(rows.model):
            if LOOKUP_SEP not in each.lookup:
                nobody = nobodys(rows.model, rows.db, each.party).values("pk")
                pairs = somebodys(rows.filter(pk__in=nobody), each.lookup).values_list("pk", each.lookup)
                yield from (key for key, value in pairs if not is_blank(value))
