"""One person as a whole: found, previewed, and erased in one operation on each database."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from copy import copy
from dataclasses import replace
from functools import cached_property, partial
from itertools import compress
from typing import IO, Any
from uuid import UUID

from asgiref.sync import sync_to_async
from django.db import DEFAULT_DB_ALIAS
from django.db.models import Model, QuerySet

from ..databases.rows import with_rows
from ..exceptions import AnonymiseError, TryAgain
from ..export.records import Table
from ..paths import clauses_of
from ..planning.plans import Force
from ..residue.looking import Residue
from ..sensitive import sensitive
from .acting import acted_rows
from .doubts import Doubt, doubts
from .erasing import Changed, erase_person
from .exporting import Recipient, stream
from .finding import ITSELF, Found, find_rows
from .guests import Values, guest_values, guests
from .lines import Line, Outlook, acted_on, last_superuser, outlook
from .person import Keys, Known, Tables, joined, known_values
from .searching import (
    EVERYTHING,
    NO_VALUE,
    Sight,
    ends_of,
    find_people,
    led_to,
    overlap,
    person_behind,
)
from .shares import Reason, Share, SubjectResult, shares
from .traces import Traces

# Narrows the rows of a model that are found by key: one account in several shops
Narrow = Callable[[type[Model], QuerySet[Any]], QuerySet[Any]]

# Whoever changes an address in the moment of an erasure does it once.
TRIES = 3


class Subject:
    """A person: ``Subject(user)``, or a row that says itself whose it is. Reads only, until it is told to erase.

    ``rows`` narrows what is found by key: it is called with a model and a queryset, and returns a queryset. Raises
    ``AnonymiseError`` for a row that is about nobody or about several people: ``Subject.of(row, party)``.
    """

    @sensitive
    def __init__(self, row: Model, *, rows: Narrow | None = None) -> None:
        self._root: Keys = person_behind(row)
        self.using = str(row._state.db or DEFAULT_DB_ALIAS)
        self._narrow = rows
        self._tables = Tables()
        self._known: Values = ()
        self._included: frozenset[str] = frozenset()

    @classmethod
    def of(cls, row: Model, party: str) -> Subject:
        """Return the person who is this party in ``row``. Raises ``AnonymiseError`` if it has none."""
        declared = clauses_of(row._meta.model)
        if party not in declared.parties:
            known = ", ".join(declared.parties) or "none"
            raise AnonymiseError(f"{row._meta.label} has no such party; it has {known}.")
        return cls._from(str(row._state.db or DEFAULT_DB_ALIAS), ends_of(row, party), ())

    @classmethod
    @sensitive
    def find(cls, /, **identifiers: Any) -> list[Subject]:
        """Return each person that all of ``identifiers`` lead to, as ``find(email=...)``.

        One value finds also somebody without an account; several do not, as each would find rows by itself. Raises
        ``AnonymiseError`` for a kind that nobody declares, a value that is empty, or one of too many people.
        """
        return cls.search(identifiers, EVERYTHING)

    @classmethod
    @sensitive
    def search(cls, identifiers: Mapping[str, Any], sight: Sight) -> list[Subject]:
        """The ``find()`` of somebody who may not see all rows, or is to hear of what cannot be read."""
        try:
            return list(cls._found(identifiers, sight))
        except NO_VALUE as error:
            kinds = ", ".join(identifiers)
            raise AnonymiseError(f"The value of {kinds} cannot be looked up ({type(error).__name__}).") from None

    @classmethod
    @sensitive
    def behind(cls, rows: QuerySet[Any], *, most: int) -> list[Subject]:
        """Return the people whom declared keys of ``rows`` lead to, at most ``most`` of each path."""
        found: list[Subject] = []
        for keys in led_to(rows, most):
            cls._from(rows.db, keys, ()).add_to(found)
        return found

    def add_to(self, people: list[Subject]) -> Subject:
        """Append the person, unless one of ``people`` has a row in common; return that one, or this."""
        same = (each for each in people if self.using == each.using and overlap(self.keys, each.keys))
        if (found := next(same, None)) is None:
            people.append(self)
        return found or self

    @classmethod
    def _found(cls, identifiers: Mapping[str, Any], sight: Sight) -> Iterator[Subject]:
        tables = Tables()
        found: list[Subject] = []
        for using, keys in find_people(identifiers, tables, sight):
            cls._from(using, keys, ()).add_to(found)
        yield from found
        if not found and len(identifiers) == 1:
            [(kind, value)] = identifiers.items()
            yield from (cls._from(DEFAULT_DB_ALIAS, {}, known) for known in guests(kind, value, tables, sight))

    @classmethod
    def _from(cls, using: str, root: Keys, known: Values) -> Subject:
        subject = cls.__new__(cls)
        subject.using, subject._narrow, subject._tables = using, None, Tables()
        subject._root, subject._known, subject._included = root, known, frozenset()
        return subject

    def __str__(self) -> str:
        """The rows that are this person, by label and key; asks the database for those that a key joins.

        Of somebody without one, who has to be told apart from others: the first row that is theirs.
        """
        rows = (f"{model._meta.label} {key}" for model, keys in self.keys.items() for key in sorted(keys))
        return ", ".join(rows) or f"somebody without a row of their own{self._told_by()}"

    @cached_property
    def keys(self) -> Keys:
        """The rows that are this person: {model: primary keys}."""
        return joined(self._root, self.using, self._tables) if self._root else {}

    @cached_property
    def values(self) -> list[Known]:
        """What the person is known by."""
        if self._known:
            return guest_values(self._known, self._tables)
        return known_values(self.keys, self.using, self._tables)

    @property
    def is_told_apart(self) -> bool:
        """Whether the value that was looked for is also that of others without a row of their own."""
        return len(self._known) > 1

    @sensitive
    def rows(self) -> list[Found]:
        """Return the rows that are about this person, by model and alias."""
        found = find_rows(self.keys, self.using, self.values, self._tables, self._included)
        if self._narrow is None:
            return found
        return [each if each.ways == (ITSELF,) else each.narrowed(self._narrow) for each in found]

    @sensitive
    def shares(self, *, force: Force = False) -> list[Share]:
        """Return what ``erase()`` would do with the rows, without their numbers."""
        return list(shares(self.rows(), force, self.keys, self._tables))

    @sensitive
    def lines(self) -> list[Line]:
        """Return what ``erase()`` would do, with the numbers of rows: none where there are no rows."""
        return self.outlook().lines

    @sensitive
    def outlook(self) -> Outlook:
        """Return these ``lines``, and the ``obstacles`` because of which ``erase()`` would refuse."""
        found = self.rows()
        every = shares(found, False, self.keys, self._tables)
        return outlook(every, self._acted(found), self.keys, self.using, self._tables)

    @sensitive
    def doubts(self) -> list[Doubt]:
        """Return the rows that hold a value of the person and are not taken to be hers."""
        return doubts(self.keys, self.using, self.values, self._tables, self._included)

    @sensitive
    def including(self, *names: str) -> Subject:
        """Return the person with rows counted as hers that hold a value which is not certain to be hers alone.

        ``names`` are those of ``doubts()``: ``"newsletter.Reader by phone"``. Raises ``AnonymiseError`` for another.
        """
        there = sorted({each.name for each in self.doubts() if each.can_include})
        if set(names).difference(there, self._included):
            raise AnonymiseError(f"There are no such rows in doubt; there are {', '.join(there) or 'none'}.")
        other = copy(self)
        other._included = self._included | set(names)
        return other

    @sensitive
    def preview(self) -> str:
        """Return in words what ``erase()`` would do, what it would leave and why. Asks the databases for numbers."""
        seen = self.outlook()
        uncertain = (f"{each}: not included" for each in self._uncertain())
        obstacles = (f"Nothing can be erased: {each}" for each in seen.obstacles)
        return "\n".join(filter(None, [*map(str, seen.lines), *uncertain, *obstacles, last_superuser(seen.lines)]))

    @sensitive
    def last_superuser(self) -> str:
        """Return in words that ``erase()`` would take the last active superuser of a database; empty if it would not.

        ``erase()`` does not refuse it: ``SubjectResult.without_superuser`` says that it happened.
        """
        return last_superuser(self.lines())

    @sensitive
    def export(self, file: IO[bytes], *, format: str = "csv", bom: bool = False) -> dict[str, int]:
        """Write what is known of the person to ``file``, as a zip; return the number of rows by name of file.

        Other people are tokens in it. ``manifest.json`` says for whom it is, how each row was found, and what was left
        out and why. With ``bom``, CSV begins with a byte order mark, for spreadsheets. Raises ``ExportError``; what
        ``file`` holds then cannot be opened as a zip. ``ValueError``: there is no such format.
        """
        counts: dict[str, int] = {}
        for chunk in self.stream(counts, format=format, bom=bom):
            file.write(chunk)
        return counts

    @sensitive
    def stream(
        self,
        counts: dict[str, int] | None = None,
        *,
        format: str = "csv",
        bom: bool = False,
        reference: str = "",
        tables: list[Table] | None = None,
        tells: Callable[[QuerySet[Any]], bool] | None = None,
    ) -> Iterator[bytes]:
        """Yield what ``export()`` writes, for a response that is streamed; ``counts`` gets what that returns.

        Whom it is for is looked up at once; the rows are read as they are taken. Of rows that are not in the files (in
        doubt, copies, those to which the person only did something) the manifest has a word if ``tells`` says so.
        ``reference`` is what the export is called in it, by default by chance; ``tables`` gets what was written.
        """
        found = self.rows()
        acted = self._acted(found)
        there = compress(acted, with_rows([each.rows for each in acted]))
        recipient = Recipient(
            whose=str(self),
            keys=self.keys,
            using=self.using,
            values=self.values,
            uncertain=list(self._uncertain(tells)),
            acted=list(acted_on((each for each in there if tells is None or tells(each.rows)), found)),
            is_narrowed=self._narrow is not None,
            tells=tells,
        )
        counts = {} if counts is None else counts
        return stream(recipient, found, counts, format=format, bom=bom, reference=reference, tables=tables)

    @sensitive
    def erase(
        self,
        *,
        force: bool = False,
        by: Any = None,
        residue: bool = False,
        check: Callable[[], None] | None = None,
        operation: UUID | None = None,
    ) -> SubjectResult:
        """Erase what is declared to be about this person, as one operation on each database; or change nothing.

        With ``force`` also what was erased before. ``by`` is the user who asked for it: of each row that was
        anonymised, receivers of ``signals.erased`` are told. With ``residue``, look through all tables afterwards for
        what was erased. ``check`` is called in the transaction, when the rows are locked and their keys read; what it
        raises undoes all. ``operation`` is the id of the operation on the database of the person's own rows; without
        it, a random one. Calling it again finishes what ``PartlyErased`` left. Raises ``AnonymiseError``.
        """

        def once() -> SubjectResult:
            traces = Traces(self.shares(force=force) if residue else ())
            result = self._erase(force, people_go=False, by=by, check=check, operation=operation)
            there = traces.look() if residue else Residue()
            return replace(result, residue=there.found, unread=there.unread)

        return self._unless_changed(once)

    @sensitive
    def delete(self, *, by: Any = None) -> SubjectResult:
        """Erase the person, and delete the rows that are her. Nothing leads to what stays afterwards.

        So it is erased also where it was erased before, and is filled again. Raises ``AnonymiseError`` also for a
        person of whom ``rows`` leaves some out, or of whom a row is kept by declaration, and Django's own errors.
        """
        if self._narrow is not None:
            raise AnonymiseError(
                "A person whose rows are narrowed cannot be deleted: all that is theirs would go. Call erase()."
            )
        return self._unless_changed(
            partial(self._erase, "refilled", people_go=True, by=by, check=None, operation=None)
        )

    @classmethod
    async def afind(cls, /, **identifiers: Any) -> list[Subject]:
        """The asynchronous ``find()``."""
        return await sync_to_async(cls.find)(**identifiers)

    async def arows(self) -> list[Found]:
        """The asynchronous ``rows()``."""
        return await sync_to_async(self.rows)()

    async def aexport(self, file: IO[bytes], *, format: str = "csv", bom: bool = False) -> dict[str, int]:
        """The asynchronous ``export()``."""
        return await sync_to_async(self.export)(file, format=format, bom=bom)

    async def aoutlook(self) -> Outlook:
        """The asynchronous ``outlook()``."""
        return await sync_to_async(self.outlook)()

    async def adoubts(self) -> list[Doubt]:
        """The asynchronous ``doubts()``."""
        return await sync_to_async(self.doubts)()

    async def aincluding(self, *names: str) -> Subject:
        """The asynchronous ``including()``."""
        return await sync_to_async(self.including)(*names)

    async def apreview(self) -> str:
        """The asynchronous ``preview()``."""
        return await sync_to_async(self.preview)()

    async def aerase(
        self,
        *,
        force: bool = False,
        by: Any = None,
        residue: bool = False,
        check: Callable[[], None] | None = None,
        operation: UUID | None = None,
    ) -> SubjectResult:
        """The asynchronous ``erase()``."""
        return await sync_to_async(self.erase)(force=force, by=by, residue=residue, check=check, operation=operation)

    async def adelete(self, *, by: Any = None) -> SubjectResult:
        """The asynchronous ``delete()``."""
        return await sync_to_async(self.delete)(by=by)

    def _told_by(self) -> str:
        for each in self.rows() if self.is_told_apart else ():
            if key := each.rows.order_by("pk").values_list("pk", flat=True).first():
                return f" ({each.label} {key})"
        return ""

    def afresh(self) -> Subject:
        """Return the same person, of whom nothing is read yet: what she is known by may have changed."""
        other = copy(self)
        other._look_again()
        return other

    def _look_again(self) -> None:
        for name in ("keys", "values"):
            vars(self).pop(name, None)

    def _is_changed(self) -> bool:
        now = self.afresh()
        return (now.keys, set(now.values)) != (self.keys, set(self.values))

    def _unless_changed(self, act: Callable[[], SubjectResult]) -> SubjectResult:
        """Return what ``act`` does with the person as she is when the rows are locked: if she is not, once more."""
        for _ in range(TRIES):
            self._look_again()
            with suppress(Changed):
                return act()
        raise TryAgain(
            f"Who the person is, or what she is known by, has changed {TRIES} times between reading and locking; "
            "nothing was changed. Call it again."
        )

    def _erase(self, force: Force, **how: Any) -> SubjectResult:
        shared, uncertain = self.shares(force=force), list(self._uncertain())
        return erase_person(
            self.keys,
            self.using,
            shared,
            tables=self._tables,
            uncertain=uncertain,
            force=force,
            is_changed=self._is_changed,
            **how,
        )

    def _acted(self, found: list[Found]) -> list[Found]:
        acted = acted_rows(self.keys, self.using, found, self._tables)
        return [each.narrowed(self._narrow) for each in acted] if self._narrow else acted

    def _uncertain(self, tells: Callable[[QuerySet[Any]], bool] | None = None) -> Iterator[Reason]:
        for each in self.doubts():
            if tells is None or tells(each.rows):
                yield Reason(label=each.model._meta.label, count=each.rows.count(), reason=each.reason)
