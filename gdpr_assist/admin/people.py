"""The people that a search finds, how each was found, and what is left when their rows are taken out. Reads only."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any

from django.contrib.admin import AdminSite
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.formats import localize
from django.utils.translation import gettext as _

from ..declaring.meta import all_rows
from ..declaring.search import Failed, noted
from ..exceptions import AnonymiseError, TooManyPeople
from ..paths import clauses_of, person_of
from ..registry import registry
from ..subjects.finding import Found
from ..subjects.searching import MOST_PEOPLE as MOST_OF_A_VALUE
from ..subjects.searching import Sight
from ..subjects.subject import Subject
from .links import value_of
from .naming import counted, name_of, told_apart, url_of
from .permissions import may_view, shown
from .results import RowsByModel, is_at_home
from .searched import is_short, way_in_words

# Whoever searches for one person chooses from a short list.
MOST_PEOPLE = 25

# Of rows by which somebody without an account is told from others
MOST_NAMES = 3


@dataclass(frozen=True, kw_only=True)
class Person:
    """One of the people that were found."""

    names: list[tuple[str, str | None]]
    """The rows that are the person: the text of each, and its page in the admin where the user may see it.

    Of somebody without one, who has to be told apart from others: the first rows that are theirs.
    """

    told_apart: str
    """What tells them from others of the same name; nothing of somebody without a row."""

    found: list[str]
    """How: "3 orders, through the field “customer”"."""

    value: str
    """What its button posts: ``<alias>/<content type id>-<primary key>``, or the kind of identifier of a guest.

    Of one who has to be told apart from others: ``<kind>/`` and a row that is theirs.
    """

    is_guest: bool


@dataclass(frozen=True, kw_only=True)
class Search:
    """What a term has found."""

    people: list[Person]
    are_more: bool
    """Whether there are more people than are listed."""

    others: RowsByModel
    """The rows that are about none of these people; nothing where the rows about one could not be looked up."""

    crowds: list[str]
    """Of which kinds of identifiers the term is one of too many people, in words."""


def search(request: HttpRequest, site: AdminSite, term: str, models: list[type[Model]], failed: Failed) -> Search:
    """Return the people whom ``term``, or the rows that it finds, lead to, and the other rows that the user may see.

    A model that cannot be searched is noted in ``failed``.
    """
    there = [] if is_short(term) else list(_there(request, site, term, models, failed))
    subjects: list[Subject] = []
    for model, matches in there:
        with noted(failed, model, matches.db):
            for each in Subject.behind(matches, most=MOST_PEOPLE + 1) if is_at_home(model, matches) else ():
                each.add_to(subjects)
    # {person: the kinds of identifiers that the term is one of}
    known: dict[Subject, list[str]] = defaultdict(list)
    crowds: list[str] = []
    for kind in sorted({kind for model in models for kind in clauses_of(model).identifiers or {}}):
        for each in _known_by(request, site, kind, term, failed, crowds):
            known[each.add_to(subjects) if each.keys else each].append(kind)
    own = {each: rows for each in subjects if (rows := own_rows(request, site, each, failed))}
    listed = list(own)[:MOST_PEOPLE]
    hers: dict[Subject, list[Found]] = {}
    for each in listed:
        with noted(failed, type(own[each][0]), each.using):
            hers[each] = each.rows()
    are_unread = len(hers) < len(listed)
    for each in [guest for guest in known if not guest.keys and has_rows(request, site, guest, failed)]:
        # What is typed to log in is known by name and by address: whose it is by one, is nobody else's by the other.
        if _any_without(theirs := each.rows(), hers, failed):
            hers[each] = theirs
            listed.append(each)
    ways = {each: list(_ways(rows, there, failed)) for each, rows in hers.items()}
    return Search(
        people=[
            _person(request, site, own[each], known[each], ways.get(each, []))
            if each in own
            else _guest(request, site, each, known[each], ways[each])
            for each in listed
        ],
        are_more=len(own) > MOST_PEOPLE,
        others=[] if are_unread else _without(there, chain.from_iterable(hers.values())),
        crowds=crowds,
    )


def _known_by(
    request: HttpRequest, site: AdminSite, kind: str, term: str, failed: Failed, crowds: list[str]
) -> list[Subject]:
    """Return the people of a term: none if it is no value of the kind, or a common one, of which ``crowds`` hears."""
    try:
        return known_by(request, site, kind, term, failed)
    except TooManyPeople:
        text = _(
            "More than %(most)s people have this %(kind)s, so none of them is listed for it. Search for more of what "
            "the person is known by, or for something that fewer people have."
        )
        crowds.append(text % {"most": localize(MOST_OF_A_VALUE), "kind": kind})
        return []
    except AnonymiseError:
        return []


def _there(
    request: HttpRequest, site: AdminSite, term: str, models: list[type[Model]], failed: Failed
) -> Iterator[tuple[type[Model], QuerySet[Any]]]:
    """Yield the rows that match, and that the user may see; where they lead to people, only if there are any."""
    for model, every in registry.candidates(term, models, failed):
        with noted(failed, model, every.db):
            matches = shown(request, site, every)
            if not clauses_of(model).knows_people or matches.exists():
                yield model, matches


def known_by(
    request: HttpRequest, site: AdminSite, kind: str, term: str, failed: Failed | None = None
) -> list[Subject]:
    """Return the people of whom a row that the user may see says that they are known by ``term``.

    Nobody is to learn of one that is hidden. Raises ``AnonymiseError`` as ``Subject.find`` does.
    """

    def seen(rows: QuerySet[Any]) -> QuerySet[Any]:
        return shown(request, site, rows) if may_view(request, site, rows.model) else rows.none()

    return Subject.search({kind: term}, Sight(shown=seen, failed=failed))


def has_rows(request: HttpRequest, site: AdminSite, subject: Subject, failed: Failed | None = None) -> bool:
    """Whether the user may see one of the rows about the person."""
    for each in subject.rows():
        with noted(failed, each.model, each.using):
            if may_view(request, site, each.model) and shown(request, site, each.rows).exists():
                return True
    return False


def seen_rows(request: HttpRequest, site: AdminSite, subject: Subject) -> list[Model]:
    """Return the first of the rows about the person that the user may see."""
    found = (each for each in subject.rows() if may_view(request, site, each.model))
    return [row for each in found for row in shown(request, site, each.rows).order_by("pk")[:MOST_NAMES]][:MOST_NAMES]


def own_rows(request: HttpRequest, site: AdminSite, subject: Subject, failed: Failed | None = None) -> list[Model]:
    """Return the rows that are the person, that of the account first; those that the user may see."""
    found: list[Model] = []
    for model in sorted(subject.keys, key=lambda model: (person_of(model) is not model, model._meta.label)):
        with noted(failed, model, subject.using):
            if may_view(request, site, model):
                found += shown(request, site, all_rows(model, subject.using).filter(pk__in=subject.keys[model]))
    return found


def _person(request: HttpRequest, site: AdminSite, rows: list[Model], kinds: list[str], ways: list[str]) -> Person:
    return Person(
        names=[(name_of(row), url_of(request, site, type(row), row)) for row in rows],
        told_apart=told_apart(rows[0]),
        found=[*_by(kinds), *ways],
        value=value_of(rows[0]),
        is_guest=False,
    )


def _guest(request: HttpRequest, site: AdminSite, subject: Subject, kinds: list[str], ways: list[str]) -> Person:
    rows = seen_rows(request, site, subject) if subject.is_told_apart else []
    return Person(
        names=[(name_of(row), url_of(request, site, type(row), row)) for row in rows],
        told_apart="",
        found=[*_by(kinds), *ways],
        value="/".join([kinds[0], *map(value_of, rows[:1])]),
        is_guest=True,
    )


def _by(kinds: list[str]) -> list[str]:
    return [_("by this %(kind)s") % {"kind": kind} for kind in kinds]


def _ways(hers: list[Found], candidates: RowsByModel, failed: Failed) -> Iterator[str]:
    """Yield how many of the rows that were found are about a person, and by which way."""
    counts: Counter[tuple[type[Model], str]] = Counter()
    for model, matches in candidates:
        with noted(failed, model, matches.db):
            for each in _of(hers, model, matches):
                those = matches.filter(pk__in=each.rows.order_by().values("pk"))
                for way in each.by_way:
                    counts[model, way.words] += those.filter(pk__in=way.rows.order_by().values("pk")).count()
    yield from (
        f"{counted(model, count)}, {way_in_words(model, words)}" for (model, words), count in counts.items() if count
    )


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


def _any_without(found: Iterable[Found], people: dict[Subject, list[Found]], failed: Failed) -> bool:
    """Whether one of the rows is about none of the people."""
    for model, left in _without([(each.model, each.rows) for each in found], chain.from_iterable(people.values())):
        with noted(failed, model, left.db):
            if left.exists():
                return True
    return False


def _of(found: Iterable[Found], model: type[Model], matches: QuerySet[Any]) -> list[Found]:
    return [each for each in found if each.model is model and each.using == matches.db]
