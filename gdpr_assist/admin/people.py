"""The people that a search finds, how each was found, and what is left when their rows are taken out. Reads only."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any

from django.contrib.admin import AdminSite
from django.contrib.contenttypes.models import ContentType
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _

from ..declaring.meta import all_rows
from ..declaring.search import Failed, noted
from ..exceptions import AnonymiseError
from ..paths import clauses_of, person_of
from ..registry import concrete, registry
from ..subjects.finding import Found
from ..subjects.subject import Subject
from ..tables import PersonalData, stored_key
from ..undocumented import admin_of
from .confirmation import counted
from .permissions import may_view, shown
from .results import RowsByModel, is_at_home, url_of

# Whoever searches for one person chooses from a short list.
MOST_PEOPLE = 25


@dataclass(frozen=True, kw_only=True)
class Person:
    """One of the people that were found."""

    names: list[tuple[str, str | None]]
    """The rows that are the person: the text of each, and its page in the admin where the user may see it."""

    found: list[str]
    """How: "3 orders, by customer"."""

    value: str
    """What its button posts: ``<alias>/<content type id>-<primary key>``, or the kind of identifier of a guest."""

    @property
    def is_guest(self) -> bool:
        return not self.names


def search(
    request: HttpRequest, site: AdminSite, term: str, models: list[type[Model]], failed: Failed
) -> tuple[list[Person], bool, RowsByModel]:
    """Return the people whom ``term``, or the rows that it finds, lead to; whether there are more; and the other rows.

    Of the rows that the user may see, those are left that are about none of these people. A model that cannot be
    searched is noted in ``failed``.
    """
    there = list(_there(request, site, term, models, failed))
    subjects: list[Subject] = []
    for model, matches in there:
        with noted(failed, model, matches.db):
            for each in Subject.behind(matches, most=MOST_PEOPLE + 1) if is_at_home(model, matches) else ():
                each.add_to(subjects)
    # {person: the kinds of identifiers that the term is one of}
    known: dict[Subject, list[str]] = defaultdict(list)
    for kind in sorted({kind for model in models for kind in clauses_of(model).identifiers or {}}):
        for each in _known_by(kind, term):
            known[each.add_to(subjects) if each.keys else each].append(kind)
    visible = [each for each in subjects if own_rows(request, site, each)]
    rows = {each: each.rows() for each in visible[:MOST_PEOPLE]}
    for each in known:
        # What is typed to log in is known by name and by address: whose it is by one, is nobody else's by the other.
        if not each.keys and has_rows(request, site, each) and _any_without(theirs := each.rows(), rows):
            rows[each] = theirs
    found = [_person(request, site, each, known[each], list(_ways(theirs, there))) for each, theirs in rows.items()]
    return found, len(visible) > MOST_PEOPLE, _without(there, chain.from_iterable(rows.values()))


def _there(
    request: HttpRequest, site: AdminSite, term: str, models: list[type[Model]], failed: Failed
) -> Iterator[tuple[type[Model], QuerySet[Any]]]:
    """Yield the rows that match, and that the user may see; where they lead to people, only if there are any."""
    for model, every in registry.candidates(term, models, failed):
        with noted(failed, model, every.db):
            matches = shown(request, site, every)
            if not clauses_of(model).knows_people or matches.exists():
                yield model, matches


def _known_by(kind: str, term: str) -> list[Subject]:
    try:
        return Subject.find(**{kind: term})
    except AnonymiseError:
        return []  # no value of this kind, or one of too many people


def has_rows(request: HttpRequest, site: AdminSite, subject: Subject) -> bool:
    """Whether the user may see one of the rows about the person."""
    found = subject.rows()
    return any(may_view(request, site, each.model) and shown(request, site, each.rows).exists() for each in found)


def own_rows(request: HttpRequest, site: AdminSite, subject: Subject) -> list[Model]:
    """Return the rows that are the person, that of the account first; those that the user may see."""
    models = sorted(subject.keys, key=lambda model: (person_of(model) is not model, model._meta.label))
    return [
        row
        for model in models
        if may_view(request, site, model)
        for row in shown(request, site, all_rows(model, subject.using).filter(pk__in=subject.keys[model]))
    ]


def _person(request: HttpRequest, site: AdminSite, subject: Subject, kinds: list[str], ways: list[str]) -> Person:
    rows = own_rows(request, site, subject)
    return Person(
        names=[(str(row), url_of(request, site, type(row), row)) for row in rows],
        found=[*(_("by this %(kind)s") % {"kind": kind} for kind in kinds), *ways],
        value=value_of(rows[0]) if rows else kinds[0],
    )


def value_of(row: Model) -> str:
    """Return what stands for a row in a form."""
    kind = ContentType.objects.get_for_model(row)
    return f"{row._state.db}/{kind.pk}-{stored_key(row.pk)}"


@dataclass(frozen=True, kw_only=True)
class Link:
    """A button on the page of a row that leads to the tool."""

    url: str
    value: str
    party: str
    """Whose page it leads to, of a row that is about several people."""


def links_to_people(request: HttpRequest, site: AdminSite, row: Model) -> list[Link]:
    """Return what leads from a row to the people that it is about; nothing where the user may not use the tool."""
    model = concrete(type(row))
    tool = admin_of(site, PersonalData)
    if tool is None or not tool.has_view_permission(request) or not clauses_of(model).says_whose:
        return []
    url = reverse("admin:gdpr_assist_personaldata_changelist", current_app=site.name)
    return [Link(url=url, value=value_of(row), party=party) for party in clauses_of(model).parties or [""]]


def _ways(hers: list[Found], candidates: RowsByModel) -> Iterator[str]:
    """Yield how many of the rows that were found are about a person, and by which way."""
    counts: Counter[tuple[type[Model], str]] = Counter()
    for model, matches in candidates:
        for each in _of(hers, model, matches):
            those = matches.filter(pk__in=each.rows.order_by().values("pk"))
            for way in each.by_way:
                counts[model, way.words] += those.filter(pk__in=way.rows.order_by().values("pk")).count()
    yield from (f"{counted(model, count)}, {words}" for (model, words), count in counts.items() if count)


def _without(candidates: RowsByModel, hers: Iterable[Found]) -> RowsByModel:
    """Return the candidates without the rows that are about one of the people."""
    theirs = list(hers)
    left = []
    for model, matches in candidates:
        rows = matches
        for each in _of(theirs, model, matches):
            rows = rows.exclude(pk__in=each.rows.order_by().values("pk"))
        left.append((model, rows))
    return left


def _any_without(found: Iterable[Found], people: dict[Subject, list[Found]]) -> bool:
    """Whether one of the rows is about none of the people."""
    rows = _without([(each.model, each.rows) for each in found], chain.from_iterable(people.values()))
    return any(left.exists() for _, left in rows)


def _of(found: Iterable[Found], model: type[Model], matches: QuerySet[Any]) -> list[Found]:
    return [each for each in found if each.model is model and each.using == matches.db]
