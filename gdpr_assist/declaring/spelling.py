"""What in a declaration has no meaning, but looks as if it were meant to have one; raises none and writes nothing."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable
from difflib import SequenceMatcher, get_close_matches
from typing import Any

from django.db.models import Model

from ..conf import privacy_class_name
from .meta import PrivacyMeta, personal_fields
from .mistakes import Mistake

PREFIX = "anonymise_"

KNOWN = frozenset(name for name in dir(PrivacyMeta) if not name.startswith("_")) | {"model"}

# Those that an inner class of another purpose may well have too
COMMON = frozenset(
    {"fields", "keep", "search_fields", "search", "export", "model", "bulk", "subject", "identifiers", "actors"}
    | {"purpose", "recipients", "replace"}
)

# What is said of erasing, before or after the name of a field
VERB = "(?:(?:an|pseud)onym[a-z]*?|anon|scrub|erase|redact)"

# From here on two names are taken for one that is misspelt. PrivacyMode and PrivacyMeta are at 0.82.
ALIKE = 0.85


def spelling_mistakes(meta: PrivacyMeta) -> Iterable[Mistake]:
    """Yield the attributes without a meaning that seem to say something about fields, and anonymisers of no field."""
    fields, called = _fields(meta.model), {f"{PREFIX}{name}" for name in personal_fields(meta)}
    for name in dir(meta):
        if name.startswith("_") or name in KNOWN | called:
            continue
        if meant := _meant(meta, name, fields):
            yield Mistake(
                "E019",
                f"{meta.model._meta.label}: PrivacyMeta.{name} has no meaning.",
                f"If {meant} is meant, correct it; else give it a name that is less alike, or begin it with _.",
            )
        elif _plain(name).startswith(_plain(PREFIX)) and callable(_static(meta, name)):
            field = name[len(PREFIX) :]
            yield Mistake(
                "W009",
                f"{meta.model._meta.label}: PrivacyMeta.{name} is never called: {field} is not in PrivacyMeta.fields.",
                f"Add {field} to fields, or correct the name of the method.",
            )


def resembles(name: str, written: type, model: type[Model]) -> str:
    """Return the number of the check that reports ``written``, an inner class of ``model``, or nothing.

    It is sure to be meant as a declaration (``"E028"``); it may be (``"W013"``); or it has another purpose.
    """
    if name == "Meta" or type(written) is not type or issubclass(written, BaseException):
        return ""  # forms, serializers and choices are not made by ``type`` itself
    public = {each for each in dir(written) if not each.startswith("_")}
    ours = {each for each in public if _plain(each) in map(_plain, KNOWN) or _plain(each).startswith(_plain(PREFIX))}
    is_alike = SequenceMatcher(None, _plain(name), _plain(privacy_class_name())).ratio() >= ALIKE
    is_about_people = re.search("privacy|privat|gdpr|personal|anonymi", _plain(name))
    is_sure = any(_plain(each) not in map(_plain, COMMON) for each in ours)
    if is_alike or is_sure or (ours and is_about_people):
        return "E028"
    fields = _fields(model)
    asked = public if is_about_people else ours
    if public - asked or not any(_named(_static(written, each), fields) for each in asked):
        return ""
    return "E028" if len(ours) > 1 else "W013"


def _meant(meta: PrivacyMeta, name: str, fields: dict[str, str]) -> str:
    """Return the attribute for which ``name`` may stand, or nothing if it is the project's own."""
    known = {_plain(each): each for each in KNOWN}
    value, plain = _static(meta, name), _plain(name)
    if not name.startswith(PREFIX) and (close := get_close_matches(plain, known, n=1, cutoff=0.8)):
        return known[close[0]]
    if plain in fields or callable(value):
        meant = _anonymiser_meant(name, plain, fields)
        return "" if meant in dir(meta) else meant  # a helper of the one that there is
    return "fields, keep or another list of PrivacyMeta" if _named(value, fields) else ""


def _anonymiser_meant(name: str, plain: str, fields: dict[str, str]) -> str:
    for field in fields:
        if plain == field or re.fullmatch(f"{VERB}{field}|{field}{VERB}", plain):
            return f"{PREFIX}{fields[field]}"
    methods = {f"{_plain(PREFIX)}{field}": field for field in fields}
    if not name.startswith(PREFIX) and (close := get_close_matches(plain, methods, n=1, cutoff=0.9)):
        return f"{PREFIX}{fields[methods[close[0]]]}"
    return ""


def _fields(model: type[Model]) -> dict[str, str]:
    named = [field.name for field in model._meta.get_fields() if field.concrete or not field.auto_created]
    return {_plain(name): name for name in named}


def _static(owner: Any, name: str) -> Any:
    """Return the attribute without asking a property for its value."""
    attribute = inspect.getattr_static(owner, name)
    return attribute.__func__ if isinstance(attribute, classmethod) else attribute


def _named(value: Any, fields: dict[str, str]) -> bool:
    """Whether ``value`` names fields: as a list of names of which one is, or as a text of such names alone."""
    if isinstance(value, str):
        words = re.findall(r"\w+", value)
        return bool(words) and all(_plain(word) in fields for word in words)
    return isinstance(value, Iterable) and any(isinstance(each, str) and _plain(each) in fields for each in value)


def _plain(name: str) -> str:
    """Return ``name`` in lower case, without ``_``, and in British spelling."""
    return re.sub("nymi[z]", "nymis", name.casefold().replace("_", ""))
