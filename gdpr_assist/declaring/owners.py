"""Which columns of a model other code owns and relies on; imports none of that code and asks no database."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import PurePath
from typing import Any, NamedTuple

from django.db.models import BooleanField, DateField, Field, Model

from ..undocumented import generic_fields

ALL = "*"

# {base class, with the package it is of: its columns, ALL for those that the base itself has}
# Trees, types and flags of deleted rows: with other values in them rows are lost, or come back to life.
STRUCTURE: dict[str, Iterable[str]] = {
    "mptt.MPTTModel": ("lft", "rght", "tree_id", "level", "parent"),
    "treebeard.MP_Node": ("path", "depth", "numchild"),
    "treebeard.NS_Node": ("lft", "rgt", "tree_id", "depth"),
    "treebeard.AL_Node": ("parent", "sib_order"),
    "treebeard.LT_Node": ALL,
    "polymorphic.PolymorphicModel": ("polymorphic_ctype",),
    "safedelete.SafeDeleteModel": ALL,
    "model_utils.SoftDeletableModel": ("is_removed",),
    "ordered_model.OrderedModelBase": ("order",),
    "ordered_model.OrderedModel": ("order",),
    "wagtail.AbstractPage": ("path", "depth", "numchild", "content_type", "url_path", "alias_of"),
    "wagtail.Page": ("path", "depth", "numchild", "content_type", "url_path", "alias_of"),
    "wagtail.TranslatableMixin": ("translation_key", "locale"),
}

# Times and states that the base keeps: not personal as a rule, but a project may say that they are.
RECORDS: dict[str, Iterable[str]] = {
    "model_utils.TimeStampedModel": ("created", "modified"),
    "model_utils.StatusModel": ("status", "status_changed"),
    "wagtail.AbstractPage": ("latest_revision_created_at",),
    "wagtail.Page": ("latest_revision_created_at",),
    "wagtail.RevisionMixin": ("latest_revision",),
    "wagtail.DraftStateMixin": (
        "live", "has_unpublished_changes", "first_published_at", "last_published_at", "live_revision", "go_live_at",
        "expire_at", "expired",
    ),
    "wagtail.LockableMixin": ("locked", "locked_at", "locked_by"),
}  # fmt: skip

SOFT_DELETION = re.compile("soft_?delet|safe_?delet|logical_?delet|paranoi", re.IGNORECASE)
# As columns of a base with any name
DELETED = re.compile("(is_|was_|soft_)?(deleted|removed|trashed)(_at|_on|_date|_time|_datetime)?", re.IGNORECASE)


class Owner(NamedTuple):
    """Whose a column is, in words; and whether rows are lost with another value in it."""

    name: str
    is_structure: bool


def owners(model: type[Model]) -> dict[str, Owner]:
    """Return the columns of ``model`` that other code owns, with their owners."""
    column_owners: dict[str, Owner] = {}
    for name, owner in (*_of_bases(model), *_of_generic_keys(model)):
        column_owners.setdefault(name, owner)
    return {
        field.name: column_owners[field.name] for field in model._meta.concrete_fields if field.name in column_owners
    }


def bystanders(model: type[Model]) -> dict[str, str]:
    """Return the columns that no form may edit and a base of another distribution brings, with the names of the bases.

    They may be anything: what other code relies on, or personal.
    """
    return {
        field.name: _label(base)
        for base in _abstract_bases(model)
        if is_installed(base.__module__) and _package(base) != _package(model)
        for field in base._meta.local_fields
        if not field.editable
    }


def _of_bases(model: type[Model]) -> Iterator[tuple[str, Owner]]:
    for base in model.__mro__:
        yield from _of_base(base)
    for name in _tree_columns(getattr(model, "_mptt_meta", None)):
        yield name, Owner("mptt.models.MPTTModel", True)
    for base in _abstract_bases(model):
        flags = (field for field in base._meta.local_fields if isinstance(field, (BooleanField, DateField)))
        for field in flags:
            if SOFT_DELETION.search(base.__name__) or DELETED.fullmatch(field.name):
                yield field.name, Owner(_label(base), True)


def _of_base(base: type) -> Iterator[tuple[str, Owner]]:
    label = f"{_package(base)}.{base.__name__}"
    for known, is_structure in ((STRUCTURE, True), (RECORDS, False)):
        for name in _columns(base, known.get(label, ())):
            yield name, Owner(_label(base), is_structure)


def _columns(base: Any, names: Iterable[str]) -> Iterable[str]:
    return [field.name for field in base._meta.local_fields] if names == ALL else names


def _tree_columns(options: Any) -> Iterator[str]:
    """The columns of a tree of mptt, which a model may call otherwise."""
    for attribute in ("left_attr", "right_attr", "tree_id_attr", "level_attr", "parent_attr"):
        if name := getattr(options, attribute, None):
            yield name


def _of_generic_keys(model: type[Model]) -> Iterator[tuple[str, Owner]]:
    for key in generic_fields(model):
        for attribute in ("ct_field", "fk_field"):
            if hasattr(key, attribute):
                yield getattr(key, attribute), Owner(f"the generic key {key.name}", False)
    for field in model._meta.concrete_fields:
        if _is_type(field):
            yield field.name, Owner("contenttypes.ContentType, as a key to it", False)


def _is_type(field: Field[Any, Any]) -> bool:
    target: Any = field.remote_field and field.remote_field.model
    return bool(getattr(getattr(target, "_meta", None), "label_lower", target) == "contenttypes.contenttype")


def _abstract_bases(model: type[Model]) -> Iterator[type[Model]]:
    return (base for base in model.__mro__ if issubclass(base, Model) and base is not Model and base._meta.abstract)


def _package(kind: type) -> str:
    return kind.__module__.split(".")[0]


def _label(base: type) -> str:
    return f"{base.__module__}.{base.__qualname__}"


def is_installed(module: str) -> bool:
    """Whether a package manager has put the module there: it is not the project's own."""
    parts = PurePath(getattr(sys.modules.get(module), "__file__", None) or "").parts
    return not {"site-packages", "dist-packages"}.isdisjoint(parts)
