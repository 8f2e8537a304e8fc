"""What a search looks at, and why it has found a row: in words. Asks no database."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce
from typing import Any
from unicodedata import east_asian_width

from django.core.exceptions import FieldDoesNotExist
from django.db.models import Model
from django.db.models.constants import LOOKUP_SEP
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from ..declaring.declaration import Declaration
from ..declaring.meta import PrivacyMeta
from ..declaring.search import lookup_of, words_of
from ..paths import clauses_of
from ..phrases import Phrase, translated
from ..registry import registry
from ..subjects.acting import ACTED
from ..subjects.finding import BY
from ..subjects.shares import CASCADE

# The lookups by which a part of a value is enough
OF_PARTS = ("contains", "startswith", "endswith", "regex", "search", "trigram")

# What a phrase of how rows were found calls a lookup, or a key; and what it names itself, if a field has that name
LOOKUPS, NAMES = ("way", "key"), ("kind", "party")

# {how rows were found, as a command says it: as who knows no code reads it}
PLAIN = {
    # Translators: how rows were found; %(way)s names fields in quotes, as “customer” of “order”.
    BY: gettext_noop("through the field %(way)s"),
    # Translators: of rows about others; %(key)s is the name of a field in quotes, as “packed by”.
    ACTED: gettext_noop("linked to this person only by the field %(key)s"),
    # Translators: of rows that are deleted as they are part of a row that is
    CASCADE: gettext_noop("belonging to what is deleted"),
}

# Of rows that a generic key leads from, which is two fields and may lead to any model
# Translators: how rows were found
ATTACHED = Phrase(gettext_noop("attached to data of this person"))

# In columns: a letter of Chinese, Japanese or Korean, of which two are a whole name, has two.
SHORTEST_TERM = 3

# In characters, before and after what has matched
AROUND = 25


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of personal data, and what of it is searched."""

    name: str
    fields: list[str]


@dataclass(frozen=True, kw_only=True)
class Reason:
    """A field in which a term was found; nothing of its value where the field is another row's."""

    field: str
    before: str = ""
    matched: str = ""
    after: str = ""


def is_short(term: str) -> bool:
    """Whether a term is too short to search rows for it: only who is known by it is found."""
    return sum(2 if east_asian_width(letter) in "WF" else 1 for letter in term) < SHORTEST_TERM


def kinds(models: Iterable[type[Model]]) -> list[Kind]:
    """Return what is searched of each model, by name; with that of the app where two have one name."""
    names = {model: str(model._meta.verbose_name_plural) for model in models}
    counts = Counter(names.values())
    found = [
        Kind(
            name=name if counts[name] == 1 else f"{name} ({model._meta.app_config.verbose_name})",
            fields=_fields(model),
        )
        for model, name in names.items()
    ]
    return sorted(found, key=lambda kind: kind.name.casefold())


def reasons(declared: Declaration, instance: Model, term: str) -> list[Reason]:
    """Return where in a row the term was found; none where only the project's own ``search`` could tell."""
    lookups = [] if _has_own_search(declared) else [lookup_of(name) for name in declared.meta.search_fields or ()]
    names = list(dict.fromkeys(filter(None, (_column(declared.model, lookup) for lookup in lookups))))
    if not lookups:
        names = [name for name in declared.export_fields if _column(declared.model, name)]
    whole = re.compile(re.escape(term), re.IGNORECASE)
    words = re.compile("|".join(map(re.escape, words_of(term))) or r"(?!)", re.IGNORECASE)
    found = [each for each in (_reason(instance, name, whole) for name in names) if each]
    found = found or [each for each in (_reason(instance, name, words) for name in names) if each]
    return found or _elsewhere(declared.model, lookups)


def words_of_lookup(model: type[Model], lookup: str) -> str:
    """Return the names of the fields on the way of a lookup, as a user of the admin knows them."""
    return _of_owners(_names(model, lookup) or [lookup])


def way_in_words(model: type[Model], way: str) -> str:
    """Return how rows were found in the active language: "through the field “customer” of “order”", of a lookup."""
    return translated(_with_names(model, way))


def _with_names(model: type[Model], text: str) -> str:
    if not isinstance(text, Phrase):
        return text
    if text.pattern == BY and ", " in text.values["way"]:
        return ATTACHED
    values = {name: _value(model, name, value) for name, value in text.values.items()}
    return Phrase(PLAIN.get(text.pattern, text.pattern), **values)


def _value(model: type[Model], name: str, value: str) -> str:
    if isinstance(value, Phrase):
        return _with_names(model, value)
    if name in LOOKUPS:
        return _quoted(model, value)
    return words_of_lookup(model, value) if name in NAMES else value


def _quoted(model: type[Model], lookup: str) -> str:
    """Return "“customer” of “order”" for ``order__customer``; the lookup itself where it is the name of no field."""
    return _of_owners([_("“%(field)s”") % {"field": name} for name in _names(model, lookup) or [lookup]])


def _of_owners(names: list[str]) -> str:
    """Return "customer of order" for the names of ``order`` and, in its model, ``customer``."""
    return reduce(lambda owner, field: _("%(field)s of %(owner)s") % {"field": field, "owner": owner}, names)


def _names(model: type[Model], lookup: str) -> list[str]:
    found, current = [], model
    for part in lookup.split(LOOKUP_SEP):
        try:
            field: Any = current._meta.pk if part == "pk" else current._meta.get_field(part)
        except FieldDoesNotExist:  # a transform, or the name of the lookup
            break
        target = field.related_model
        # Django gives a generic key and the other end of a key no name of their own.
        named = getattr(field, "verbose_name", None) or (target._meta.verbose_name if target else part)
        found.append(str(named))
        if not field.is_relation or target is None:
            break
        current = target
    return found


def _fields(model: type[Model]) -> list[str]:
    declared = registry.declaration(model)
    if _has_own_search(declared):
        found = [_("what the site's own search looks at")]
    else:
        found = [_searched(model, lookup_of(name)) for name in declared.meta.search_fields or ()]
    known = (clauses_of(model).identifiers or {}).values()
    found += [words_of_lookup(model, lookup) for identifier in known for lookup in identifier.lookups]
    # A field of which a part is enough is not named again as one that is compared as a whole.
    return [name for name in dict.fromkeys(found) if _a_part(name) not in found]


def _searched(model: type[Model], lookup: str) -> str:
    words = words_of_lookup(model, lookup)
    return _a_part(words) if lookup.removesuffix("_simple").endswith(OF_PARTS) else words


def _a_part(words: str) -> str:
    return _("%(field)s (a part is enough)") % {"field": words}


def _has_own_search(declared: Declaration) -> bool:
    return type(declared.meta).search is not PrivacyMeta.search


def _column(model: type[Model], lookup: str) -> str:
    """Return the name of the row's own field that a lookup is about; empty for one of another row."""
    name = lookup.split(LOOKUP_SEP)[0]
    columns = {field.name for field in model._meta.concrete_fields if not field.is_relation}
    return str(model._meta.pk.name) if name == "pk" else name if name in columns else ""


def _reason(instance: Model, name: str, pattern: re.Pattern[str]) -> Reason | None:
    value = getattr(instance, name, None)
    found = pattern.search(text := str(value)) if value is not None else None
    if found is None or not found[0]:
        return None
    start, end = max(0, found.start() - AROUND), found.end() + AROUND
    return Reason(
        field=words_of_lookup(type(instance), name),
        before="…" * (start > 0) + text[start : found.start()],
        matched=found[0],
        after=text[found.end() : end] + "…" * (end < len(text)),
    )


def _elsewhere(model: type[Model], lookups: list[str]) -> list[Reason]:
    """Return the fields of other rows, or else of this one as its database compares them, of which one has matched."""
    others = [lookup for lookup in lookups if not _column(model, lookup)]
    return [Reason(field=name) for name in dict.fromkeys(words_of_lookup(model, each) for each in others or lookups)]
