"""What is replaced within a column of JSON, as ``PrivacyMeta.json_fields`` says, and what is wrong with it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from itertools import combinations
from typing import Any

from django.core.exceptions import FieldDoesNotExist
from django.db.models import BooleanField, CharField, F, Field, Func, JSONField, Model, Q, TextField
from django.utils.translation import gettext_noop

from ..databases.json import Target, holds_replaced, replaced, why_not
from ..exceptions import AnonymiseError
from ..phrases import Phrase
from .json_paths import EMPTY, JsonPath, meet, parse
from .json_paths import replaced as replaced_in
from .meta import PrivacyMeta
from .mistakes import Mistake
from .rules import Replacement, field_label

WRITE = 'Write json_fields = {"payload": ["user.email", "items[*].name"]}, or a dict of new values by path.'


def json_mistakes(meta: PrivacyMeta) -> Iterable[Mistake]:
    """Yield what is wrong with ``json_fields``, whose shape is right."""
    label = meta.model._meta.label
    for name, written in meta.json_fields.items():
        where = f"{label}: PrivacyMeta.json_fields[{name!r}]"
        if not isinstance(_field(meta.model, name), JSONField | TextField | CharField):
            yield Mistake("E052", f"{where} is no column of JSON or text.", WRITE)
            continue
        if name in meta.keep or hasattr(meta, f"anonymise_{name}"):
            other = "keep" if name in meta.keep else f"anonymise_{name}"
            yield Mistake("E052", f"{where} is in PrivacyMeta.{other} too.", "Leave it in one of them.")
        paths = []
        for text, given in _written(written).items():
            try:
                paths.append(parse(text, given))
            except ValueError:
                yield Mistake(
                    "E052",
                    f"{where} has {text!r}, which is no path.",
                    'Write names with dots between, as "user.email"; "items[*].name" for each item of an array, '
                    '"items[0].name" for one; a name with other signs as meta["first name"].',
                )
        for first, second in combinations(paths, 2):
            if meet(first, second):
                yield Mistake(
                    "E052",
                    f"{where} has {first.text} and {second.text}, which may lead to the same, or one into the other.",
                    "Leave the one that leads to the whole.",
                )


def _field(model: type[Model], name: str) -> Any:
    try:
        return model._meta.get_field(name)
    except FieldDoesNotExist:
        return None


def _written(written: Any) -> dict[str, Any]:
    return dict(written) if isinstance(written, Mapping) else dict.fromkeys(written, EMPTY)


def json_shape_mistakes(meta: PrivacyMeta) -> Iterable[Mistake]:
    """Yield that ``json_fields`` is no {name of a column: paths, as a list or as {path: new value}}."""
    given: object = meta.json_fields
    if not isinstance(given, Mapping) or not all(map(_is_entry, given.items())):
        yield Mistake(
            "E010", f"{meta.model._meta.label}: PrivacyMeta.json_fields is no dict of paths by column.", WRITE
        )


def _is_entry(entry: tuple[Any, Any]) -> bool:
    name, paths = entry
    return (
        isinstance(name, str)
        and isinstance(paths, (list, tuple, Mapping))
        and bool(paths)
        and all(isinstance(path, str) for path in paths)
        and (not isinstance(paths, Mapping) or _is_json(list(paths.values())))
    )


def _is_json(values: Any) -> bool:
    try:
        json.dumps(values, allow_nan=False)
    except (TypeError, ValueError):
        return False
    return True


def paths_within(field: Field[Any, Any], written: Any) -> list[JsonPath]:
    """Return the paths that ``json_fields`` has for ``field``. Raises ``AnonymiseError`` for what is no path."""
    try:
        return [parse(text, given) for text, given in _written(written).items()]
    except ValueError:
        raise AnonymiseError(f"{field_label(field)}: PrivacyMeta.json_fields has what is no path.") from None


def within(field: Field[Any, Any], written: Any) -> Replacement:
    """Return what takes the place of the value of ``field``: the same, without what stands at the paths.

    Raises ``AnonymiseError`` for what is no path.
    """
    paths = paths_within(field, written)
    places = ", ".join(path.text for path in paths)
    # Translators: what a value of JSON becomes; %(paths)s are places within it.
    words = Phrase(gettext_noop("%(paths)s replaced, the rest as it is"), paths=places)
    if not isinstance(field, JSONField):
        return Replacement(value=lambda row: _in_text(field, row, paths), words=words)
    targets = [(path.steps, None if path.given is EMPTY else json.dumps(path.given)) for path in paths]
    return Replacement(
        value=lambda row: replaced_in(getattr(row, field.attname), paths),
        expression=lambda: Replaced(F(field.name), targets=targets),
        holds=lambda name: Q(**{f"{name}__isnull": True}) | Q(HoldsReplaced(F(name), targets=targets)),
        words=words,
        why_not=lambda connection: why_not(connection, targets),
    )


def _in_text(field: Field[Any, Any], row: Model, paths: list[JsonPath]) -> Any:
    text = getattr(row, field.attname)
    if not text:
        return text
    try:
        value = json.loads(text)
    except ValueError:
        raise AnonymiseError(
            f"{field_label(field)}: the row with the primary key {row.pk} holds no JSON, so that nobody can tell what "
            "is personal in it. Nothing was changed. Correct the row, or have the whole column replaced: list it in "
            "PrivacyMeta.fields, and not in json_fields."
        ) from None
    new = replaced_in(value, paths)
    return text if new is value else json.dumps(new, ensure_ascii=False)


class _WithinJson(Func):
    arity = 1

    def __init__(self, *expressions: Any, targets: Iterable[Target], **extra: Any) -> None:
        super().__init__(*expressions, **extra)
        self.targets = list(targets)


class Replaced(_WithinJson):
    """A JSON value without what stands at some paths."""

    output_field = JSONField()

    def as_sql(self, compiler: Any, connection: Any, **context: Any) -> Any:  # type: ignore[override]
        column, _ = compiler.compile(self.source_expressions[0])
        return replaced(connection, column, self.targets)


class HoldsReplaced(_WithinJson):
    """Whether nothing stands there that would be replaced."""

    output_field = BooleanField()

    def as_sql(self, compiler: Any, connection: Any, **context: Any) -> Any:  # type: ignore[override]
        column, _ = compiler.compile(self.source_expressions[0])
        return holds_replaced(connection, column, self.targets)
