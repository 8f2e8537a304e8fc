"""From a queryset or an instance to a ``Plan``: which rows, which columns, in which way. Writes nothing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property, reduce
from operator import and_
from typing import Any, Literal

from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import EmptyResultSet, FieldError, FullResultSet, ValidationError
from django.db import NotSupportedError, router
from django.db.models import Exists, Model, OuterRef, Q, QuerySet
from django.db.models.expressions import Col
from django.db.models.signals import post_save, pre_save
from django.dispatch import Signal

from .declaration import Change, Declaration
from .exceptions import AnonymiseError
from .meta import all_rows
from .placement import explained
from .registry import registry
from .rules import is_comparable, key_text
from .sensitive import sensitive
from .signals import post_anonymise, pre_anonymise
from .tables import PrivacyAnonymised

Mode = Literal["set", "mixed", "rows"]

OURS: dict[str, Signal] = {"pre_anonymise": pre_anonymise, "post_anonymise": post_anonymise}
SAVING: dict[str, Signal] = {"pre_save": pre_save, "post_save": post_save}

MODES: dict[Mode, str] = {
    "set": "one UPDATE for each batch of rows",
    "mixed": "in batches",
    "rows": "row by row",
}


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The rows to anonymise and the way to do it. ``str(plan)`` is what the admin and ``--dry-run`` print."""

    # What holds or finds rows is not printed: a traceback that shows variables must not show values.
    declaration: Declaration = field(repr=False)
    model: type[Model]
    """The class asked for: the registered model or a proxy of it. Signals are sent with it."""

    queryset: QuerySet[Any] = field(repr=False)
    """The rows, marked ones included."""

    using: str
    mode: Mode
    reason: str
    """Why row by row or through Python; empty for a set."""

    unheard: str = ""
    """Whose signals are not sent because ``PrivacyMeta.bulk`` says so: nothing is saved."""

    sends_signals: bool = True
    """Whether pre_anonymise and post_anonymise are sent."""

    force: bool = False
    """Whether rows that were anonymised before are anonymised again."""

    instance: Model | None = field(default=None, repr=False)
    """The object itself, where the plan is for one."""

    keys: tuple[Any, ...] | None = field(default=None, repr=False)
    """The primary keys, once they are read; see ``pinned``."""

    @property
    def label(self) -> str:
        return self.declaration.label

    @property
    def fields(self) -> tuple[str, ...]:
        return tuple(change.field.name for change in self.declaration.changes)

    @property
    def children(self) -> list[type[Model]]:
        """The registered multi-table children of the model, whose part of the rows is anonymised with them."""
        return [child for child, _ in registry.children(self.declaration.model) if _can_anonymise(child)]

    @property
    def parents(self) -> list[type[Model]]:
        """The registered multi-table parents of the model, whose part of the rows is anonymised with them."""
        return [parent for parent, _ in registry.parents(self.declaration.model) if _can_anonymise(parent)]

    @property
    def has_relatives(self) -> bool:
        """Whether an object may have a part in another registered table."""
        return bool(registry.children(self.declaration.model) or registry.parents(self.declaration.model))

    @property
    def descendants(self) -> list[type[Model]]:
        """Those children, and their own."""
        found = list(self.children)
        for model in found:
            found += [child for child, _ in registry.children(model) if _can_anonymise(child) and child not in found]
        return found

    @sensitive
    def count(self) -> int:
        """Return the number of rows, marked ones included."""
        return self.rows().count()

    def rows(self) -> QuerySet[Any]:
        """Return the rows, each once, whatever the queryset joins them with."""
        rows = all_rows(self.declaration.model, self.using)
        if self.keys is not None:
            return rows.filter(pk__in=self.keys)
        if not self.queryset.query.where:
            return rows
        if _are_of_the_row(self.queryset.query.where, self.queryset):
            rows.query.get_initial_alias()
            rows.query.where = self.queryset.query.where
            return rows
        return rows.filter(pk__in=self.queryset.order_by().values("pk"))

    def marked(self) -> QuerySet[Any]:
        """Return the rows that were anonymised before."""
        return self.rows().filter(has_marker(self.declaration.model, self.using))

    @cached_property
    def told(self) -> dict[str, Q]:
        """{name of a column: the condition that it holds its rule's value}, where that can be told.

        Not what a project's own anonymiser gave, the time, what is random, and what a field encrypts.
        """
        found = {change.field.name: _condition(change, self.using) for change in self.declaration.changes}
        return {name: condition for name, condition in found.items() if condition is not None}

    @property
    def untold(self) -> list[str]:
        """The columns of which nobody can tell whether they were filled again."""
        return [name for name in self.fields if name not in self.told]

    def computed(self) -> list[str]:
        """Return what markers note: names, by comma, of columns to which a save() gave another value than the rule."""
        notes = markers(self.declaration.model, self.using).exclude(computed=None)
        return sorted(filter(None, notes.order_by().values_list("computed", flat=True).distinct()))

    def refilled(self) -> QuerySet[Any]:
        """Return the marked rows that hold something again: those in which a rule's value is not there any more.

        A column that a project's ``save()`` computed when the row was anonymised cannot tell, in that row.
        """
        if not self.told:
            return self.rows().none()
        as_planned = reduce(and_, self.told.values())
        for note in self.computed():
            rest = [condition for name, condition in self.told.items() if name not in note.split(",")]
            as_planned |= reduce(and_, rest, Q(has_marker(self.declaration.model, self.using, computed=note)))
        return self.marked().exclude(as_planned)

    @sensitive
    def marks(self) -> tuple[int, int]:
        """Return how many rows were anonymised before, and how many of these were filled again since."""
        with explained(self.using):
            if not markers(self.declaration.model, self.using).exists():
                return 0, 0
            return self.marked().count(), self.refilled().count()

    @property
    def reads_keys_first(self) -> bool:
        """Whether all keys must be read before the first row is anonymised.

        Else a condition over other rows (``parent__name``) would change its mind when those are anonymised, and so
        might any where receivers run. A condition that compares a column of the row itself with a value cannot.
        """
        conditions = self.queryset.query.where
        return (
            self.keys is None
            and bool(conditions)
            and (self.sends_signals or not _are_of_the_row(conditions, self.queryset))
        )

    @sensitive
    def pinned(self) -> Plan:
        """Return the plan with its keys read: for the rows that match now, whatever happens to others."""
        if self.keys is not None:
            return self
        keys = self.queryset.order_by("pk").values_list("pk", flat=True)
        return replace(self, keys=tuple(dict.fromkeys(keys)))

    @sensitive
    def describe(self, *, with_marks: bool = True) -> str:
        """Return the plan in a line of plain words, with its numbers; ``with_marks`` with those of marked rows."""
        count = self.count()
        text = f"{self.label}: {count} row{'' if count == 1 else 's'}, {MODES[self.mode]}"
        if self.reason:
            text += f", because {self.reason}"
        if self.unheard:
            text += f"; {self.unheard}, which are not called, as PrivacyMeta.bulk is True"
        text += f"; fields: {', '.join(self.fields) or 'none'}"
        if self.parents:
            text += f"; with what {', '.join(each._meta.label for each in self.parents)} holds of them"
        if self.children:
            text += f"; with what {', '.join(each._meta.label for each in self.children)} add to them"
        return text + self._described_marks() if with_marks else text

    def _described_marks(self) -> str:
        marked, refilled = self.marks()
        text = ""
        if marked:
            text += f"; {marked} anonymised before, {'and now again' if self.force else 'left as they are'}"
        if refilled:
            text += f"; {refilled} of these refilled since"
            text += "" if self.force else ": anonymise them with force"
        if marked and self.untold:
            text += f"; whether {', '.join(self.untold)} was filled again cannot be told"
        return text

    __str__ = describe


@sensitive
def plan(target: QuerySet[Any] | Model, *, force: bool = False) -> Plan:
    """Return the plan to anonymise the rows of a queryset, or one instance, on the database alias they are from.

    Raises ``AnonymiseError`` if the model is not registered, cannot be anonymised, the instance is not saved, or the
    queryset is sliced, combined, or does not give model instances.
    """
    model = target.model if isinstance(target, QuerySet) else type(target)
    if model not in registry:
        raise AnonymiseError(f"{model._meta.label} is not registered: give it a PrivacyMeta.")
    declared = registry.declaration(model)
    declared.require_can_anonymise()
    if isinstance(target, QuerySet):
        return _plan(declared, model, _usable(target), target_alias(target), force, None)
    if target.pk is None or target._state.adding:
        raise AnonymiseError(f"{declared.label}: the object is not saved, so there is nothing to anonymise.")
    using = router.db_for_write(model, instance=target)  # as save() and delete() do
    queryset = all_rows(declared.model, using).filter(pk=target.pk)
    return _plan(declared, model, queryset, using, force, target)


def _plan(
    declared: Declaration,
    model: type[Model],
    queryset: QuerySet[Any],
    using: str,
    force: bool,
    instance: Model | None,
) -> Plan:
    return Plan(
        declaration=declared,
        model=model,
        queryset=queryset.using(using),
        using=using,
        force=force,
        instance=instance,
        keys=None if instance is None else (instance.pk,),
        **_mode(declared, model, instance),
    )


def target_alias(queryset: Any) -> str:
    """Return the alias that a write to ``queryset`` would go to."""
    alias: str = queryset._db or router.db_for_write(queryset.model, **queryset._hints)
    return alias


def markers(model: type[Model], using: str) -> QuerySet[PrivacyAnonymised]:
    return PrivacyAnonymised.objects.using(using).filter(content_type=content_type(model, using))


def marked_texts(model: type[Model], keys: Iterable[Any], using: str) -> set[str]:
    """Return which of ``keys``, as texts, carry a marker: for a page of rows."""
    there = markers(model, using).filter(object_id__in=[str(key) for key in keys])
    return set(there.values_list("object_id", flat=True))


def _condition(change: Change, using: str) -> Q | None:
    """Return the condition that a row holds what ``change`` gives, None if the database cannot tell."""
    made = change.replacement
    if made is None or made.holds is None:
        return None
    value = made.expression() if made.expression is not None else ""
    sample = "" if hasattr(value, "resolve_expression") else value
    if not is_comparable(change.field, sample, using):
        return None
    condition = made.holds(change.field.name)
    try:
        all_rows(change.field.model, using).filter(condition).query.get_compiler(using).as_sql()
    except (EmptyResultSet, FullResultSet):
        pass
    except (FieldError, NotSupportedError, NotImplementedError, TypeError, ValueError, ValidationError):
        return None  # a field of the project's without this lookup
    return condition


def has_marker(model: type[Model], using: str, **conditions: Any) -> Any:
    """Return the condition that a row of ``model`` carries a marker, one with these ``conditions``.

    Where SQL cannot tell (``key_text`` is None) all markers of the model are read now; for a page see
    ``marked_texts``.
    """
    text = key_text(model, OuterRef("pk"))
    if text is not None:
        # The second condition says nothing new. Without it PostgreSQL, which does not know how many markers an open
        # transaction has written, hashes all of them for each page of rows instead of looking 1,800 up.
        return Exists(markers(model, using).filter(object_id=text, object_id__gte=text, **conditions))
    to_python, found = model._meta.pk.to_python, markers(model, using).filter(**conditions)
    return Q(pk__in=[to_python(key) for key in found.values_list("object_id", flat=True)])


def content_type(model: type[Model], using: str) -> ContentType:
    with explained(using):
        return ContentType.objects.db_manager(using).get_for_model(model)


def _are_of_the_row(conditions: Any, queryset: QuerySet[Any]) -> bool:
    """Whether each of ``conditions`` compares a column of the row's own table with values."""
    table = queryset.query.get_initial_alias()
    return all(
        type(getattr(each, "lhs", None)) is Col and each.lhs.alias == table and _is_value(each.rhs)
        for each in conditions.leaves()
    )


def _is_value(operand: Any) -> bool:
    operands = operand if isinstance(operand, (list, tuple, set, frozenset)) else [operand]
    return not any(hasattr(each, "resolve_expression") for each in operands)


def _can_anonymise(model: type[Model]) -> bool:
    return registry.declaration(model).meta.can_anonymise


def _usable(queryset: Any) -> QuerySet[Any]:
    label, query = queryset.model._meta.label, queryset.query
    for found, what, cure in (
        (query.is_sliced, "a sliced queryset", "Filter by pk__in instead."),
        (query.combinator, "a combined queryset", "Filter with Q objects instead."),
        (query.distinct_fields, "a queryset with distinct(fields)", "Filter by pk__in instead."),
        (queryset._fields is not None, "a queryset of values()", "Leave values() out."),
    ):
        if found:
            raise AnonymiseError(f"{label}: {what} cannot be anonymised. {cure}")
    checked: QuerySet[Any] = queryset
    return checked


def _mode(declared: Declaration, model: type[Model], instance: Model | None) -> dict[str, Any]:
    """Return how the rows are anonymised: ``mode``, ``reason``, ``unheard`` and ``sends_signals`` of the plan."""
    bulk = declared.meta.bulk
    if instance is not None:
        return {"mode": "rows", "reason": "it is a single object"}
    if bulk is False:
        return {"mode": "rows", "reason": "its PrivacyMeta says bulk = False"}
    ours, saving = _watchers(model, OURS), _watchers(model, SAVING)
    if not bulk and ours + saving:
        return {"mode": "rows", "reason": "; ".join(ours + saving)}
    in_python = [change.field.name for change in declared.changes if not change.in_sql]
    reasons = [f"Python computes {', '.join(in_python)}"] if in_python else []
    return {
        "mode": "mixed" if ours + reasons else "set",
        "reason": "; ".join(ours + reasons),
        "unheard": "; ".join(saving),
        "sends_signals": bool(ours),
    }


def _watchers(model: type[Model], signals: dict[str, Signal]) -> list[str]:
    """Return a sentence for each of ``signals`` that has receivers for ``model``, with their names."""
    return [
        f"{name} has receivers: {', '.join(_names(signal, found))}"
        for name, signal in signals.items()
        if (found := _receivers(signal, model))
    ]


def _names(signal: Signal, receivers: list[Any]) -> list[str]:
    everywhere = _receivers(signal, object)  # nobody's sender: those that were connected without one
    return [_name(each) + (" (for every model)" if each in everywhere else "") for each in receivers]


def _receivers(signal: Signal, sender: type) -> list[Any]:
    live: Any = signal._live_receivers(sender)
    # From Django 5.0 on: those of synchronous code, and those of asynchronous code.
    return [*live[0], *live[1]] if isinstance(live, tuple) else live


def _name(receiver: Any) -> str:
    function = getattr(receiver, "func", receiver)  # of a functools.partial
    named = function if hasattr(function, "__qualname__") else type(function)
    return f"{named.__module__}.{named.__qualname__}"
