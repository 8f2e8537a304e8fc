"""Which index a search needs on PostgreSQL, and whether the model declares one; asks no database."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import md5
from typing import Any

from django.contrib.postgres.indexes import BTreeIndex, HashIndex, OpClass, PostgresIndex
from django.db import models, router
from django.db.models import F, UniqueConstraint
from django.db.models.constants import LOOKUP_SEP
from django.db.models.expressions import OrderBy
from django.db.models.functions import Upper

from ..databases.servers import is_postgresql
from ..undocumented import end_of_lookup
from .declaration import Declaration
from .meta import all_rows
from .search import lookup_of

LONGEST_NAME = 30

TEXT = (models.CharField, models.TextField, models.FileField, models.FilePathField)
VALUES = (
    models.IntegerField,
    models.DecimalField,
    models.FloatField,
    models.BooleanField,
    models.DateField,
    models.TimeField,
    models.DurationField,
    models.UUIDField,
    models.GenericIPAddressField,
)
# What Django hands to PostgreSQL as it was entered: to look up a name exactly is an error there.
UNCHECKED = (models.DurationField, models.GenericIPAddressField)

# With any collation; one that is not deterministic has no regular expressions, before PostgreSQL 18 no LIKE, and no
# index for them.
WITH_ANY_COLLATION = {"exact", "iexact", "in", "gt", "gte", "lt", "lte"}

# Of what an index is made, and how: {kind: the line for Meta.indexes}
LINES = {
    "idx": 'models.Index(fields=["{field}"], name="{name}")',
    "upper": 'models.Index(Upper("{field}"), name="{name}")',
    "like": 'models.Index(fields=["{field}"], opclasses=["text_pattern_ops"], name="{name}")',
    "ulike": 'models.Index(OpClass(Upper("{field}"), name="text_pattern_ops"), name="{name}")',
    "trgm": 'GinIndex(fields=["{field}"], opclasses=["gin_trgm_ops"], name="{name}")',
    "utrgm": 'GinIndex(OpClass(Upper("{field}"), name="gin_trgm_ops"), name="{name}")',
}
# What the line needs: Django knows OpClass only with the app.
POSTGRES_APP = ' It needs "django.contrib.postgres" in INSTALLED_APPS'
NEEDS = {
    "ulike": f"{POSTGRES_APP}.",
    "trgm": f"{POSTGRES_APP}, and TrigramExtension() in a migration before it.",
    "utrgm": f"{POSTGRES_APP}, and TrigramExtension() in a migration before it.",
}

# {lookup of a text: kinds of index that serve it, the one to advise first}. Django compares UPPER(column) where case
# does not count, but for iregex.
OF_TEXTS = {
    "exact": ("idx", "like", "trgm", "hash"),
    "in": ("idx", "like", "trgm", "hash"),
    **dict.fromkeys(("gt", "gte", "lt", "lte"), ("idx",)),
    "iexact": ("upper", "ulike", "utrgm", "uhash"),
    "startswith": ("like", "trgm"),
    "istartswith": ("ulike", "utrgm"),
    **dict.fromkeys(("contains", "endswith", "regex", "iregex"), ("trgm",)),
    **dict.fromkeys(("icontains", "iendswith"), ("utrgm",)),
}
# For a column of another type, the rest of these cast it to text.
OF_VALUES = dict.fromkeys(("exact", "in", "gt", "gte", "lt", "lte"), ("idx", "hash"))


@dataclass(frozen=True)
class Missing:
    """A lookup in ``search_fields`` that reads the whole table."""

    field: models.Field[Any, Any]
    """The one at the end of the lookup; its model needs the index."""

    written: str
    """The entry of ``search_fields``."""

    cure: str


def is_searched_on_postgresql(model: type[models.Model]) -> bool:
    return is_postgresql(router.db_for_read(model))


def missing(declared: Declaration) -> Iterator[Missing]:
    """Yield the lookups that no declared index serves. Those with transforms, and of other types, are left out."""
    for written in declared.meta.search_fields or ():
        parts = lookup_of(written).split(LOOKUP_SEP)
        field, rest = end_of_lookup(all_rows(declared.model), parts)
        if isinstance(field, models.Field) and not field.many_to_many and len(rest) < 2:
            cure = _cure(field, written, rest[0] if rest else "exact")
            if cure:
                yield Missing(field, written, cure)


def _cure(field: models.Field[Any, Any], written: str, lookup: str) -> str:
    """What is to be done that an index serves the lookup; nothing if one does, or if that cannot be told."""
    if lookup not in OF_TEXTS:
        return ""
    if _is_text(field):
        if getattr(_column(field), "db_collation", None) and lookup not in WITH_ANY_COLLATION:
            return ""
        return _index(field, OF_TEXTS[lookup])
    if not isinstance(_column(field), VALUES) and not _ignores_case(field):
        return ""
    if lookup in OF_VALUES:
        return _index(field, OF_VALUES[lookup])
    if isinstance(_column(field), UNCHECKED):
        return ""
    exact = f"{written.removesuffix(f'{LOOKUP_SEP}{lookup}')}{LOOKUP_SEP}exact"
    text = f'Write "{exact}" in search_fields: as it is, the column is cast to text, for which no index helps.'
    return f"{text} {_index(field, OF_VALUES['exact'])}".strip()


def _index(field: models.Field[Any, Any], kinds: tuple[str, ...]) -> str:
    """The line for the first of ``kinds``; nothing if there is an index of one of them."""
    if _kinds(field).intersection(kinds):
        return ""
    line = LINES[kinds[0]].format(field=field.name, name=_name(field, kinds[0]))
    return f"Add {line} to Meta.indexes of {field.model._meta.label}.{NEEDS.get(kinds[0], '')}"


def _name(field: models.Field[Any, Any], kind: str) -> str:
    """The name of the new index: no other has it in the database."""
    stem = f"{field.model._meta.db_table}_{field.column}".replace('"', "").replace(".", "_").strip("_0123456789")
    name = f"{stem}_{kind}".lower()
    if len(name) <= LONGEST_NAME:
        return name
    ending = f"_{md5(stem.encode(), usedforsecurity=False).hexdigest()[:4]}_{kind}"
    return f"{stem[: LONGEST_NAME - len(ending)]}{ending}".lower()


def _column(field: Any) -> models.Field[Any, Any]:
    """The field that says what is stored: of a relation its target, of a generated column its output."""
    while field.remote_field:
        field = field.target_field
    column: models.Field[Any, Any] = getattr(field, "output_field", field)
    return column


def _is_text(field: models.Field[Any, Any]) -> bool:
    return isinstance(_column(field), TEXT) and not _ignores_case(field)


def _ignores_case(field: models.Field[Any, Any]) -> bool:
    """Whether it is one of django.contrib.postgres' CI fields, which Django 5.1 removed."""
    return _column(field).get_internal_type().startswith("CI")


def _kinds(field: Any) -> set[str]:
    """The kinds of index over the whole table that begin with the field."""
    opts = field.model._meta
    kinds: set[str] = set()
    if field.db_index or field.unique:
        kinds |= {"idx", "like"} if _is_text(field) else {"idx"}  # Django makes the second too
    kinds |= {"idx" for names in opts.unique_together if names[0] == field.name}
    for index in [*opts.indexes, *(each for each in opts.constraints if isinstance(each, UniqueConstraint))]:
        if index.condition is None:
            name, kind = _first(index)
            kinds |= {kind} if name == field.name else set()
    return kinds


def _first(index: Any) -> tuple[str, str]:
    """The field that ``index`` begins with, and its kind."""
    operators = index.opclasses[0] if index.opclasses else ""
    key: Any = index.expressions[0] if index.expressions else F(index.fields[0].lstrip("-"))
    while isinstance(key, (OrderBy, OpClass)):
        operators = key.extra["name"] if isinstance(key, OpClass) else operators
        key = key.get_source_expressions()[0]
    upper = isinstance(key, Upper)
    key = key.get_source_expressions()[0] if upper else key
    kind = _method(index, operators)
    return getattr(key, "name", ""), {"idx": "upper"}.get(kind, f"u{kind}") if upper else kind


def _method(index: Any, operators: str) -> str:
    if isinstance(index, HashIndex):
        return "hash"
    if isinstance(index, PostgresIndex) and not isinstance(index, BTreeIndex):
        return "trgm" if operators.endswith("_trgm_ops") else "other"
    return "like" if operators.endswith("_pattern_ops") else "idx"
