"""Checks of what is declared of people, across models: each reads declarations only, and asks no database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from django.core.checks import CheckMessage
from django.core.exceptions import FieldDoesNotExist, ImproperlyConfigured
from django.db.models import EmailField, Model
from django.db.models.constants import LOOKUP_SEP

from ..baseline import read_baseline
from ..cascades import taken_with
from ..conf import looks_personal, not_personal, paths_baseline, scrub_empty, scrub_rules
from ..declaring.clauses import DELETED, Generic, Identifier
from ..declaring.declaration import Declaration
from ..declaring.relations import way_back
from ..paths import Key, clauses_of, end_of, keys_to_people, knows_people, party_mistakes, people, person_of
from ..registry import concrete, registry
from .messages import declarations, declared, message

check_E043 = declared("E043", "What is declared of people is of the wrong type, or leads nowhere.")
check_E046 = declared("E046", "A key with ANONYMISE to somebody who owns nothing of the row.")

_parties_of_one = declared("E045", "What one model declares of its parties.")


def check_E045(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """A party that owns and sees nothing, a personal field that is not one party's, or a person with parties."""
    return [
        *_parties_of_one(app_configs),
        *(
            message("E045", mistake.message, mistake.hint, each.model)
            for each in declarations(app_configs)
            for mistake in party_mistakes(each.model)
        ),
    ]


def check_E044(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """A path ends at a model of which nobody knows whose its rows are."""
    return [
        message(
            "E044",
            f"{each.label}: PrivacyMeta.subject names {path}, which ends at {end._meta.label}: that is neither a "
            "person nor says whose its rows are.",
            f'Give {end._meta.label} a subject ("self" if each row is a person), or go on to a model that has one.',
            each.model,
        )
        for each in declarations(app_configs)
        for path, end in _ends(each)
        if not knows_people(end)
    ]


def _ends(declared: Declaration) -> Iterator[tuple[str, type[Model]]]:
    for path in declared.clauses.paths:
        if not isinstance(path, Generic):
            with suppress(FieldDoesNotExist):  # reported by E043
                yield path, end_of(declared.model, path)


def check_E047(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """An identifier of a kind that no person offers finds nothing."""
    offered = {kind for model in registry.models if _tells_of_a_person(model) for kind in _kinds(model)}
    return [
        message(
            "E047",
            f"{each.label}: PrivacyMeta.identifiers has the kind {kind}, which no person has.",
            f"Add {kind} to the identifiers of a person, or of a model whose subject is a key to one. "
            f"The kinds of these are {', '.join(sorted(offered)) or 'none'}.",
            each.model,
        )
        for each in declarations(app_configs)
        for kind in _kinds(each.model)
        if kind not in offered
    ]


def _kinds(model: type[Model]) -> list[str]:
    return list(clauses_of(model).identifiers or {})


def _tells_of_a_person(model: type[Model]) -> bool:
    """Whether the values of a row are a person's: it is one, or its own key leads to one."""
    ends = (end for path, end in _ends(registry.declaration(model)) if "__" not in path)
    return any(person_of(each) for each in (model, *ends))


def check_E048(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """Rows that are to be deleted with their person take rows with them that are to stay."""
    return [
        message(
            "E048",
            f'{each.label}: PrivacyMeta.on_erasure is "delete", which takes rows of {taken._meta.label} with it; '
            f"these are {why}.",
            f"Anonymise {each.label} instead, or give the key that cascades another on_delete.",
            each.model,
        )
        for each in declarations(app_configs)
        if each.clauses.on_erasure == DELETED
        for taken in taken_with(each.model)
        if (why := _why_it_stays(taken))
    ]


def _why_it_stays(model: type[Model]) -> str:
    clauses = clauses_of(model)
    if clauses.grounds:
        return f"kept ({', '.join(clauses.grounds)})"
    # Which people a path leads to, only the rows can tell: an erasure asks them.
    return "about several people" if len(clauses.parties) > 1 else ""


def check_E049(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """A setting that is no list of texts, or no dict, or names no file with a list."""
    every = (not_personal, looks_personal, scrub_empty, scrub_rules, _known_before)
    return [message("E049", *found) for read in every if (found := _refused(read))]


def _refused(read: Callable[[], object]) -> list[str]:
    """Return what is wrong with the setting that ``read`` gives, and the cure."""
    try:
        read()
    except ImproperlyConfigured as error:
        text, cure = str(error).split(". ", 1)
        return [f"{text}.", cure]
    return []


def check_W028(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """A key that leads to a person, and of which nothing is said."""
    if check_E049():
        return []
    known = _known_before()
    return [
        message(
            "W028",
            f"{key.label} {_leads(key)}, and nothing says what these rows are to that person.",
            "Name the key in PrivacyMeta.subject if the rows are about that person, in actors if the person only did "
            "something to them; or list the model in GDPR_NOT_PERSONAL. manage.py gdpr_paths --propose writes the "
            "lines.",
            key.model,
            may_wait=key.label in known,
        )
        for key in keys_to_people()
        if not key.answer and (app_configs is None or key.model._meta.app_config in app_configs)
    ]


def _known_before() -> frozenset[str]:
    """Return the keys that may wait for an answer."""
    file = paths_baseline()
    return read_baseline(file) if file else frozenset()


def _leads(key: Key) -> str:
    return "may lead to a person" if key.target is None else f"leads to {key.target._meta.label}"


def check_W029(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """Nothing is said of the values by which a person is known, or by which a row with an address knows one."""
    if not people():
        return []
    return [
        message("W029", f"{each.label}: PrivacyMeta.identifiers {what}", cure, each.model)
        for each in declarations(app_configs)
        for what, cure in _unknown(each)
    ]


def _unknown(declared: Declaration) -> Iterator[tuple[str, str]]:
    names, identifiers = _addresses(declared), declared.clauses.identifiers
    found = "rows without a key to a person are found by nobody."
    if identifiers is None and names:
        cure = (
            f'Write identifiers = {{"email": "{names[0]}"}} in PrivacyMeta, or identifiers = {{}} if there are none.'
        )
        yield f"is not there, and {', '.join(names)} is personal: {found}", cure
    elif identifiers is None and declared.clauses.is_person:
        cure = 'Write identifiers = {"email": "user__email"} in PrivacyMeta, or identifiers = {} if there are none.'
        yield "is not there, and each row is a person: rows of hers without a key to her are found by nobody.", cure
    elif identifiers and names and not any(_says_which(each, names) for each in identifiers.values()):
        cure = f'Add "email": "{names[0]}" to it, or "email": [] if no address of the model is that of the person.'
        yield f"does not name {', '.join(names)}, which is personal: by it, {found}", cure


def _says_which(identifier: Identifier, addresses: list[str]) -> bool:
    """Whether it is one of ``addresses``, one of another row, or says that there is none: ``"email": []``."""
    return not identifier.lookups or any(each in addresses or LOOKUP_SEP in each for each in identifier.lookups)


def _addresses(declared: Declaration) -> list[str]:
    personal = {change.field.name for change in declared.changes}
    return [
        field.name
        for field in declared.model._meta.concrete_fields
        if isinstance(field, EmailField) and field.name in personal
    ]


def check_W030(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """A person's identifier that anybody could have claimed."""
    return [
        message(
            "W030",
            f"{each.label}: PrivacyMeta.identifiers[{kind!r}] does not say whether it is verified: who registers with "
            "somebody else's would get that person's rows.",
            f'Write Identifier("{identifier.lookups[0]}", verified=True) if the site confirms it before an account '
            "can be used, the condition for that as a Q object, or verified=False: such rows are told, and left.",
            each.model,
        )
        for each in declarations(app_configs)
        if each.clauses.is_person
        for kind, identifier in (each.clauses.identifiers or {}).items()
        if identifier.lookups and identifier.verified is None
    ]


def check_W031(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """A row of a person points at a personal row of which nothing says whose it is."""
    return [
        message(
            "W031",
            f"{each.label}.{field.name} leads to {target._meta.label}, which is registered and does not say whose its "
            "rows are: they stay when the person goes.",
            f"Give {target._meta.label} a subject, as a path backwards: {_backwards(field)}.",
            target,
        )
        for each in declarations(app_configs)
        if knows_people(each.model)
        for field in each.model._meta.local_fields
        if field.is_relation and isinstance(field.related_model, type) and not _is_parent_link(field)
        if (target := concrete(field.related_model)) in registry and not knows_people(target)
        if registry.declaration(target).changes and not registry.declaration(target).clauses.copy_of
    ]


def _backwards(field: Any) -> str:
    if name := way_back(field):
        return f'subject = "{name}"'
    name = field.model._meta.model_name
    return f'give {field} related_query_name="{name}" beside its related_name="+", and write subject = "{name}"'


def _is_parent_link(field: Any) -> bool:
    return bool(getattr(field.remote_field, "parent_link", False))
