"""Every mistake that a ``PrivacyMeta`` can have; raises none, loads no models and writes nothing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.core.exceptions import FieldDoesNotExist, FieldError, ValidationError
from django.db.models import BinaryField, Model
from django.utils.functional import cached_property as DjangoCachedProperty

from .keys import is_composite
from .meta import ALL_FIELDS, PrivacyMeta, all_rows, listed_fields, personal_fields, texts, undeclared
from .owners import Owner, bystanders, owners
from .search import lookup_of


@dataclass(frozen=True)
class Mistake:
    """One thing wrong with a declaration: the number of its check (``"E002"``), a message and the cure."""

    check: str
    message: str
    hint: str


_LISTS = ("fields", "keep", "clear", "search_fields", "export_fields", "export_exclude", "actors", "former_labels")


def shape_mistakes(meta: PrivacyMeta) -> Iterable[Mistake]:
    """Yield what is not even of the right type, so that names cannot be read from it."""
    yield from _text_mistakes(meta)
    if not isinstance(meta.bulk, bool | None):
        yield Mistake(
            "E010",
            f"{meta.model._meta.label}: PrivacyMeta.bulk is neither True nor False.",
            "Write bulk = True to anonymise sets of rows without saving each, or bulk = False to save each row.",
        )
    if not isinstance(meta.can_anonymise, bool | int | None):
        yield Mistake(
            "E010",
            f"{meta.model._meta.label}: PrivacyMeta.can_anonymise is neither True nor False.",
            "Write can_anonymise = False for rows that must stay as they are.",
        )
    if not isinstance(meta.delete_files, bool):
        yield Mistake(
            "E010",
            f"{meta.model._meta.label}: PrivacyMeta.delete_files is neither True nor False.",
            "Write delete_files = False to leave stored files where they are when no row names them any more.",
        )
    for attribute in _LISTS:
        value = getattr(meta, attribute)
        if (value is None and getattr(PrivacyMeta, attribute) is None) or (attribute, value) == ("fields", ALL_FIELDS):
            continue
        if not isinstance(value, (list, tuple, set, frozenset, Mapping)) or not all(
            isinstance(name, str) for name in value
        ):
            yield Mistake(
                "E010",
                f"{meta.model._meta.label}: PrivacyMeta.{attribute} is not a list of names.",
                f'Write {attribute} = ["name", ...].',
            )


def _text_mistakes(meta: PrivacyMeta) -> Iterable[Mistake]:
    if not isinstance(meta.export_filename, str | None):
        yield Mistake(
            "E010",
            f"{meta.model._meta.label}: PrivacyMeta.export_filename is not a text.",
            'Write export_filename = "name.csv".',
        )
    for attribute in ("purpose", "recipients"):
        if not all(isinstance(text, str) and text.strip() for text in texts(getattr(meta, attribute))):
            yield Mistake(
                "E010",
                f"{meta.model._meta.label}: PrivacyMeta.{attribute} is neither a text nor a list of texts.",
                f'Write {attribute} = "in a few words", or a list of such texts.',
            )


def meaning_mistakes(meta: PrivacyMeta) -> Iterable[Mistake]:
    """Yield what is wrong with the names in a declaration whose shape is right."""
    yield from _name_mistakes(meta)
    yield from _label_mistakes(meta)
    yield from _undeclared(meta)
    if meta.can_anonymise:
        yield from _not_theirs(meta)


def _name_mistakes(meta: PrivacyMeta) -> Iterable[Mistake]:
    label = meta.model._meta.label
    names = {field.name for field in meta.model._meta.get_fields() if not field.auto_created or field.concrete}
    listed = listed_fields(meta) or ()
    links = {field.name for field in meta.model._meta.many_to_many}
    for attribute, given, there in (
        ("fields", [name for name in listed if name not in meta.json_fields], names),
        ("keep", meta.keep, names),
        ("clear", meta.clear, links),
    ):
        for name in given:
            if name not in there:
                what = "many-to-many field" if attribute == "clear" else "field"
                yield Mistake(
                    "E002",
                    f"{label}: PrivacyMeta.{attribute} names {name}, which is no {what} of the model.",
                    f"The {what}s are {', '.join(sorted(there))}.",
                )
    for name in sorted((set(meta.keep) & set(listed)).difference(meta.json_fields)):
        yield Mistake(
            "E002",
            f"{label}.{name} is in PrivacyMeta.fields and in PrivacyMeta.keep.",
            "It is personal or it is not: leave it in one of them.",
        )
    for attribute in ("export_fields", "export_exclude"):
        for name in getattr(meta, attribute) or ():
            if not _is_exportable(meta.model, name):
                # In 1.x an export with an attribute that is not there failed; all else was taken.
                fails = attribute == "export_fields" and not hasattr(meta.model, name)
                yield Mistake(
                    "E002" if fails else "W009",
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
    for name in meta.search_fields or ():
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


def key_mistakes(meta: PrivacyMeta) -> list[Mistake]:
    """Return what is wrong with the primary key of a model whose rows are to be anonymised."""
    if isinstance(meta.model._meta.pk, BinaryField):
        return [
            Mistake(
                "E008",
                f"{meta.model._meta.label} has a primary key of bytes, which cannot be read back from the event log.",
                "Give the model a primary key of another class.",
            )
        ]
    if not is_composite(meta.model):
        return []
    return [
        Mistake(
            "E008",
            f"{meta.model._meta.label} has a composite primary key and cannot be anonymised.",
            "Give the model a single primary key, or write can_anonymise = False.",
        )
    ]


def _undeclared(meta: PrivacyMeta) -> Iterable[Mistake]:
    if names := undeclared(meta):
        yield Mistake(
            "W001",
            f"{meta.model._meta.label}: {', '.join(names)}: neither in PrivacyMeta.fields nor in PrivacyMeta.keep.",
            "List personal fields in fields, and those that you looked at and found not personal in keep.",
        )


def _not_theirs(meta: PrivacyMeta) -> Iterable[Mistake]:
    """Yield which columns of other code are, or would be, anonymised; and that nothing says which are."""
    column_owners = {name: owner for name, owner in owners(meta.model).items() if name not in meta.keep}
    if (listed := listed_fields(meta)) is None:
        yield from _bystanders(meta)
        if meta.fields is None:
            yield _unset(meta, column_owners)
        return
    own = {name for name in listed if hasattr(type(meta), f"anonymise_{name}")}
    named = {
        name: column_owners[name]
        for name in listed
        if name in column_owners and column_owners[name].is_structure and name not in own
    }
    if named:
        yield Mistake(
            "E030",
            f"{meta.model._meta.label}: PrivacyMeta.fields names {_with_owners(named)}: with other values in them "
            "rows are lost, or come back.",
            "Leave these columns out of fields.",
        )


def _bystanders(meta: PrivacyMeta) -> Iterable[Mistake]:
    theirs = bystanders(meta.model)
    if odd := {name: Owner(theirs[name], False) for name in personal_fields(meta) if name in theirs}:
        yield Mistake(
            "W012",
            f"{meta.model._meta.label}: all columns are anonymised, also {_with_owners(odd)}, which no form may edit.",
            "List in PrivacyMeta.keep what other code relies on, or the personal fields in PrivacyMeta.fields.",
        )


def _unset(meta: PrivacyMeta, column_owners: Mapping[str, Owner]) -> Mistake:
    unset = f"{meta.model._meta.label}: PrivacyMeta.fields is unset, which stands for all columns"
    cure = f'List the personal fields in PrivacyMeta.fields, or write fields = "{ALL_FIELDS}"'
    if column_owners:
        return Mistake(
            "E030",
            f"{unset}; but other code relies on {_with_owners(column_owners)}.",
            f"{cure}, which leaves these out.",
        )
    return Mistake(
        "W010",
        f"{unset}, also those to come.",
        f"{cure} if that is meant.",
    )


def _with_owners(columns: Mapping[str, Owner]) -> str:
    """Return the columns in words, those of one owner together."""
    names: dict[str, list[str]] = defaultdict(list)
    for name, owner in columns.items():
        names[owner.name].append(name)
    return "; ".join(f"{', '.join(each)} ({owner})" for owner, each in names.items())
