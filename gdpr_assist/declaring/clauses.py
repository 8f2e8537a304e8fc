"""Whose the rows of a model are, and how a person is known: the values that a declaration is written with."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from django.db.models import Model, Q
from django.db.models.constants import LOOKUP_SEP

# As the path of a model of which each row is a person
SELF = "self"

# As copy_of: the model is the history of another one, with the same columns
HISTORY = "history"

# The part of a row that is not kept
FREE = "free"

# What becomes of a row when its person is erased
ANONYMISED = "anonymise"
DELETED = "delete"


@dataclass(frozen=True)
class Party:
    """One of several people whom a row is about: ``subject = {"sender": Party(erases=["sender_name"])}``.

    Raises ``TypeError`` for what is no list of names.
    """

    erases: Sequence[str] = ()
    """The personal fields that are theirs."""

    sees: Sequence[str] = ()
    """Personal fields of the others that they have seen: these stand in their export too."""

    def __post_init__(self) -> None:
        for name in ("erases", "sees"):
            object.__setattr__(self, name, _names(getattr(self, name), f"Party({name}=...)"))


@dataclass(frozen=True)
class Identifier:
    """A value by which a row knows its person without a key. Raises ``TypeError`` for what cannot be looked up."""

    lookup: str | Sequence[str]
    """The lookup path to the column, or several."""

    verified: bool | Q | None = None
    """On a person: whether somebody has confirmed that the value is theirs: always, never, or under this condition.

    Where it is, none else could have claimed it, so that rows of nobody known with the same value are theirs.
    """

    lookups: tuple[str, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        given = [self.lookup] if isinstance(self.lookup, str) else self.lookup
        object.__setattr__(self, "lookups", _names(given, "Identifier(...)"))
        if not isinstance(self.verified, bool | Q | None):
            raise TypeError("Identifier(verified=...) takes True, False or a Q object.")

    @property
    def may_be_verified(self) -> bool:
        """Whether a value can be one that somebody has confirmed."""
        return self.verified is True or isinstance(self.verified, Q)


@dataclass(frozen=True)
class Keep:
    """A row, or a field, stays when its person is erased, on a ground: ``Keep("tax")``. Article 17(3) of the GDPR.

    Raises ``TypeError`` without a ground.
    """

    ground: str

    def __post_init__(self) -> None:
        given: object = self.ground
        if not isinstance(given, str) or not given.strip():
            raise TypeError('Keep(...) takes the ground in words, as Keep("tax").')


@dataclass(frozen=True)
class Generic:
    """The path of a generic key: names of the field of the content type, and of that of the object's key."""

    content_type: str
    object_id: str

    using: str = ""
    """The name of the field that holds the alias of the row's database, where a table has that too."""

    but: Callable[[type[Model]], Q] | None = None
    """As ``copy_of``: returns the condition of rows that point at one of a model and hold nothing of it."""

    def __str__(self) -> str:
        return f"{self.content_type}, {self.object_id}"


@dataclass(frozen=True)
class PointedAtBy:
    """As ``copy_of``: the row holds what rows have in common that point at it by their key of this name.

    As a revision, of which the comment may name each row of which it has a version. No lookup leads to all of them:
    they are of several models, or ``related_name`` is "+".
    """

    key: str

    def __str__(self) -> str:
        return f"what points at it by {self.key}"


Path = str | Generic


@dataclass(frozen=True, kw_only=True)
class Clauses:
    """What a declaration says of people, read once."""

    is_person: bool = False
    """Whether each row is a person."""

    paths: tuple[Path, ...] = ()
    """The paths from a row to its person."""

    parties: Mapping[str, Party] = field(default_factory=dict)
    """{path: whose it is}, where a row is about several people."""

    identifiers: Mapping[str, Identifier] | None = None
    """{kind: how a row knows its person by it}; None if nothing was said, which is not the same as ``{}``."""

    actors: tuple[str, ...] = ()
    """The keys to people who did something to a row that is not about them."""

    on_erasure: Literal["anonymise", "delete"] | Keep = ANONYMISED  # type: ignore[assignment]
    kept: Mapping[str, Keep] = field(default_factory=dict)
    """{personal field that stays: on what ground}"""

    copy_of: Path | PointedAtBy | None = None
    """The path to the row of which each row is a copy, or ``HISTORY``."""

    on_delete_of_subject: bool = True
    """Whether rows that stay are erased when the row of their person is deleted."""

    def party_of(self, lookup: str) -> str:
        """Return the party whose value stands at ``lookup``: it erases the column, or the path to it leads there."""
        for path, party in self.parties.items():
            if lookup.split(LOOKUP_SEP)[0] in party.erases or lookup.startswith(f"{path}{LOOKUP_SEP}"):
                return path
        return ""

    def identifiers_of(self, party: str) -> dict[str, Identifier]:
        """Return by what a row knows this party; ``""`` is the one person where there are no parties."""
        found = {}
        for kind, identifier in (self.identifiers or {}).items():
            if lookups := [each for each in identifier.lookups if self.party_of(each) == party]:
                found[kind] = replace(identifier, lookup=lookups)
        return found

    @property
    def grounds(self) -> list[str]:
        """On which grounds a row, or a field of it, stays."""
        kept = [self.on_erasure] if isinstance(self.on_erasure, Keep) else self.kept.values()
        return list(dict.fromkeys(each.ground for each in kept))

    @property
    def says_whose(self) -> bool:
        """Whether a row leads to a person."""
        return self.is_person or bool(self.paths)

    @property
    def knows_people(self) -> bool:
        """Whether a row leads to a person by a path, or by a value that it holds."""
        return self.says_whose or bool(self.identifiers)


def _names(given: object, where: str) -> tuple[str, ...]:
    if isinstance(given, (list, tuple, set, frozenset)) and all(isinstance(name, str) and name for name in given):
        return tuple(dict.fromkeys(given))
    raise TypeError(f"{where} takes a list of names.")
