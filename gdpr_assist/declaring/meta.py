"""What a project writes about a model, and the columns that it means; judges nothing and loads no models."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

from django.db.models import Field, Model, QuerySet

from ..former import warn
from ..sensitive import sensitive
from .owners import owners
from .rules import is_hashed_password
from .search import matching

# As a ModelForm says it
ALL_FIELDS = "__all__"

# What happens to the rows of a person whose own row is deleted: what on_erasure says
ERASE = "erase"


def all_rows(model: type[Model], using: str | None = None) -> QuerySet[Any]:
    """Return every row of ``model``, whatever its managers leave out: a soft-deleted row is still personal data."""
    return QuerySet(model=model, using=using)


class PrivacyMeta:
    """What a model says about its personal data; every attribute and method may be overridden.

    ``model`` is the registered model. The class that a project writes need not inherit from this one:
    registering adds it.
    """

    model: type[Model]
    fields: Iterable[str] | str | None = None
    keep: Iterable[str] = ()
    clear: Iterable[str] = ()
    can_anonymise: bool = True
    bulk: bool | None = None
    delete_files: bool = True
    search_fields: Iterable[str] | None = None
    export_fields: Iterable[str] | None = None
    export_exclude: Iterable[str] = ()
    export_filename: str | None = None
    subject: Any = None
    identifiers: Mapping[str, Any] | None = None
    actors: Iterable[str] = ()
    on_erasure: Any = "anonymise"
    copy_of: Any = None
    on_delete_of_subject: str | None = ERASE
    purpose: str | Iterable[str] = ()
    recipients: str | Iterable[str] = ()
    scrub: Any = None
    json_fields: Mapping[str, Any] = MappingProxyType({})
    replace: Mapping[str, Any] = MappingProxyType({})
    log_label: str | None = None
    former_labels: Iterable[str] = ()

    def get_export_filename(self) -> str:
        """Return the name of the file of an export. Kept for existing code."""
        warn("PrivacyMeta.get_export_filename()", "Use export_filename.")
        return self.export_filename or f"{self.model._meta.app_label}-{self.model._meta.object_name}.csv"

    @sensitive
    def search(self, term: str) -> QuerySet[Any] | Iterable[Model]:
        """Return the rows of which ``search_fields`` match ``term``, or each word of it; soft-deleted ones too."""
        return matching(all_rows(self.model), self.search_fields or (), term)

    @sensitive
    def export(self, instance: Model) -> dict[str, Any]:
        """Return what is known of ``instance``, by name of field."""
        return {name: getattr(instance, name) for name in exported_fields(self)}


def personal_fields(meta: PrivacyMeta) -> tuple[str, ...]:
    """Return the names of the personal fields, in the order in which they were written."""
    if (listed := listed_fields(meta)) is not None:
        return listed
    left = {*meta.keep, *owners(meta.model)}
    return tuple(field.name for field in declarable(meta.model) if field.name not in left)


def listed_fields(meta: PrivacyMeta) -> tuple[str, ...] | None:
    """Return the personal fields that are named, None if all columns are meant."""
    if meta.fields is None or meta.fields == ALL_FIELDS:
        return None
    return tuple(dict.fromkeys([*meta.fields, *meta.json_fields]))


def declarable(model: type[Model]) -> Iterable[Field[Any, Any]]:
    """Return the columns to decide about: all but keys, pointers to parents and generated columns."""
    key_parts = {field.name for field in getattr(model._meta, "pk_fields", [model._meta.pk])}
    return (
        field
        for field in model._meta.concrete_fields
        if field.name not in key_parts
        and not field.primary_key
        and not getattr(field.remote_field, "parent_link", False)
        and not getattr(field, "generated", False)
    )


def undeclared(meta: PrivacyMeta) -> list[str]:
    """Return the names of the columns that are neither personal nor kept, and are the project's own to decide."""
    if (listed := listed_fields(meta)) is None:
        return []
    structure = (name for name, owner in owners(meta.model).items() if owner.is_structure)
    said = {*listed, *meta.keep, *structure}
    return [field.name for field in declarable(meta.model) if field.name not in said]


def texts(given: Any) -> tuple[Any, ...]:
    """Return a text, or a list of texts, as a tuple; of anything else, that it is none shows in what it holds."""
    return tuple(given) if isinstance(given, (list, tuple)) else (given,)


def exported_fields(meta: PrivacyMeta) -> tuple[str, ...]:
    """Return the names of what is exported."""
    if meta.export_fields is not None:
        names = tuple(meta.export_fields)
    else:
        names = tuple(
            field.name
            for field in meta.model._meta.concrete_fields
            if not field.primary_key and not field.is_relation and not is_hashed_password(field)
        )
    exclude = set(meta.export_exclude)
    return tuple(name for name in names if name not in exclude)
