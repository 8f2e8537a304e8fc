"""Whether a person who was erased still is: all that is found for her is erased, or kept on a ground. Reads only."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import compress

from ..databases.placement import explained
from ..databases.rows import with_rows
from ..exceptions import AnonymiseError
from ..sensitive import sensitive
from ..subjects.finding import ITSELF
from ..subjects.shares import Share, copies_among
from ..subjects.subject import Subject
from .findings import ANONYMISED, REFILLED, Finding, joined, of_share


@sensitive
def of_person(person: Subject) -> list[Finding]:
    """Return what is found of the rows of ``person``, of their copies, and of those in doubt."""
    return joined(_of(person))


def _of(person: Subject) -> Iterator[Finding]:
    for share in _with_rows(person):
        with explained(share.found.using):
            for each in (share, *copies_among(share)):
                yield from of_share(each)
    for doubt in person.doubts():
        rows = doubt.rows
        yield Finding(using=rows.db, label=doubt.model._meta.label, what=doubt.reason, count=rows.count())


def _with_rows(person: Subject) -> list[Share]:
    shares = person.shares()
    return list(compress(shares, with_rows([each.found.rows for each in shares])))


@sensitive
def check_was_erased(person: Subject) -> None:
    """Raise ``AnonymiseError`` if nothing says that ``person`` was erased: who never was is not erased again."""
    if not _was_erased(person):
        raise AnonymiseError(
            f"Nothing says that this person was erased ({person}), so that there is nothing to erase again. To erase "
            "the person, run gdpr_subject erase."
        )


def _was_erased(person: Subject) -> bool:
    """Her own rows say it; of somebody without any that can be anonymised, other rows do."""
    own = [each.plan for each in person.shares() if each.plan is not None and ITSELF in each.found.ways]
    if own:
        return any(each.marked().exists() for each in own)
    return any(each.what in (ANONYMISED, REFILLED) for each in of_person(person))
