"""The entries of ``GDPR_SCRUB_RULES``: by the name of a field, or by its class. Knows no model."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.db.models import AutoField, Field, ForeignKey, ManyToManyField, Model
from django.template.defaultfilters import pluralize
from django.utils.module_loading import import_string

from ..conf import scrub_rules

# Of columns that cannot follow one rule: those above are counted
NAMED = 3

CURE = 'Write the name of a field, as "phone", or the dotted path of its class, as "django.db.models.EmailField".'


@dataclass(frozen=True)
class Rule:
    """One entry of the setting."""

    key: str
    """A name, or a class by its dotted path."""

    written: Any = field(repr=False)
    """None for the rule that each field has by its class."""

    is_by_name: bool = True

    def __str__(self) -> str:
        return f'GDPR_SCRUB_RULES["{self.key}"]'


@dataclass(frozen=True)
class Wrong:
    """What cannot be as it is written: a message, the cure, and the model that it is about."""

    message: str
    cure: str
    model: type[Model] | None = None


@dataclass(frozen=True)
class Unfollowed:
    """That a column cannot follow its rule."""

    rule: Rule
    why: str
    """Names the column."""

    cure: str
    """Where it is the only one."""

    model: type[Model]
    is_key: bool = False


@dataclass
class Rules:
    """What is written in the setting."""

    names: dict[str, Rule] = field(default_factory=dict)
    classes: dict[type, Rule] = field(default_factory=dict)
    mistakes: list[Wrong] = field(default_factory=list)
    unfollowed: list[Unfollowed] = field(default_factory=list)

    def of(self, column: Field[Any, Any]) -> Rule | None:
        return self.names.get(column.name) or self.classes.get(type(column))

    def unmatched(self, columns: Iterable[Field[Any, Any]]) -> list[str]:
        """Return the keys of which none of ``columns`` has the name or the class."""
        there: set[Any] = {key for column in columns for key in (column.name, type(column))}
        return [rule.key for key, rule in (*self.names.items(), *self.classes.items()) if key not in there]

    def wrong(self) -> list[Wrong]:
        """Return what is wrong; of columns that cannot follow one rule, all in one: many models have an ``id``."""
        by_rule: dict[str, list[Unfollowed]] = {}
        for each in self.unfollowed:
            by_rule.setdefault(each.rule.key, []).append(each)
        return [*self.mistakes, *map(_in_one, by_rule.values())]


def _in_one(unfollowed: list[Unfollowed]) -> Wrong:
    first, *others = unfollowed
    if not others:
        return Wrong(f"{first.rule}: {first.why}", first.cure, first.model)
    whys = " ".join(each.why for each in unfollowed[:NAMED])
    number = len(unfollowed) - NAMED
    more = f" And {number} more field{pluralize(number)}." if number > 0 else ""
    do, what = "Write another rule", "what becomes of it (replace), or that it stays (keep)"
    if all(each.is_key for each in unfollowed):
        do, what = "Take it out", "that it stays (keep)"
    return Wrong(
        f"{first.rule}: {whys}{more}",
        f"{do}, or say of each of these fields in the PrivacyMeta of its model {what}; models that are not registered "
        "may also be named in GDPR_NOT_PERSONAL.",
    )


def read_rules() -> Rules:
    """Return what is written, with what is wrong with it. Raises ``ImproperlyConfigured`` for what is no dict."""
    rules = Rules()
    for key, written in scrub_rules().items():
        if isinstance(key, str) and key.isidentifier():
            rules.names[key] = Rule(key, written)
            continue
        kind = _loaded(key)
        rule = Rule(key if isinstance(key, str) else _path(key), written, is_by_name=False)
        if not (isinstance(kind, type) and issubclass(kind, Field)):
            wrong = Wrong(f"{rule} is neither the name of a field nor the path of a class of fields.", CURE)
        elif issubclass(kind, (AutoField, ForeignKey, ManyToManyField)):
            wrong = Wrong(f"{rule} is a class of keys, which a scrub leaves as they are.", CURE)
        elif kind in rules.classes:
            wrong = Wrong(f"{rule} is the same class as {rules.classes[kind]}.", "Leave one of them.")
        else:
            rules.classes[kind] = rule
            continue
        rules.mistakes.append(wrong)
    return rules


def _loaded(key: Any) -> Any:
    try:
        return import_string(key) if isinstance(key, str) else key
    except (ImportError, ValueError, ImproperlyConfigured):
        return None


def _path(kind: Any) -> str:
    return f"{kind.__module__}.{kind.__qualname__}" if isinstance(kind, type) else str(kind)
