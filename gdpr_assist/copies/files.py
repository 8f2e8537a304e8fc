"""The stored files that personal columns name; deletes them, and writes no rows."""

from __future__ import annotations

import copy
import logging
import os.path
import posixpath
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import Any

from django.apps import apps
from django.core.exceptions import SuspiciousFileOperation
from django.core.files.storage import FileSystemStorage
from django.db import DatabaseError, router, transaction
from django.db.models import FileField, Model, Q, QuerySet
from django.utils.translation import gettext_noop

from ..databases.presence import has_table
from ..databases.rows import batch_size, chunks
from ..declaring.declaration import Declaration
from ..declaring.meta import all_rows
from ..declaring.rules import field_label
from ..exceptions import AnonymiseError
from ..phrases import Phrase
from ..planning.plans import Plan
from ..registry import registry
from ..sensitive import sensitive
from .keeper import Erased, Keeper, Retained

logger = logging.getLogger(__name__)

NAMED = Phrase(gettext_noop("another row names it"))

# While a copy is scrubbed
_kept: ContextVar[KeptFiles | None] = ContextVar("gdpr_assist_kept_files", default=None)

# What makes one file of many names: (which storage, path without "." and "..")
Place = tuple[Any, str]

# A name without any of these is the only one of its file in one storage.
UNUSUAL = {"contains": ("//", "./", "\\"), "startswith": ("/",), "endswith": ("/", "/.", "/..")}


@dataclass(frozen=True, repr=False)
class StoredFile:
    """One file that a row names, or has named. Not printed."""

    field: FileField
    name: str
    model: type[Model]
    key: Any
    """The primary key of the row."""

    row: Model | None = None
    """A copy of the object, where the row goes too: the class of the file may ask it for other columns."""

    def delete(self, using: str) -> None:
        """Delete it as its field does: with what a class of its own has derived from it, a thumbnail say."""
        row = self.row or self.model.from_db(using, [str(self.model._meta.pk.attname)], [self.key])
        self.field.attr_class(row, self.field, self.name).delete(save=False)


@dataclass
class Names:
    """The names of files that rows on one alias hold, in whatever spelling."""

    using: str
    # {field: places of its unusual names}; read once, so that a scrub does not read whole tables for each range
    _unusual: dict[FileField, set[Place]] = field(default_factory=dict)

    def held(self, places: Iterable[Place]) -> set[Place]:
        """Return those of ``places`` that a row names, or a field gives to new rows."""
        held, places = set(), set(places)
        for model, other in _columns(self.using):
            root = root_of(other.storage)
            if names := _names(places, root):
                held |= self.defaults(other, root) | self._read(model, other, Q(**{f"{other.name}__in": names}), root)
                if other not in self._unusual:
                    self._unusual[other] = self._read(model, other, _is_unusual(other), root)
                held |= self._unusual[other]
        return held & places

    def defaults(self, other: FileField, root: Place) -> set[Place]:
        """Return the places that ``other`` names in new rows: they are nobody's."""
        names = [other.get_default()] if other.has_default() else []
        by_database = getattr(other, "db_default", None)  # from Django 5.0 on: a literal or an expression
        names.append(getattr(by_database, "value", by_database))
        return _places([name for name in names if isinstance(name, str)], other.storage, root)

    def _read(self, model: type[Model], other: FileField, condition: Q, root: Place) -> set[Place]:
        rows = all_rows(model, self.using).filter(condition).values_list(other.name, flat=True)
        try:
            with transaction.atomic(using=self.using):  # PostgreSQL takes nothing after an error in a transaction
                return _places(rows.iterator(), other.storage, root)
        except DatabaseError:
            if has_table(model, self.using):
                raise
            return set()


def _columns(using: str) -> Iterator[tuple[type[Model], FileField]]:
    for model in apps.get_models():
        if router.allow_migrate_model(using, model):
            for column in model._meta.local_concrete_fields:
                if isinstance(column, FileField):
                    yield model, column


def _is_unusual(column: FileField) -> Q:
    conditions = [(f"{column.name}__{lookup}", text) for lookup, texts in UNUSUAL.items() for text in texts]
    return Q(*conditions, _connector=Q.OR)


def root_of(storage: Any) -> Place:
    """Return where ``storage`` keeps its files: on which disk or in which bucket, and under which path."""
    try:
        return "", os.path.realpath(storage.path(""))
    except NotImplementedError:  # not on a disk of this machine
        return _kind(storage), posixpath.normpath(f"./{getattr(storage, 'location', '')}")


def _kind(storage: Any) -> str:
    """Return what tells two storages elsewhere apart, but for the path under which each keeps its files."""
    for name in ("bucket_name", "azure_container"):  # of django-storages; it has a class for each way to use a bucket
        if bucket := getattr(storage, name, None):
            return f"{name} {bucket}"
    # Options say nothing for sure, and an object may be made anew for each field: what may be one place is taken for
    # one. A project may have a class for each use; the one below them all is that which first could save.
    kind: type[Any] = storage.__class__  # not type(), which is that of a lazy wrapper
    kind = [each for each in kind.__mro__ if "_save" in vars(each) or each is kind][-1]
    return f"{kind.__module__}.{kind.__qualname__}"


def _places(names: Iterable[Any], storage: Any, root: Place) -> set[Place]:
    return {_place(str(name), storage, root) for name in names if name}


def _place(name: str, storage: Any, root: Place) -> Place:
    kind, path = root
    if kind:
        return kind, posixpath.normpath(f"{path}/{name}")
    try:
        folder, last = os.path.split(storage.path(name))
    except SuspiciousFileOperation:  # the storage gives out no file of this name
        return kind, ""
    return kind, f"{os.path.realpath(folder)}{os.sep}{last}"


def _names(places: Iterable[Place], root: Place) -> list[str]:
    """Return the usual names that a storage with this root has for those of ``places`` that are its own."""
    kind, start = root
    paths = (path for its, path in places if its == kind)
    names = (os.path.relpath(path, start).replace(os.sep, "/") for path in paths if path)
    return [name for name in names if name != ".." and not name.startswith("../")]


def file_changes(declaration: Declaration, part: str = "") -> list[FileField]:
    """Return the fields whose files are deleted when a row, or a part of it, is anonymised and forgets them."""
    if not declaration.meta.delete_files:
        return []
    return [change.field for change in declaration.changes_of(part) if isinstance(change.field, FileField)]


def personal_file_fields(declaration: Declaration) -> list[FileField]:
    """Return the personal fields whose files are deleted with a row."""
    if declaration.errors or not declaration.meta.delete_files:
        return []
    personal = set(declaration.fields)
    columns = declaration.model._meta.concrete_fields
    return [each for each in columns if isinstance(each, FileField) and each.name in personal]


def shown(storage: Any) -> str:
    if isinstance(storage, FileSystemStorage):
        return str(storage.location)
    kind = storage.__class__  # not type(), which is that of a lazy wrapper
    bucket = getattr(storage, "bucket_name", None)  # as the storages of several clouds have it
    return f"{kind.__module__}.{kind.__qualname__}" + (f" {bucket}" if bucket else "")


def _named(fields: list[FileField], model: type[Model], rows: QuerySet[Any]) -> list[StoredFile]:
    if not fields:
        return []
    values = rows.values_list("pk", *(each.name for each in fields))
    return [
        StoredFile(each, name, model, key)
        for key, *names in values
        for each, name in zip(fields, names, strict=True)
        if name
    ]


class Files(Keeper):
    """The keeper of stored files.

    They are deleted after the COMMIT, since a file does not roll back; those of a range of a scrub before it: if that
    is interrupted, the next run finds a row whose file is gone, but nobody finds a file that no row names.
    """

    def __init__(self, using: str, *, is_scrub: bool) -> None:
        self.using = using
        self.erases_before_commit = is_scrub
        self.names = Names(using) if is_scrub else None

    @staticmethod
    def describe(plans: Iterable[Plan]) -> list[str]:
        """Return the places from which ``plans`` delete files, each with the fields that name them."""
        fields: dict[str, set[str]] = {}
        for plan in plans:
            for declaration in (plan.declaration, *map(plan.declared, plan.descendants)):
                if plan.part and not declaration.has_part(plan.part):
                    continue
                for column in file_changes(declaration, plan.part):
                    fields.setdefault(shown(column.storage), set()).add(field_label(column))
        return [f"stored files in {place} ({', '.join(sorted(labels))})" for place, labels in fields.items()]

    def concerns(self, declaration: Declaration) -> bool:
        return bool(personal_file_fields(declaration))

    def find(self, plan: Plan, rows: QuerySet[Any]) -> list[StoredFile]:
        """Return the files that ``rows`` name and the plan will make them forget."""
        return _named(file_changes(plan.declaration, plan.part), plan.declaration.model, rows)

    def find_deleted(self, instance: Model, *, read: bool) -> list[StoredFile]:
        """Return the files that go with the row: those that it names itself, if the object was loaded without them.

        An object may also hold another name, that was never saved; hence ``read``.
        """
        declaration, held = registry.declaration(type(instance)), instance.__dict__
        fields, model = personal_file_fields(declaration), declaration.model
        if read or any(each.attname not in held for each in fields):
            files = _named(fields, model, all_rows(model, self.using).filter(pk=instance.pk))
        else:
            names = [(each, str(held[each.attname] or "")) for each in fields]
            files = [StoredFile(each, name, model, instance.pk) for each, name in names if name]
        row = copy.copy(instance) if files else None  # after the deletion, the object has no primary key
        return [replace(each, row=row) for each in files]

    def erase(self, copies: Iterable[StoredFile]) -> Erased:
        erased = _delete_files(copies, self.using, self.names)
        failed = [each.what for each in erased.retained if each.reason != NAMED]
        if failed and self.erases_before_commit:
            raise AnonymiseError(
                f"A stored file of {', '.join(dict.fromkeys(failed))} could not be deleted. Nothing was changed. The "
                "log of the site has the error. Give the copy files, or a storage (STORAGES), of its own that it may "
                "delete from."
            )
        return erased


@sensitive
def _delete_files(files: Iterable[StoredFile], using: str, names: Names | None = None) -> Erased:
    """Delete those files that no row on ``using`` names any more, seen from the transaction that is open.

    What cannot be deleted is logged without its name, which may hold that of a person; the others still go. ``names``
    are those of a scrub, of which this is a part.
    """
    removed = 0
    retained: Counter[tuple[str, str]] = Counter()
    names = names or Names(using)
    by_field: dict[FileField, dict[Place, StoredFile]] = defaultdict(dict)
    for file in files:
        storage = file.field.storage
        with _noted(file.field, retained):
            by_field[file.field][_place(file.name, storage, root_of(storage))] = file
    for column, places in by_field.items():
        for part in chunks(places, batch_size(using)):
            with _noted(column, retained, len(part)):  # where nobody can tell which are held, all of them are
                held = names.held(part)
                retained[field_label(column), NAMED] += len(held)
                _keep(using, column, places, held - names.defaults(column, root_of(column.storage)))
                for place in part:
                    with _noted(column, retained):
                        if place not in held:
                            places[place].delete(using)
                            removed += 1
    kept = +retained
    return Erased(
        removed=removed,
        retained=tuple(Retained(what=what, count=count, reason=reason) for (what, reason), count in kept.items()),
    )


def _keep(using: str, column: FileField, files: dict[Place, StoredFile], places: Iterable[Place]) -> None:
    if (kept := _kept.get()) is not None:
        kept.update({(using, column, place): files[place] for place in places})


class KeptFiles(dict[tuple[str, FileField, Place], StoredFile]):
    """{(alias, field, place): a file that a scrub has kept, as another row named it}"""

    def settle(self) -> list[Retained]:
        """Delete those that no row names by now, and return what stays."""
        files: dict[str, list[StoredFile]] = defaultdict(list)
        for (using, _, _), file in self.items():
            files[using].append(file)
        return [each for using, ours in files.items() for each in _delete_files(ours, using).retained]


@contextmanager
def hearing_of_kept_files() -> Iterator[KeptFiles]:
    """Yield the files that are kept within the block, as another row names them: that row may go later."""
    token = _kept.set(kept := KeptFiles())
    try:
        yield kept
    finally:
        _kept.reset(token)


@contextmanager
def _noted(column: FileField, retained: Counter[tuple[str, str]], count: int = 1) -> Iterator[None]:
    """Note an error of the block, and go on: each storage has errors of its own, and a connection may be gone."""
    try:
        yield
    except Exception as error:  # noqa: BLE001
        logger.error("A file of %s could not be deleted (%s).", field_label(column), type(error).__name__)
        failed = Phrase(gettext_noop("could not be deleted (%(kind)s)"), kind=type(error).__name__)
        retained[field_label(column), failed] += count
