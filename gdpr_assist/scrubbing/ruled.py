"""What ``GDPR_SCRUB_RULES`` puts into columns of which nothing is declared, in whatever model. Asks no database."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from django.apps import apps
from django.core.exceptions import ImproperlyConfigured
from django.db import router
from django.db.models import Field, ForeignKey, Model

from ..conf import scrub_rules
from ..databases.aliases import data_aliases
from ..declaring.declaration import Change, Declaration
from ..declaring.expressions import made_of
from ..declaring.meta import PrivacyMeta, declarable, listed_fields
from ..declaring.mistakes import key_mistakes
from ..declaring.owners import owners
from ..declaring.relations import generic_keys, history_of
from ..declaring.replacing import replacement_for
from ..declaring.rules import field_label
from ..declaring.uniqueness import sources
from ..exceptions import AnonymiseError
from ..paths import is_not_personal, project_models
from ..registry import registry
from .deleting import is_deleted
from .rules import Rule, Rules, Unfollowed, Wrong, read_rules
from .to_empty import children_of, said_to_empty

# What a copy needs as it is, whatever its columns are called; the last is the table of a queue, which may do the scrub
NEVER = {"contenttypes.ContentType", "auth.Permission", "django_tasks_database.DBTaskResult"}


@dataclass(frozen=True)
class Ruled:
    """What the setting comes to."""

    declarations: dict[type[Model], Declaration] = field(default_factory=dict)
    """{model: its declaration with the columns that rules are about, or one of these alone if it is not registered}"""

    mistakes: list[Wrong] = field(default_factory=list)

    unmatched: list[str] = field(default_factory=list)
    """The keys that no column of any model has as its name or its class."""


def declarations_with_rules() -> dict[type[Model], Declaration]:
    """Return what holds in a scrub in the place of declarations, or beside them.

    Raises ``AnonymiseError`` if a rule is none, or is about a column that cannot follow it.
    """
    try:
        found = ruled()
    except ImproperlyConfigured as error:
        raise AnonymiseError(f"{error} Nothing was changed.") from None
    if found.mistakes:
        texts = (f"{each.message} {each.cure}" for each in found.mistakes)
        raise AnonymiseError(f"{' '.join(texts)} Nothing was changed.")
    return found.declarations


def ruled() -> Ruled:
    """Return what ``GDPR_SCRUB_RULES`` comes to. Raises ``ImproperlyConfigured`` for what is no dict."""
    if not scrub_rules():
        return Ruled()
    rules, keys, declarations = read_rules(), _keys(), {}
    for model, declared in _models():
        if columns := dict(_columns(model, declared, rules, keys)):
            declarations[model] = _with_rules(model, declared, columns, rules)
    every = (column for model in project_models() for column in model._meta.local_fields)
    return Ruled(declarations=declarations, mistakes=rules.wrong(), unmatched=rules.unmatched(every))


def _models() -> Iterator[tuple[type[Model], Declaration | None]]:
    """Yield each model of which a scrub may change rows, with its declaration if it is registered."""
    emptied = {each for model in said_to_empty() for each in (model, *children_of(model))}
    for model in project_models():
        if model in emptied:
            continue
        if model in registry:
            declared = registry.declaration(model)
            if declared.can_anonymise and not is_deleted(declared):
                yield model, declared
        elif _may_change(model):
            yield model, None


def _may_change(model: type[Model]) -> bool:
    """Whether rules are about a model that is not registered."""
    if not model._meta.managed or model._meta.label in NEVER or is_not_personal(model):
        return False
    return any(router.allow_migrate_model(using, model) for using in data_aliases())


def _keys() -> dict[Field[Any, Any], str]:
    """Return {column that is a key, or a part of one, or what a key points at: why it stays}; generated ones too."""
    keys: dict[Field[Any, Any], str] = {}
    for model in apps.get_models(include_auto_created=True):
        can_change, pointing = set(declarable(model)), _pointing_without_a_key(model)
        for column in model._meta.local_fields:
            if isinstance(column, ForeignKey):
                keys[column] = "is a key to other rows"
                if isinstance(column.remote_field.model, type):  # else Django has an error of its own for it
                    keys.setdefault(column.target_field, f"is what {field_label(column)} points at")
            elif column.name in pointing:
                keys[column] = "is a key to other rows"
            elif column not in can_change:
                keys[column] = "is the primary key, or generated"
    return keys


def _pointing_without_a_key(model: type[Model]) -> set[str]:
    """Return the names of columns that hold keys as numbers or texts: those of generic keys, and of a history."""
    origin = history_of(model)
    return {*(each.fk_field for each in generic_keys(model)), *([origin._meta.pk.name] if origin else [])}


def _columns(
    model: type[Model], declared: Declaration | None, rules: Rules, keys: dict[Field[Any, Any], str]
) -> Iterator[tuple[Field[Any, Any], Rule]]:
    """Yield the columns of the model's own table that rules are about, each with its rule.

    What must stay a class leaves without a word; a name of it is a mistake.
    """
    said = _said(declared)
    matches = [(each, rule) for each in model._meta.local_fields if (rule := rules.of(each)) and each.name not in said]
    if not matches:
        return
    owned = owners(model)
    of_children = {name: child.label for child in _registered_children(model) for name in _said(child)}
    for column, rule in matches:
        owner = owned.get(column.name)
        why = keys.get(column, f"is one that {owner.name} relies on" if owner and owner.is_structure else "")
        if not rule.is_by_name and (why or owner):
            continue
        if not why and column.name in of_children:
            why = f"is declared in the PrivacyMeta of {of_children[column.name]}, whose rows have it too"
        if why:
            is_key = column in keys
            cure = _cure(column, declared, is_key=is_key)
            rules.unfollowed.append(Unfollowed(rule, f"{field_label(column)} {why}.", cure, model, is_key))
        else:
            yield column, rule


def _said(declared: Declaration | None) -> set[str]:
    """Return the names of the columns of which it is declared what they are."""
    if declared is None:
        return set()
    listed = listed_fields(declared.meta)
    return {*declared.meta.keep, *([each.name for each in declarable(declared.model)] if listed is None else listed)}


def _registered_children(model: type[Model]) -> list[Declaration]:
    """Return the declarations of the multi-table children of ``model``, registered itself or not."""
    found = [each for each in children_of(model) if each in registry]
    return [each for each in map(registry.declaration, found) if not each.errors]


def _with_rules(
    model: type[Model], declared: Declaration | None, columns: dict[Field[Any, Any], Rule], rules: Rules
) -> Declaration:
    """Return ``declared`` with what rules put into ``columns``, or a declaration of these; note what they cannot."""
    own = declared or _empty(model)
    names = tuple(each.name for each in columns)
    changing = {*(change.field.name for change in own.changes), *names}
    changes = []
    for column, rule in columns.items():
        try:
            changes.append(_change(column, rule, changing))
        except AnonymiseError as error:
            rules.unfollowed.append(Unfollowed(rule, str(error), _cure(column, declared), model))
    rules.mistakes += _read_by_others(own, columns)
    if declared is None:
        cure = f"Name {own.label} in GDPR_NOT_PERSONAL, and replace what it holds by hand, or write other rules."
        texts = (f"GDPR_SCRUB_RULES: {each.message}" for each in key_mistakes(own.meta))
        rules.mistakes += [Wrong(text, cure, model) for text in texts]
    return replace(own, changes=(*own.changes, *changes), ruled=names)


def _empty(model: type[Model]) -> Declaration:
    meta = type("PrivacyMeta", (PrivacyMeta,), {"__module__": __name__, "model": model, "fields": ()})
    return Declaration(model=model, meta=meta(), changes=(), mistakes=())


def _change(column: Field[Any, Any], rule: Rule, changing: set[str]) -> Change:
    if rule.written is None:
        return Change(field=column, replacement=replacement_for(column))
    return Change(field=column, replacement=made_of(rule.written, column, changing, "the rule"))


def _read_by_others(declared: Declaration, columns: Iterable[Field[Any, Any]]) -> Iterator[Wrong]:
    """Yield that a new value is computed of a column which a rule changes: the old one, or the new one on MariaDB."""
    for name, written in declared.meta.replace.items():
        if not hasattr(written, "resolve_expression") or isinstance(written, type):
            continue
        read = sources(declared.model, [written])
        for column in columns:
            if column.name in read:
                yield Wrong(
                    f"GDPR_SCRUB_RULES is about {field_label(column)}, which PrivacyMeta.replace reads for {name}.",
                    f"Say in the PrivacyMeta of {declared.label} that {column.name} stays (keep).",
                    declared.model,
                )


def _cure(column: Field[Any, Any], declared: Declaration | None, *, is_key: bool = False) -> str:
    label, what = column.model._meta.label, f"that {column.name} stays (keep)"
    if not is_key:
        what = f"what becomes of {column.name} (replace), or {what}"
    if declared is not None:
        return f"Write another rule, or say in the PrivacyMeta of {label} {what}."
    return f"Write another rule, or register {label} and say {what}, or name the model in GDPR_NOT_PERSONAL."
