"""Every mistake in what a ``PrivacyMeta`` says of people, as far as one model can tell; raises none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from django.core.exceptions import FieldDoesNotExist, FieldError, ValidationError
from django.db.models import SET_DEFAULT, SET_NULL, Model, Q
from django.db.models.constants import LOOKUP_SEP

from .clauses import DELETED, FREE, HISTORY, SELF, Clauses, Generic, Party
from .keys import is_composite
from .meta import PrivacyMeta, all_rows, personal_fields
from .mistakes import Mistake
from .relations import follow, generic_keys, history_of, keys_without_a_way_back, relations

ONE_WAY = (
    'A key with related_name="+" is passed backwards by its related_query_name, once it has one. Without one there is'
)

# As long as the column of the log that names a part
LONGEST_PART = 64


def people_mistakes(meta: PrivacyMeta, clauses: Clauses) -> Iterator[Mistake]:
    """Yield what is wrong with ``clauses``, which are of the right types."""
    yield from _path_mistakes(meta, clauses)
    if clauses.is_person and is_composite(meta.model):
        yield Mistake(
            "E043",
            f"{meta.model._meta.label} has a composite primary key, so that its rows are no people.",
            "Give the model a single primary key, or name in subject the key to whom a row is about.",
        )
    for path, party in clauses.parties.items():
        yield from _party_mistakes(meta, path, party)
    if clauses.parties:
        yield from _owner_mistakes(meta, clauses)
        yield from _nobodys_identifiers(meta, clauses)
    yield from _identifier_mistakes(meta, clauses)
    yield from _actor_mistakes(meta, clauses)
    yield from _erasure_mistakes(meta, clauses)
    yield from _copy_mistakes(meta, clauses)


def _path_mistakes(meta: PrivacyMeta, clauses: Clauses) -> Iterable[Mistake]:
    for path in clauses.paths:
        if isinstance(path, Generic):
            yield from _generic_mistakes(meta, path, "subject")
        else:
            yield from _lookup_mistakes(meta, path, "subject")


def _lookup_mistakes(meta: PrivacyMeta, path: str, where: str) -> Iterable[Mistake]:
    try:
        follow(meta.model, path)
    except FieldDoesNotExist as error:
        hidden = keys_without_a_way_back(meta.model._meta.apps.get_model(str(error)))
        yield Mistake(
            "E043",
            f"{meta.model._meta.label}: PrivacyMeta.{where} names {path}, which leads to no model: it ends at "
            f"{error}.",
            f"Write names of relations, with {LOOKUP_SEP} between them. Those of {meta.model._meta.label} are "
            f"{', '.join(relations(meta.model)) or 'none'}." + (f" {ONE_WAY} {', '.join(hidden)}." if hidden else ""),
        )


def _generic_mistakes(meta: PrivacyMeta, path: Generic, where: str) -> Iterable[Mistake]:
    keys = {(key.ct_field, key.fk_field) for key in generic_keys(meta.model)}
    if (path.content_type, path.object_id) not in keys:
        yield Mistake(
            "E043",
            f"{meta.model._meta.label}: PrivacyMeta.{where} names Generic({path}), which is no generic key of the "
            "model.",
            "Write the names of the two fields of its GenericForeignKey.",
        )


def _party_mistakes(meta: PrivacyMeta, path: str, party: Party) -> Iterable[Mistake]:
    label, personal = meta.model._meta.label, personal_fields(meta)
    if path in (SELF, FREE) or len(path) > LONGEST_PART:
        yield Mistake(
            "E045",
            f"{label}: PrivacyMeta.subject has a party {path}, which cannot stand in the event log.",
            f"A party is called by its path, of up to {LONGEST_PART} characters. A person has no parties.",
        )
    if not party.erases and not party.sees:
        yield Mistake(
            "E045",
            f"{label}: the party {path} owns nothing of a row, and has seen nothing of it.",
            "List its fields in Party(erases=[...]), or the path in actors if the row is not about this person.",
        )
    for name in dict.fromkeys([*party.erases, *party.sees]):
        if name not in personal:
            yield Mistake(
                "E045",
                f"{label}: the party {path} names {name}, which is not in PrivacyMeta.fields.",
                f"The personal fields are {', '.join(personal) or 'none'}.",
            )


def _owner_mistakes(meta: PrivacyMeta, clauses: Clauses) -> Iterable[Mistake]:
    owners = Counter(name for party in clauses.parties.values() for name in party.erases)
    for name in personal_fields(meta):
        if owners[name] != 1:
            whose = "of several parties" if owners[name] else "nobody's"
            yield Mistake(
                "E045",
                f"{meta.model._meta.label}.{name} is {whose}.",
                "Let one party erase it; the others may have seen it: Party(sees=[...]).",
            )


def _nobodys_identifiers(meta: PrivacyMeta, clauses: Clauses) -> Iterator[Mistake]:
    for kind, identifier in (clauses.identifiers or {}).items():
        for lookup in identifier.lookups:
            if not clauses.party_of(lookup):
                yield Mistake(
                    "E045",
                    f"{meta.model._meta.label}: PrivacyMeta.identifiers[{kind!r}] names {lookup}, which is nobody's.",
                    "Name a column that one of the parties erases: the value is theirs.",
                )


def _identifier_mistakes(meta: PrivacyMeta, clauses: Clauses) -> Iterable[Mistake]:
    for kind, identifier in (clauses.identifiers or {}).items():
        if identifier.verified is not None and not clauses.is_person:
            yield Mistake(
                "E043",
                f"{meta.model._meta.label}: PrivacyMeta.identifiers[{kind!r}] says whether it is verified, and no row "
                "is a person.",
                'Leave verified out, or write subject = ["self", ...] if each row is a person too.',
            )
        conditions = [Q(**{lookup: ""}) for lookup in identifier.lookups]
        conditions += [identifier.verified] if isinstance(identifier.verified, Q) else []
        for condition in conditions:
            try:
                all_rows(meta.model).filter(condition)
            except FieldError:
                yield Mistake(
                    "E043",
                    f"{meta.model._meta.label}: PrivacyMeta.identifiers[{kind!r}] cannot be looked up.",
                    'Write the path to a column, as "email" or "account__email", and fields of the model in verified.',
                )
            except (ValueError, TypeError, ValidationError):
                pass  # the column is there, and holds no text


def _actor_mistakes(meta: PrivacyMeta, clauses: Clauses) -> Iterable[Mistake]:
    label = meta.model._meta.label
    keys = {each.name for each in generic_keys(meta.model)}
    for name in clauses.actors:
        relation: Any = next((each for each in meta.model._meta.get_fields() if each.name == name), None)
        if name not in keys and (relation is None or not relation.related_model):
            yield Mistake(
                "E043",
                f"{label}: PrivacyMeta.actors names {name}, which is no key of the model.",
                f"Its keys are {', '.join(relations(meta.model)) or 'none'}.",
            )
        elif name in clauses.paths:
            yield Mistake(
                "E043",
                f"{label}: {name} is in PrivacyMeta.subject and in PrivacyMeta.actors.",
                "A row is about this person, or this person did something to it: leave it in one of them.",
            )
    owners = {path for path, party in clauses.parties.items() if party.erases}
    for name in (*clauses.actors, *(path for path in clauses.parties if path not in owners)):
        if _anonymises_on_delete(meta.model, name):
            yield Mistake(
                "E046",
                f"{label}.{name} has on_delete=ANONYMISE, but leads to somebody who owns nothing of the row.",
                "When that person is deleted, another one's data would go. Write on_delete=models.SET_NULL.",
            )


def _anonymises_on_delete(model: type[Model], name: str) -> bool:
    relation: Any = next((each for each in model._meta.fields if each.name == name), None)
    deconstruct = getattr(getattr(relation and relation.remote_field, "on_delete", None), "deconstruct", None)
    return deconstruct is not None and deconstruct()[0] == "gdpr_assist.ANONYMISE"


def _erasure_mistakes(meta: PrivacyMeta, clauses: Clauses) -> Iterable[Mistake]:
    label, personal = meta.model._meta.label, personal_fields(meta)
    written = meta.on_erasure if isinstance(meta.on_erasure, Mapping) else {}
    for name in written:
        if name not in personal:
            yield Mistake(
                "E043",
                f"{label}: PrivacyMeta.on_erasure names {name}, which is not in PrivacyMeta.fields.",
                f"The personal fields are {', '.join(personal) or 'none'}.",
            )
    if clauses.parties and clauses.on_erasure == DELETED:
        yield Mistake(
            "E043",
            f"{label}: PrivacyMeta.on_erasure deletes rows that are about several people.",
            "When one of them is erased, the others' data would go. Leave it out, or write Keep(...).",
        )


def _copy_mistakes(meta: PrivacyMeta, clauses: Clauses) -> Iterable[Mistake]:
    label, path = meta.model._meta.label, clauses.copy_of
    if isinstance(path, Generic):
        if not _are_of_any_row(meta.model, path):  # the log of the admin has no GenericForeignKey over them
            yield from _generic_mistakes(meta, path, "copy_of")
    elif path == HISTORY:
        if history_of(meta.model) is None:
            yield Mistake(
                "E043",
                f"{label}: PrivacyMeta.copy_of says that the model is a history, and it is none that "
                "django-simple-history or django-pghistory has made.",
                "Write the path to the row of which each row is a copy.",
            )
    elif isinstance(path, str):
        yield from _lookup_mistakes(meta, path, "copy_of")
        key: Any = next((each for each in meta.model._meta.fields if each.name == path), None)
        if key is not None and key.remote_field and key.remote_field.on_delete in (SET_NULL, SET_DEFAULT):
            yield Mistake(
                "E043",
                f"{label}: PrivacyMeta.copy_of names {path}, which leads nowhere any more when the row is deleted.",
                "Write on_delete=ANONYMISE(...) for the key, or CASCADE.",
            )
    if path is not None and clauses.says_whose:
        yield Mistake(
            "E043",
            f"{label}: a row is a copy (PrivacyMeta.copy_of), and is said to be somebody's (subject).",
            "Leave one of them out: a copy is erased with the row that it is a copy of.",
        )


def _are_of_any_row(model: type[Model], path: Generic) -> bool:
    """Whether the fields are a key to a content type, and a column for the key of a row of it, or of its parent."""
    columns = {field.name: field for field in model._meta.concrete_fields}
    kind: Any = columns.get(path.content_type)
    is_kind = kind is not None and kind.is_relation and kind.related_model._meta.label == "contenttypes.ContentType"
    key: Any = columns.get(path.object_id)
    stays = key is not None and not (key.is_relation and key.remote_field.on_delete in (SET_NULL, SET_DEFAULT))
    return is_kind and stays
