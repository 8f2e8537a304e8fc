"""What a ``PrivacyMeta`` says of people, read into frozen values; raises no mistake of it and writes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .clauses import ANONYMISED, DELETED, SELF, Clauses, Generic, Identifier, Keep, Party, Path, PointedAtBy
from .meta import ERASE, PrivacyMeta
from .mistakes import Mistake
from .people_mistakes import people_mistakes


def read_clauses(meta: PrivacyMeta) -> tuple[Clauses, list[Mistake]]:
    """Return what ``meta`` says of people, and what is wrong with it. What is of a wrong type counts as not said."""
    mistakes: list[Mistake] = []
    paths, parties = _subject(meta, mistakes)
    on_erasure, kept = _on_erasure(meta, mistakes)
    clauses = Clauses(
        is_person=SELF in paths,
        paths=tuple(path for path in paths if path != SELF),
        parties=parties,
        identifiers=_identifiers(meta, mistakes),
        actors=tuple(dict.fromkeys(meta.actors)),
        on_erasure=on_erasure,
        kept=kept,
        copy_of=_copy_of(meta, mistakes),
        on_delete_of_subject=_on_delete(meta, mistakes),
    )
    if not mistakes:
        mistakes += people_mistakes(meta, clauses)
    return clauses, mistakes


def _subject(meta: PrivacyMeta, mistakes: list[Mistake]) -> tuple[list[Path], dict[str, Party]]:
    given: Any = meta.subject
    if given is None:
        return [], {}
    if isinstance(given, Mapping):
        if given and all(isinstance(path, str) and isinstance(party, Party) for path, party in given.items()):
            return list(given), dict(given)
    else:
        paths = given if isinstance(given, (list, tuple)) else [given]
        if paths and all(isinstance(path, str | Generic) and path for path in paths):
            return list(dict.fromkeys(paths)), {}
    mistakes.append(
        Mistake(
            "E043",
            f"{meta.model._meta.label}: PrivacyMeta.subject is no path to a person.",
            'Write subject = "customer", a list of paths, "self" for a model of which each row is a person, '
            "Generic(...), or a dict of Party objects.",
        )
    )
    return [], {}


def _identifiers(meta: PrivacyMeta, mistakes: list[Mistake]) -> dict[str, Identifier] | None:
    given: Any = meta.identifiers
    if given is None:
        return None
    try:
        if isinstance(given, Mapping) and all(isinstance(kind, str) and kind for kind in given):
            return {kind: each if isinstance(each, Identifier) else Identifier(each) for kind, each in given.items()}
    except TypeError:
        pass
    mistakes.append(
        Mistake(
            "E043",
            f"{meta.model._meta.label}: PrivacyMeta.identifiers is no dict of lookups by kind.",
            'Write identifiers = {"email": "email"}; {} says that rows of the model know nobody by a value.',
        )
    )
    return None


def _on_erasure(meta: PrivacyMeta, mistakes: list[Mistake]) -> tuple[Any, dict[str, Keep]]:
    given: Any = meta.on_erasure
    if isinstance(given, Keep) or given in (ANONYMISED, DELETED):
        return given, {}
    if isinstance(given, Mapping) and all(isinstance(each, Keep) or each == ANONYMISED for each in given.values()):
        return ANONYMISED, {name: each for name, each in given.items() if isinstance(each, Keep)}
    mistakes.append(
        Mistake(
            "E043",
            f"{meta.model._meta.label}: PrivacyMeta.on_erasure says nothing that can be done.",
            'Write on_erasure = "anonymise", "delete", Keep("the ground"), or {"field": Keep("the ground")}.',
        )
    )
    return ANONYMISED, {}


def _copy_of(meta: PrivacyMeta, mistakes: list[Mistake]) -> Path | PointedAtBy | None:
    given: Any = meta.copy_of
    if given is None or (isinstance(given, str | Generic | PointedAtBy) and given):
        return given
    mistakes.append(
        Mistake(
            "E043",
            f"{meta.model._meta.label}: PrivacyMeta.copy_of is no path to a row.",
            'Write copy_of = "order", Generic("content_type", "object_id"), or "history" for a model that '
            "django-simple-history or django-pghistory has made.",
        )
    )
    return None


def _on_delete(meta: PrivacyMeta, mistakes: list[Mistake]) -> bool:
    given: Any = meta.on_delete_of_subject
    if given is None or given == ERASE:
        return given is not None
    mistakes.append(
        Mistake(
            "E043",
            f"{meta.model._meta.label}: PrivacyMeta.on_delete_of_subject says nothing that can be done.",
            "Write on_delete_of_subject = None to leave rows as they are when the row of their person is deleted.",
        )
    )
    return True
