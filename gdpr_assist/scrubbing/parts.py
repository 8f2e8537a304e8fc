"""Parts of tables that several processes scrub at once: what one is told, what it does, and what it says of it.

A part says nothing personal: it goes through a pipe, or lies in the tables of a queue.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from typing import Any
from uuid import UUID

from django.apps import apps
from django.db import Error, OperationalError, transaction
from django.db.models import AutoField, BigAutoField, SmallAutoField, UUIDField

from ..conf import can_anonymise_database
from ..databases.errors import FOR_NOW, cause
from ..databases.failures import failure
from ..databases.rows import locks_rows
from ..exceptions import AnonymiseError, TryAgain
from ..execution.ranges import execute_range, ranges, why_keys
from ..execution.rewriting import execute_anew
from ..execution.run import Run
from ..log import identity, writing
from ..planning.plans import Plan
from ..sensitive import sensitive
from ..tables import Scrub
from .choice import plan_of
from .deleting import is_deleted
from .ruled import declarations_with_rules
from .telling import without_its_own

# Of keys that say nothing of anybody, and that JSON can hold as they are or as a text
TELLING_NOTHING = (AutoField, BigAutoField, SmallAutoField, UUIDField)


@dataclass(frozen=True, kw_only=True)
class Part:
    """The rows of a table above the key ``lower``, up to the key ``upper``; all of them without these."""

    label: str
    using: str

    run: str
    """The id that the database got for this scrub: an order of another run, or of another copy, is not obeyed."""

    lower: Any = None
    upper: Any = None
    is_anew: bool = False
    """Whether the table is written anew."""

    marks: bool = True
    """Whether rows are marked: then it does no harm if the same part is done twice."""

    rules: str = ""
    """A digest of what becomes of the rows: whoever has another declaration of them does not do it."""

    is_first: bool = field(default=False, compare=False)
    """Whether it is certain that nobody else has done, or does, any of it."""


@dataclass(frozen=True, kw_only=True)
class Done:
    """What became of a part."""

    rows: int = 0
    error: str = ""
    """Why nothing was changed, with the cure; no values."""

    is_busy: bool = False
    """Whether others were at the same rows: a moment later it may do."""


def why_alone(plan: Plan, *, in_queue: bool) -> str:
    """Return why the rows of ``plan`` are scrubbed by the command itself; empty if several processes can."""
    if not locks_rows(plan.using):
        return "its database has one writer at a time"
    if is_deleted(plan.declaration):
        return "its rows are deleted"
    if not (plan.is_for_all or plan.is_told_by_row):
        return "it takes other tables to tell which of its rows are scrubbed"
    if plan.way.is_anew:
        return ""
    if in_queue and not isinstance(_key(plan), TELLING_NOTHING):
        return "its keys may say who somebody is, and would lie in the queue"
    return why_keys(plan, Run(writing.Erasure(plan.using), is_scrub=True))


def _key(plan: Plan) -> Any:
    key: Any = plan.declaration.model._meta.pk
    while key.is_relation:
        key = key.target_field
    return key


def parts(plan: Plan, size: int | None, *, marks: bool, is_first: bool = False) -> Iterator[Part]:
    """Yield the parts of the table of ``plan``, each to be done in one transaction: the whole table if it is anew."""
    whole = Part(
        label=plan.label,
        using=plan.using,
        run=identity.database_id(plan.using).hex,
        is_anew=plan.way.is_anew,
        marks=marks,
        rules=_digest(plan),
        is_first=is_first,
    )
    if whole.is_anew:
        yield whole
        return
    for ends in ranges(plan, size, marks=marks):
        lower, upper = (str(end) if isinstance(end, UUID) else end for end in ends)
        yield replace(whole, lower=lower, upper=upper)


def _digest(plan: Plan) -> str:
    """Return a text that is another one where the declaration has other fields, or other rules in words."""
    rules = [
        (change.field.name, str(change.replacement.words) if change.replacement else "by the project")
        for change in plan.changes
    ]
    return hashlib.sha256(json.dumps([plan.label, rules, plan.clears]).encode()).hexdigest()[:16]


def do_part(part: Part) -> Done:
    """Scrub a part in a transaction. Why it cannot be is in what is returned, as another process has to tell it.

    Raises nothing: the text of an error of a project's own may hold values, and a queue keeps it.
    """
    try:
        return Done(rows=_do(part))
    except TryAgain as error:
        return Done(error=without_its_own(error), is_busy=True)
    except AnonymiseError as error:
        return Done(error=without_its_own(error))
    except Error as error:
        is_busy = isinstance(error, OperationalError) and cause(error, part.using) in FOR_NOW
        return Done(error=failure(error), is_busy=is_busy)
    except Exception as error:  # noqa: BLE001  (whatever a project's code may raise)
        cure = "Run the command without --workers and --enqueue to see where."
        return Done(error=f"{part.label}: a process could not do a part of it ({type(error).__name__}). {cure}")


@sensitive
def _do(part: Part) -> int:
    if not can_anonymise_database():
        raise AnonymiseError(
            f"{part.label}: this process may not anonymise a database. Give it the settings of the copy, with "
            "GDPR_CAN_ANONYMISE_DATABASE = True."
        )
    work = plan_of(apps.get_model(part.label), part.using, declarations_with_rules())
    if part.rules != _digest(work):
        raise AnonymiseError(
            f"{part.label}: this process has another declaration of it than the command: other fields, or rules. "
            "Start it again, with the code and the settings of the command."
        )
    if part.is_first:
        return _scrub(work, part)
    # The run cannot end, and no other one can begin, before the transaction does.
    with transaction.atomic(using=part.using):
        identity.hold(part.using)
        return _scrub(work, part)


def _scrub(work: Plan, part: Part) -> int:
    _check_run(part)
    if part.marks and not Scrub.objects.using(part.using).filter(label=part.label).exists():
        return 0  # the run has ended: its rows are done, and later ones are none of it
    if part.is_anew:
        return sum(execute_anew(work, marks=part.marks))
    return execute_range(work, part.lower, part.upper, marks=part.marks, is_first=part.is_first)


def _check_run(part: Part) -> None:
    if identity.known_database_id(part.using) != UUID(part.run):
        raise AnonymiseError(
            f"{part.label}: the database {part.using!r} of this process is not the one that is being scrubbed, or was "
            "scrubbed anew since. Give the process the settings of the copy."
        )


def do_posted(part: dict[str, Any]) -> dict[str, Any]:
    """Do the same with what a queue holds of a part."""
    return asdict(do_part(Part(**part)))
