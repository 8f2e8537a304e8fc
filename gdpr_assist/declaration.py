"""From a ``PrivacyMeta`` to a frozen ``Declaration``, with every mistake in it; loads no models and writes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property
from typing import Any

from django.core.exceptions import FieldDoesNotExist, FieldError, ValidationError
from django.db.models import BinaryField, Field, Model, QuerySet
from django.db.models.fields.reverse_related import ForeignObjectRel
from django.utils.functional import cached_property as DjangoCachedProperty

from .exceptions import AnonymiseError, FieldAnonymiseError
from .rules import Replacement, field_label, replacement_for
from .search import lookup_of, matching


def all_rows(model: type[Model], using: str | None = None) -> QuerySet[Any]:
    """Return every row of ``model``, whatever its managers leave out: a soft-deleted row is still personal data."""
    return QuerySet(model=model, using=using)


class PrivacyMeta:
    """What a model says about its personal data; every attribute and method may be overridden.

    ``model`` is the registered model. The class that a project writes need not inherit from this one:
    registering adds it.
    """

    model: type[Model]
    fields: Iterable[str] | None = None
    keep: Iterable[str] = ()
    can_anonymise: bool = True
    bulk: bool | None = None
    search_fields: Iterable[str] = ()
    export_fields: Iterable[str] | None = None
    export_exclude: Iterable[str] = ()
    export_filename: str | None = None
    log_label: str | None = None
    former_labels: Iterable[str] = ()

    def search(self, term: str) -> QuerySet[Any] | Iterable[Model]:
        """Return the rows of which any of ``search_fields`` matches ``term``, soft-deleted ones too."""
        return matching(all_rows(self.model), self.search_fields, term)

    def export(self, instance: Model) -> dict[str, Any]:
        """Return what is known of ``instance``, by name of field."""
        return {name: getattr(instance, name) for name in _export_fields(self)}


@dataclass(frozen=True)
class Mistake:
    """One thing wrong with a declaration: the number of its check (``"E002"``), a message and the cure."""

    check: str
    message: str
    hint: str


@dataclass(frozen=True, kw_only=True)
class Change:
    """A rule bound to a field: built-in (``replacement``), or the project's own (``anonymiser``)."""

    field: Field[Any, Any]
    replacement: Replacement | None = None
    anonymiser: Callable[[Model], Any] | None = None

    @property
    def in_sql(self) -> bool:
        """Whether the database can make the change by itself."""
        return self.replacement is not None and self.replacement.expression is not None


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
        return _fields(self.meta)

    @property
    def export_fields(self) -> tuple[str, ...]:
        return _export_fields(self.meta)

    @property
    def export_filename(self) -> str:
        return self.meta.export_filename or f"{self.model._meta.app_label}-{self.model._meta.object_name}.csv"

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
    mistakes = [*_shape_mistakes(meta)]
    if mistakes:  # names cannot be read from these
        return Declaration(model=model, meta=meta, changes=(), mistakes=tuple(mistakes))
    mistakes += [*_name_mistakes(meta), *_stray_anonymisers(meta), *_misspelt(meta), *_label_mistakes(meta)]
    mistakes += _undeclared(meta)
    changes = []
    if meta.can_anonymise:
        mistakes += _key_mistakes(meta)
        for name in _fields(meta):
            try:
                changes.append(_change(meta, name))
            except FieldDoesNotExist:
                pass  # reported by _name_mistakes
            except FieldAnonymiseError as error:
                mistakes.append(Mistake(error.check, str(error), error.hint))
            except AnonymiseError as error:
                mistakes.append(Mistake("E004", str(error), "Change the rule, or write an anonymiser."))
    changes.sort(key=lambda change: change.anonymiser is None)
    return Declaration(model=model, meta=meta, changes=tuple(changes), mistakes=tuple(mistakes))


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
    anonymiser = getattr(meta, f"anonymise_{name}", None)
    if anonymiser is not None:
        return Change(field=field, anonymiser=anonymiser)
    return Change(field=field, replacement=replacement_for(field))


def _fields(meta: PrivacyMeta) -> tuple[str, ...]:
    if meta.fields is not None:
        return tuple(dict.fromkeys(meta.fields))
    keep = set(meta.keep)
    return tuple(field.name for field in _declarable(meta.model) if field.name not in keep)


def _declarable(model: type[Model]) -> Iterable[Field[Any, Any]]:
    """The columns about which a declaration has something to say: not keys, pointers to parents, generated columns."""
    key_parts = {field.name for field in getattr(model._meta, "pk_fields", [model._meta.pk])}
    return (
        field
        for field in model._meta.concrete_fields
        if field.name not in key_parts
        and not field.primary_key
        and not getattr(field.remote_field, "parent_link", False)
        and not getattr(field, "generated", False)
    )


def _export_fields(meta: PrivacyMeta) -> tuple[str, ...]:
    if meta.export_fields is not None:
        names = tuple(meta.export_fields)
    else:
        names = tuple(
            field.name
            for field in meta.model._meta.concrete_fields
            if not field.primary_key and not field.is_relation and not _is_hashed_password(field)
        )
    exclude = set(meta.export_exclude)
    return tuple(name for name in names if name not in exclude)


def _is_hashed_password(field: Field[Any, Any]) -> bool:
    # AbstractBaseUser cannot be imported before the apps are loaded; this is what it has beside the column.
    return field.name == "password" and hasattr(field.model, "check_password")


_LISTS = ("fields", "keep", "search_fields", "export_fields", "export_exclude", "former_labels")


def _shape_mistakes(meta: PrivacyMeta) -> Iterable[Mistake]:
    if not isinstance(meta.bulk, bool | None):
        yield Mistake(
            "E010",
            f"{meta.model._meta.label}: PrivacyMeta.bulk is neither True nor False.",
            "Write bulk = True to anonymise sets of rows without saving each, or bulk = False to save each row.",
        )
    for attribute in _LISTS:
        value = getattr(meta, attribute)
        if value is None and getattr(PrivacyMeta, attribute) is None:
            continue
        if not isinstance(value, (list, tuple, set, frozenset, Mapping)) or not all(
            isinstance(name, str) for name in value
        ):
            yield Mistake(
                "E010",
                f"{meta.model._meta.label}: PrivacyMeta.{attribute} is not a list of names.",
                f'Write {attribute} = ["name", ...].',
            )


def _name_mistakes(meta: PrivacyMeta) -> Iterable[Mistake]:
    label = meta.model._meta.label
    names = {field.name for field in meta.model._meta.get_fields() if not field.auto_created or field.concrete}
    for attribute in ("fields", "keep"):
        for name in getattr(meta, attribute) or ():
            if name not in names:
                yield Mistake(
                    "E002",
                    f"{label}: PrivacyMeta.{attribute} names {name}, which is no field of the model.",
                    f"The fields are {', '.join(sorted(names))}.",
                )
    for name in sorted(set(meta.keep) & set(meta.fields or ())):
        yield Mistake(
            "E002",
            f"{label}.{name} is in PrivacyMeta.fields and in PrivacyMeta.keep.",
            "It is personal or it is not: leave it in one of them.",
        )
    for attribute in ("export_fields", "export_exclude"):
        for name in getattr(meta, attribute) or ():
            if not _is_exportable(meta.model, name):
                yield Mistake(
                    "E002",
                    f"{label}: PrivacyMeta.{attribute} names {name}, which is no column or property of the model.",
                    f"The fields are {', '.join(sorted(names))}. For anything else write an export method.",
                )
    yield from _lookup_mistakes(meta)


def _is_exportable(model: type[Model], name: str) -> bool:
    try:
        return model._meta.get_field(name).concrete and not model._meta.get_field(name).many_to_many
    except FieldDoesNotExist:
        is_key = name in {field.attname for field in model._meta.concrete_fields}
        return is_key or isinstance(getattr(model, name, None), (property, cached_property, DjangoCachedProperty))


def _stray_anonymisers(meta: PrivacyMeta) -> Iterable[Mistake]:
    fields = _fields(meta)
    for name in dir(meta):
        field = name.removeprefix("anonymise_")
        if field != name and field not in fields:
            yield Mistake(
                "E018",
                f"{meta.model._meta.label}: PrivacyMeta.{name} is never called: {field} is not in PrivacyMeta.fields.",
                f"Add {field} to fields, or correct the name of the method.",
            )


def _misspelt(meta: PrivacyMeta) -> Iterable[Mistake]:
    known = [name for name in dir(PrivacyMeta) if not name.startswith("_")]
    for name in dir(meta):
        if name.startswith(("_", "anonymise_")) or name in known or name == "model":
            continue
        for meant in get_close_matches(name, known, n=1, cutoff=0.8):
            yield Mistake(
                "E019",
                f"{meta.model._meta.label}: PrivacyMeta.{name} has no meaning.",
                f"If {meant} is meant, correct it; else give it a name that is less alike.",
            )


def _label_mistakes(meta: PrivacyMeta) -> Iterable[Mistake]:
    written: dict[str, Iterable[Any]] = {"former_labels": meta.former_labels}
    if meta.log_label is not None:
        written = {**written, "log_label": [meta.log_label]}
    for attribute, labels in written.items():
        for label in labels:
            if not isinstance(label, str) or [bool(part) for part in label.split(".")] != [True, True]:
                yield Mistake(
                    "E022",
                    f"{meta.model._meta.label}: PrivacyMeta.{attribute} is not the label of a model.",
                    "Write it as app_label.ModelName.",
                )


def _lookup_mistakes(meta: PrivacyMeta) -> Iterable[Mistake]:
    for name in meta.search_fields:
        try:
            all_rows(meta.model).filter(**{lookup_of(name): ""})
        except FieldError:
            yield Mistake(
                "E002",
                f"{meta.model._meta.label}: PrivacyMeta.search_fields names {name}, which cannot be looked up.",
                "Write a field's name, or a lookup such as author__email__iexact.",
            )
        except (ValueError, TypeError, ValidationError):
            pass  # the lookup is there; this column does not hold text


def _key_mistakes(meta: PrivacyMeta) -> list[Mistake]:
    if isinstance(meta.model._meta.pk, BinaryField):
        return [
            Mistake(
                "E008",
                f"{meta.model._meta.label} has a primary key of bytes, which cannot be read back from the event log.",
                "Give the model a primary key of another class.",
            )
        ]
    if len(getattr(meta.model._meta, "pk_fields", [None])) < 2:
        return []
    return [
        Mistake(
            "E008",
            f"{meta.model._meta.label} has a composite primary key and cannot be anonymised.",
            "Give the model a single primary key, or write can_anonymise = False.",
        )
    ]


def _undeclared(meta: PrivacyMeta) -> Iterable[Mistake]:
    if meta.fields is None:
        return
    said = {*meta.fields, *meta.keep}
    names = [field.name for field in _declarable(meta.model) if field.name not in said]
    if names:
        yield Mistake(
            "W001",
            f"{meta.model._meta.label}: {', '.join(names)}: neither in PrivacyMeta.fields nor in PrivacyMeta.keep.",
            "List personal fields in fields, and those that you looked at and found not personal in keep.",
        )
