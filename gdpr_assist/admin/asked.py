"""What a user of the tool is at, as values: read from a form, kept as an errand, read again. Asks nothing of rows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, TypeVar

from django.http import HttpRequest

from .. import errands
from .selection import SelectionError, not_a_selection, unpacked

# The value of the box of everything found. That of a row has a dash in it, and that of a table is a number.
EVERYTHING = "yes"

# What was ticked or not on a page: the values of its boxes, in one field
SHOWN = "shown"


class OverError(Exception):
    """There is no such errand: it is over, another user's, or never was one."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Something that leads from page to page."""

    before: tuple[str, ...] = ()
    """The ids of the errands that led here, the nearest last: what is done with one is done with these."""

    term: str = ""


@dataclass(frozen=True, kw_only=True)
class Search(Asked):
    """A term, and what is ticked of what it finds."""

    ticked: tuple[str, ...] = ()
    """The values of the boxes, on whatever page of the results they are."""

    keys: tuple[str, ...] = ()
    """The values of the rows that are to be confirmed."""

    @property
    def rows(self) -> list[str]:
        return [each for each in self.ticked if "-" in each]

    @property
    def tables(self) -> list[str]:
        return [each for each in self.ticked if "-" not in each and each != EVERYTHING]

    @property
    def is_everything(self) -> bool:
        return EVERYTHING in self.ticked

    def with_ticks(self, request: HttpRequest) -> Search:
        """Return the search with the boxes of a page as they were posted; those of other pages stay as they were.

        Raises ``SelectionError`` for a value that no box has.
        """
        shown = set(unpacked(request.POST.get(SHOWN, "[]")))
        rows, tables = request.POST.getlist("obj_pk"), request.POST.getlist("all")
        if not all("-" in each for each in rows) or any("-" in each for each in tables):
            raise SelectionError(not_a_selection())
        others = [each for each in self.ticked if each not in shown]
        ticked = [*others, *rows, *tables, *[EVERYTHING] * ("everything" in request.POST)]
        return replace(self, ticked=_once(ticked), keys=())  # nothing of it is to be confirmed yet


@dataclass(frozen=True, kw_only=True)
class Choice(Asked):
    """One person who is meant: see ``choosing``."""

    person: str = ""
    guest: str = ""
    party: str = ""

    @classmethod
    def posted(cls, request: HttpRequest, term: str) -> Choice:
        person, guest, party = (request.POST.get(name, "") for name in ("person", "guest", "party"))
        return cls(term=term, person=person, guest=guest, party=party)


# {kind of errand: its purpose, which is in the path of its page}
PURPOSES: dict[type[Asked], str] = {Search: "search", Choice: "person"}

Kind = TypeVar("Kind", bound=Asked)


def keep(request: HttpRequest, site: str, asked: Asked, *, after: str = "") -> str:
    """Keep what is asked as an errand; return its id. ``after`` is the id of the one that led here."""
    if after:
        asked = replace(asked, before=_once([*asked.before, after]))
    return errands.store(asdict(asked), user=request.user, place=_place(site, type(asked)))


def kept(request: HttpRequest, site: str, kind: type[Kind], errand: str) -> Kind:
    """Return what an errand holds. Raises ``OverError``."""
    return restored(kind, errands.read(errand, user=request.user, place=_place(site, kind)))


def restored(kind: type[Kind], found: dict[str, Any] | None) -> Kind:
    """Return what ``asdict`` and JSON have made of it. Raises ``OverError``."""
    names = {each.name for each in fields(kind)}
    if found is None or found.keys() != names:  # of another version of the app
        raise OverError
    values: dict[str, Any] = {name: tuple(each) if isinstance(each, list) else each for name, each in found.items()}
    return kind(**values)


@dataclass(frozen=True, kw_only=True)
class Done:
    """What became of an errand; nothing of a person."""

    operation: str


def forget(request: HttpRequest, site: str, asked: Asked, errand: str, done: Done) -> None:
    """Forget an errand that is done and all that led to it; keep what became of each."""
    over = [each for each in dict.fromkeys([*asked.before, errand]) if each]
    errands.drop(over)
    for each in over:
        errands.store(asdict(done), user=request.user, place=f"{site} done", secret=errands.heir(each))


def became_of(request: HttpRequest, site: str, errand: str) -> Done | None:
    """Return what became of an errand, None if it is not done, or over for long."""
    found = errands.read(errands.heir(errand), user=request.user, place=f"{site} done")
    is_known = found is not None and found.keys() == {each.name for each in fields(Done)}
    return Done(**found) if found and is_known else None


def _place(site: str, kind: type[Asked]) -> str:
    return f"{site} {PURPOSES[kind]}"


def _once(values: Iterable[Any]) -> tuple[Any, ...]:
    return tuple(dict.fromkeys(values))
