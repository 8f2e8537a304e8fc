"""From a ``PrivacyMeta`` to a frozen ``Declaration``, with every mistake in it; loads no models and writes nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from django.core.exceptions import FieldDoesNotExist
from django.db.models import Field, ForeignKey, Model
from django.db.models.constants import LOOKUP_SEP
from django.db.models.fields.reverse_related import ForeignObjectRel

from ..exceptions import AnonymiseError, FieldAnonymiseError
from .clauses import FREE, Clauses
from .expressions import replace_mistakes, replace_shape_mistakes, replaced_by
from .json_fields import json_mistakes, json_shape_mistakes, within
from .leaving import scrub_mistakes
from .meta import PrivacyMeta, exported_fields, personal_fields, texts
from .methods import method, method_mistakes
from .mistakes import Mistake, key_mistakes, meaning_mistakes, shape_mistakes
from .people import read_clauses
from .replacing import replacement_for
from .rules import Replacement, field_label
from .spelling import spelling_mistakes


@dataclass(frozen=True, kw_only=True)
class Change:
    """A rule bound to a field: built-in (``replacement``), or the project's own (``anonymiser``)."""

    field: Field[Any, Any]
    replacement: Replacement | None = None
    anonymiser: Callable[[Model], Any] | None = None

    why_in_python: str = ""
    """Why the database at hand cannot make a change that others can."""

    @property
    def in_sql(self) -> bool:
        """Whether the database can make the change by itself."""
        return self.replacement is not None and self.replacement.expression is not None

    def on(self, connection: Any) -> Change:
        """Return the change as it is made on the database of ``connection``: in Python, where that cannot."""
        made = self.replacement
        reason = made.why_not(connection) if made is not None and made.why_not is not None else ""
        if made is None or not reason:
            return self
        return replace(self, replacement=replace(made, expression=None, holds=None), why_in_python=reason)


@dataclass(frozen=True, kw_only=True)
class Declaration:
    """What one model declares, validated once."""

    model: type[Model]
    """The concrete model; its proxies share the declaration."""

    meta: PrivacyMeta
    """The instance of the project's own class."""

    changes: tuple[Change, ...]
    """One for each personal field that can be anonymised; the project's own first, so that they see the whole row."""

    mistakes: tuple[Mistake, ...]

    clauses: Clauses = field(default_factory=Clauses)
    """Whose the rows are, and how a person is known."""

    ruled: tuple[str, ...] = ()
    """The names of the fields of which nothing is declared, and that change in a scrub: by ``GDPR_SCRUB_RULES``."""

    @property
    def label(self) -> str:
        return self.model._meta.label

    @property
    def log_labels(self) -> list[str]:
        """What the log calls the rows, today's label first. Only the model's own while the declared ones are wrong."""
        if any(mistake.check in ("E010", "E022") for mistake in self.mistakes):
            return [self.label]
        return [self.meta.log_label or self.label, *self.meta.former_labels]

    @property
    def fields(self) -> tuple[str, ...]:
        return (*personal_fields(self.meta), *self.ruled)

    @property
    def export_fields(self) -> tuple[str, ...]:
        return exported_fields(self.meta)

    @property
    def export_filename(self) -> str:
        return self.meta.export_filename or f"{self.model._meta.app_label}-{self.model._meta.object_name}.csv"

    @property
    def purposes(self) -> tuple[str, ...]:
        """Why the data is held, as far as it was written down."""
        return texts(self.meta.purpose)

    @property
    def recipients(self) -> tuple[str, ...]:
        """Who gets the data, as far as it was written down."""
        return texts(self.meta.recipients)

    @cached_property
    def parts(self) -> dict[str, frozenset[str]]:
        """{path of a party that owns something: names of its columns, and of the key that leads to it}.

        Without what is kept. Where a row is one person's, what is not kept of it is a part too.
        """
        clauses = self.clauses
        if clauses.kept and not clauses.parties:
            keys = (path.split(LOOKUP_SEP)[0] for path in clauses.paths if isinstance(path, str))
            return {FREE: frozenset([*(change.field.name for change in self.changes), *keys]) - clauses.kept.keys()}
        return {
            path: frozenset([*party.erases, path.split(LOOKUP_SEP)[0]]) - clauses.kept.keys()
            for path, party in clauses.parties.items()
            if party.erases
        }

    def changes_of(self, part: str) -> tuple[Change, ...]:
        """Return the changes of a part of the rows, of ``""`` all."""
        return tuple(each for each in self.changes if each.field.name in self.names_of(part))

    def names_of(self, part: str) -> frozenset[str]:
        """Return the names of the columns of a part, and of the key to it; of ``""`` those of all changes."""
        if not part or (part not in self.parts and self.has_part(part)):
            return frozenset(change.field.name for change in self.changes)
        return self.parts.get(part, frozenset())

    def has_part(self, part: str) -> bool:
        """Return whether a row has this part. What is not kept is one, also where nothing is kept."""
        return part in self.parts or (part == FREE and not self.clauses.parties)

    def part_of(self, key: str) -> str:
        """Return the part that the column ``key`` belongs to; ``""`` if it is none's own."""
        return next((part for part, names in self.parts.items() if key in names), "")

    @property
    def is_whole_by_parts(self) -> bool:
        """Whether a row is anonymised once all its parts are: no change is in none of them."""
        return bool(self.parts) and all(self.part_of(change.field.name) for change in self.changes)

    @cached_property
    def references(self) -> tuple[ForeignKey[Any, Any], ...]:
        """The foreign keys of any model that hold the values of a column which changes (``to_field``)."""
        columns = [(field.name, field.model) for field in (change.field for change in self.changes)]
        return tuple(
            key
            for model in self.model._meta.apps.get_models(include_auto_created=True)
            for key in model._meta.local_fields
            if isinstance(key, ForeignKey) and isinstance(key.remote_field.model, type)
            if any(
                key.remote_field.field_name == name and issubclass(key.remote_field.model, owner)
                for name, owner in columns
            )
        )

    @cached_property
    def errors(self) -> tuple[Mistake, ...]:
        """Those mistakes that keep the model from being anonymised."""
        return tuple(mistake for mistake in self.mistakes if mistake.check.startswith("E"))

    @property
    def can_anonymise(self) -> bool:
        """Whether rows of this model can be anonymised: it does not say no, and nothing is wrong with it."""
        return self.meta.can_anonymise and not self.errors

    def require_can_anonymise(self) -> None:
        """Raise ``AnonymiseError`` if rows of this model cannot be anonymised."""
        if not self.meta.can_anonymise:
            raise AnonymiseError(f"{self.label} cannot be anonymised: its PrivacyMeta says can_anonymise = False.")
        for mistake in self.errors:
            raise AnonymiseError(f"{mistake.message} {mistake.hint}")


def declare(model: type[Model], meta_class: type) -> Declaration:
    """Return the declaration of ``model`` that ``meta_class`` makes. Collects mistakes, raises none."""
    bases = (meta_class,) if issubclass(meta_class, PrivacyMeta) else (meta_class, PrivacyMeta)
    meta = type(meta_class.__name__, bases, {"__module__": meta_class.__module__, "model": model})()
    mistakes = [*shape_mistakes(meta), *json_shape_mistakes(meta), *replace_shape_mistakes(meta)]
    if mistakes:  # names cannot be read from these
        return Declaration(model=model, meta=meta, changes=(), mistakes=tuple(mistakes))
    mistakes += [
        *meaning_mistakes(meta),
        *spelling_mistakes(meta),
        *method_mistakes(meta),
        *scrub_mistakes(meta),
        *json_mistakes(meta),
        *(replace_mistakes(meta) if meta.can_anonymise else ()),
    ]
    clauses, of_people = read_clauses(meta)
    mistakes += of_people
    changes = []
    if meta.can_anonymise:
        mistakes += key_mistakes(meta)
        for name in personal_fields(meta):
            try:
                changes.append(_change(meta, name))
            except FieldDoesNotExist:
                pass  # reported by meaning_mistakes
            except FieldAnonymiseError as error:
                mistakes.append(Mistake(error.check, str(error), error.hint))
            except AnonymiseError as error:
                mistakes.append(Mistake("E004", str(error), "Change the rule, or write an anonymiser."))
    mistakes += filter(None, map(_doubt, changes))
    changes.sort(key=lambda change: change.anonymiser is None)
    return Declaration(model=model, meta=meta, changes=tuple(changes), mistakes=tuple(mistakes), clauses=clauses)


def _doubt(change: Change) -> Mistake | None:
    if change.replacement is None or not change.replacement.doubt:
        return None
    return Mistake(
        "W014",
        f"{field_label(change.field)}: {change.replacement.doubt}.",
        f"{change.replacement.cure}, or write anonymise_{change.field.name}.",
    )


def _change(meta: PrivacyMeta, name: str) -> Change:
    field: Any = meta.model._meta.get_field(name)
    if isinstance(field, ForeignObjectRel):
        raise FieldDoesNotExist(name)
    if getattr(field, "primary_key", False):
        raise FieldAnonymiseError(
            f"Cannot anonymise primary key: {field_label(field)}.",
            check="E003",
            hint="Take it out of PrivacyMeta.fields.",
        )
    anonymiser = method(meta, f"anonymise_{name}", "instance")
    if anonymiser is not None:
        return Change(field=field, anonymiser=anonymiser)
    if name in meta.json_fields:
        return Change(field=field, replacement=within(field, meta.json_fields[name]))
    if name in meta.replace and not field.many_to_many:
        return Change(field=field, replacement=replaced_by(meta, field))
    return Change(field=field, replacement=replacement_for(field))
