"""From a queryset or an instance to a ``Plan``: which rows, which columns, in which way. Writes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, reduce
from itertools import groupby
from operator import and_
from types import MappingProxyType
from typing import Any, Literal

from django.core.exceptions import EmptyResultSet, FieldError, FullResultSet, ValidationError
from django.db import NotSupportedError, connections, router
from django.db.models import BooleanField, Case, Model, Q, QuerySet, When

from ..databases.rows import pages, with_rows
from ..declaring.clauses import FREE
from ..declaring.declaration import Change, Declaration
from ..declaring.meta import all_rows
from ..declaring.rules import is_comparable
from ..exceptions import AnonymiseError
from ..registry import concrete, registry
from ..sensitive import sensitive
from ..undocumented import (
    alias_and_hints,
    compiled,
    gives_values,
    has_conditions,
    is_combined,
    is_distinct_on,
    is_sliced,
    only_own_columns,
    take_conditions,
)
from .links import has_links
from .markers import has_marker, is_marked, markers
from .ways import Way, choose_way

# Of a million keys, a client of MariaDB would hold all rows before Python has the first.
KEYS_PER_PAGE = 100_000

# Which rows that were anonymised before are anonymised again: all, or those that were filled again. The latter where
# nothing leads to them afterwards.
Force = bool | Literal["refilled"]

# {model: its declaration for the time of a scrub, with GDPR_SCRUB_RULES}
Instead = Mapping[type[Model], Declaration]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The rows to anonymise and the way to do it. Its numbers are another value: ``Preview``."""

    # What holds or finds rows is not printed: a traceback that shows variables must not show values.
    declaration: Declaration = field(repr=False)
    model: type[Model]
    """The class asked for: the registered model or a proxy of it. Signals are sent with it."""

    queryset: QuerySet[Any] = field(repr=False)
    """The rows, marked ones included."""

    using: str
    way: Way

    part: str = ""
    """The part of the rows that is anonymised, ``""`` for all of them."""

    force: Force = False
    """Whether rows that were anonymised before are anonymised again."""

    instance: Model | None = field(default=None, repr=False)
    """The object itself, where the plan is for one."""

    keys: tuple[Any, ...] | None = field(default=None, repr=False)
    """The primary keys, once they are read; see ``pinned``."""

    counts_marked: bool = False
    """Whether every marked row counts: one that a scrub has done may not match the queryset any more."""

    instead: Instead = field(default_factory=dict, repr=False)
    """What holds of other tables of the same objects, too, in the place of their declarations."""

    @property
    def label(self) -> str:
        return self.declaration.label

    @property
    def name(self) -> str:
        """The label of the model, with that of the part if it is one."""
        return f"{self.label} ({self.part})" if self.part else self.label

    @cached_property
    def changes(self) -> tuple[Change, ...]:
        return _changes(self.declaration, self.part, self.using)

    @property
    def is_keyed(self) -> bool:
        """Whether a new value takes the key of the database (``DatabaseIdentity.key``)."""
        return any(change.replacement is not None and change.replacement.is_keyed for change in self.changes)

    @property
    def takes_scrub_key(self) -> bool:
        """Whether a scrub of the rows has a key of its own (``DatabaseIdentity.scrub_key``)."""
        relatives = map(self.declared, registry.relatives(self.declaration.model))
        changes = (change for declared in relatives for change in declared.changes)
        return any(change.replacement is not None and change.replacement.takes_scrub_key for change in changes)

    def declared(self, model: type[Model]) -> Declaration:
        """Return what holds of ``model``, the plan's own or one of the same objects."""
        return self.declaration if model is self.declaration.model else _declared(model, self.instead)

    @property
    def fields(self) -> tuple[str, ...]:
        return tuple(change.field.name for change in self.changes)

    @property
    def ruled(self) -> list[str]:
        """Those of the fields that ``GDPR_SCRUB_RULES`` names."""
        return [name for name in self.fields if name in self.declaration.ruled]

    @property
    def clears(self) -> tuple[str, ...]:
        """The many-to-many fields of which the links go with the rows; with a part of them only if it is the rest."""
        return tuple(self.declaration.meta.clear) if self.part in ("", FREE) else ()

    @property
    def children(self) -> list[type[Model]]:
        """The registered multi-table children of the model, whose part of the rows is anonymised with them."""
        return [child for child, _ in registry.children(self.declaration.model) if self._can_anonymise(child)]

    @property
    def parents(self) -> list[type[Model]]:
        """The registered multi-table parents of the model, whose part of the rows is anonymised with them."""
        return [parent for parent, _ in registry.parents(self.declaration.model) if self._can_anonymise(parent)]

    @property
    def has_relatives(self) -> bool:
        """Whether an object may have a part in another registered table."""
        return bool(registry.children(self.declaration.model) or registry.parents(self.declaration.model))

    @property
    def descendants(self) -> list[type[Model]]:
        """Those children, and their own."""
        descendants = list(self.children)
        for model in descendants:
            children = (child for child, _ in registry.children(model) if self._can_anonymise(child))
            descendants += [child for child in children if child not in descendants]
        return descendants

    @sensitive
    def count(self) -> int:
        """Return the number of rows, marked ones included."""
        return self._counted().count()

    def _counted(self) -> QuerySet[Any]:
        if not (self.counts_marked and has_conditions(self.queryset)):
            return self.rows()
        marked = all_rows(self.declaration.model, self.using).filter(self._is_marked())
        return self.rows() | marked

    def _is_marked(self) -> Any:
        return is_marked(self.declaration, self.using, self.part)

    @property
    def is_for_all(self) -> bool:
        """Whether it is for every row of the table."""
        return self.keys is None and not has_conditions(self.queryset)

    @property
    def is_told_by_row(self) -> bool:
        """Whether columns of a row itself say if it is one of the rows."""
        return self.keys is None and _are_of_the_row(self.queryset)

    def rows(self) -> QuerySet[Any]:
        """Return the rows, each once, whatever the queryset joins them with."""
        rows = all_rows(self.declaration.model, self.using)
        if self.keys is not None:
            return rows.filter(pk__in=self.keys)
        if not has_conditions(self.queryset):
            return rows
        if self.is_told_by_row:
            take_conditions(rows, self.queryset)
            return rows
        return rows.filter(pk__in=self.queryset.order_by().values("pk"))

    def marked(self) -> QuerySet[Any]:
        """Return the rows that were anonymised before."""
        return self._counted().filter(self._is_marked())

    @property
    def does_all(self) -> bool:
        """Whether every marked row is anonymised again: also where nobody can tell which of them were filled again."""
        return self.force is True or bool(self.force and self.untold)

    def is_done(self) -> Any:
        """Return the condition that a row was anonymised before; unknown (NULL) if it is to be done again as refilled.

        The database looks at the columns only where there is a marker.
        """
        if self.force != "refilled" or not (self.changes or self.clears):
            return self._is_marked()
        holds = [] if self.untold else [When(self._still_holds(), then=True)]
        return Q(self._is_marked()) & Q(Case(*holds, default=None, output_field=BooleanField()))

    def done(self) -> QuerySet[Any]:
        """Return the rows that are left as they are."""
        return self._counted().none() if self.does_all else self._counted().filter(self.is_done())

    @cached_property
    def told(self) -> dict[str, Q]:
        """{name of a column: the condition that it holds its rule's value}, where that can be told.

        Not what a project's own anonymiser gave, the time, what is random, and what a field encrypts.
        """
        conditions = {change.field.name: _condition(change, self.using) for change in self.changes}
        return {name: condition for name, condition in conditions.items() if condition is not None}

    @property
    def untold(self) -> list[str]:
        """The columns of which nobody can tell whether they were filled again."""
        return [name for name in self.fields if name not in self.told]

    def computed(self) -> list[str]:
        """Return what markers note: names, by comma, of columns to which a save() gave another value than the rule."""
        notes = markers(self.declaration.model, self.using, self.part or None).exclude(computed=None)
        return sorted(filter(None, notes.order_by().values_list("computed", flat=True).distinct()))

    def refilled(self, computed: Sequence[str] | None = None) -> QuerySet[Any]:
        """Return the marked rows that hold something again: those in which a rule's value is not there any more.

        So do those that are linked again by a field that was cleared.
        A column that a project's ``save()`` computed when the row was anonymised cannot tell, in that row: see
        ``computed()``, which is read unless it is given.
        """
        if not (self.told or self.clears):
            return self.rows().none()
        return self.marked().exclude(self._still_holds(self.computed() if computed is None else computed))

    def _still_holds(self, computed: Sequence[str] | None = None) -> Q:
        """Return the condition that no column, and no link, can tell that the row was filled again."""
        holds = [condition | self._is_noted(name, computed) for name, condition in self.told.items()]
        holds += [~Q(has_links(self.declaration.model._meta.get_field(name), self.using)) for name in self.clears]
        return reduce(and_, holds, Q())

    def _is_noted(self, name: str, computed: Iterable[str] | None) -> Q:
        """Return the condition that a marker of the row, of whichever part, notes the column ``name``."""
        if computed is None:
            noted: dict[str, Any] = {"computed__regex": f"(^|,){name}(,|$)"}
        elif those := [note for note in computed if name in note.split(",")]:
            noted = {"computed__in": those}
        else:
            return Q()
        return Q(has_marker(self.declaration.model, self.using, self.part or None, **noted))

    @property
    def reads_keys_first(self) -> bool:
        """Whether all keys must be read before the first row is anonymised.

        Else a condition over other rows (``parent__name``) would change its mind when those are anonymised, and so
        might any where receivers run. A condition that compares a column of the row itself with a value cannot.
        """
        return (
            self.keys is None
            and has_conditions(self.queryset)
            and (self.way.sends_signals or not _are_of_the_row(self.queryset))
        )

    @sensitive
    def pinned(self) -> Plan:
        """Return the plan with its keys read: for the rows that match now, whatever happens to others."""
        if self.keys is not None:
            return self
        rows = self.queryset.values_list("pk", flat=True)
        # A queryset that joins may give a key several times, one after the other.
        keys = (key for page in pages(rows, KEYS_PER_PAGE, key=lambda key: key) for key, _ in groupby(page))
        return replace(self, keys=tuple(keys))

    def described(self, rows: str = "") -> str:
        """Return it in a line of plain words, with what is said of its ``rows``. Asks no database."""
        text = f"{self.name}: {rows}{self.way}; fields: {', '.join(self.fields) or 'none'}"
        if self.ruled:
            text += f"; by GDPR_SCRUB_RULES: {', '.join(self.ruled)}"
        if self.clears:
            text += f"; links that go: {', '.join(self.clears)}"
        if self.parents:
            text += f"; with what {', '.join(each._meta.label for each in self.parents)} holds of them"
        if self.children:
            text += f"; with what {', '.join(each._meta.label for each in self.children)} add to them"
        return text

    def __str__(self) -> str:
        relatives = registry.relatives(self.declaration.model)
        kept = ", ".join(each._meta.label for each in relatives if not self._can_anonymise(each))
        return self.described() + (f"; what {kept} holds of them stays (can_anonymise = False)" if kept else "")

    def _can_anonymise(self, model: type[Model]) -> bool:
        return self.declared(model).meta.can_anonymise


@sensitive
def plan(
    target: QuerySet[Any] | Model, *, force: Force = False, part: str = "", instead: Instead = MappingProxyType({})
) -> Plan:
    """Return the plan to anonymise the rows of a queryset, or one instance, on the database alias they are from.

    ``part`` is the part of the rows that is anonymised, by default all. What holds in the place of a declaration is in
    ``instead``, which may have models that are not registered. Raises ``AnonymiseError`` if the model is not
    registered, cannot be anonymised, has no such part, the instance is not saved, or the queryset is sliced, combined,
    or does not give model instances.
    """
    model = target.model if isinstance(target, QuerySet) else type(target)
    if model not in registry and concrete(model) not in instead:
        raise AnonymiseError(f"{model._meta.label} is not registered: give it a PrivacyMeta.")
    declared = _declared(model, instead)
    declared.require_can_anonymise()
    if part and not declared.has_part(part):
        raise AnonymiseError(f"{declared.label} has no part {part!r}; it has {', '.join(declared.parts) or 'none'}.")
    if isinstance(target, QuerySet):
        return _plan(declared, model, _usable(target), target_alias(target), force, part, None, instead)
    if target.pk is None or target._state.adding:
        raise AnonymiseError(f"{declared.label}: the object is not saved, so there is nothing to anonymise.")
    using = router.db_for_write(model, instance=target)  # as save() and delete() do
    queryset = all_rows(declared.model, using).filter(pk=target.pk)
    return _plan(declared, model, queryset, using, force, part, target, instead)


def _plan(
    declared: Declaration,
    model: type[Model],
    queryset: QuerySet[Any],
    using: str,
    force: Force,
    part: str,
    instance: Model | None,
    instead: Instead,
) -> Plan:
    return Plan(
        declaration=declared,
        model=model,
        queryset=queryset.using(using),
        using=using,
        part=part,
        force=force,
        instance=instance,
        keys=None if instance is None else (instance.pk,),
        way=choose_way(declared, model, _changes(declared, part, using), is_one_object=instance is not None),
        instead=instead,
    )


def _changes(declared: Declaration, part: str, using: str) -> tuple[Change, ...]:
    return tuple(change.on(connections[using]) for change in declared.changes_of(part))


def all_pinned(plans: Iterable[Plan]) -> list[Plan]:
    """Return ``plans`` with their keys read. Of several, one statement says which have rows at all."""
    plans = list(plans)
    unread = [each for each in plans if each.keys is None]
    if len(unread) < 2:
        return [each.pinned() for each in plans]
    there = iter(with_rows([each.queryset for each in unread]))
    return [each.pinned() if each.keys is not None or next(there) else replace(each, keys=()) for each in plans]


def target_alias(queryset: Any) -> str:
    """Return the alias that a write to ``queryset`` would go to."""
    alias, hints = alias_and_hints(queryset)
    return alias or str(router.db_for_write(queryset.model, **hints))


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
        compiled(all_rows(change.field.model, using).filter(condition), using)
    except (EmptyResultSet, FullResultSet):
        pass
    except (FieldError, NotSupportedError, NotImplementedError, TypeError, ValueError, ValidationError):
        return None  # a field of the project's without this lookup
    return condition


def _are_of_the_row(queryset: QuerySet[Any]) -> bool:
    """Whether each of its conditions compares a column of the row's own table with values."""
    return all(operand is not None and _is_value(operand) for operand in only_own_columns(queryset))


def _is_value(operand: Any) -> bool:
    operands = operand if isinstance(operand, (list, tuple, set, frozenset)) else [operand]
    return not any(hasattr(each, "resolve_expression") for each in operands)


def _declared(model: type[Model], instead: Instead) -> Declaration:
    return instead.get(concrete(model)) or registry.declaration(model)


def _usable(queryset: Any) -> QuerySet[Any]:
    label = queryset.model._meta.label
    for is_so, what, cure in (
        (is_sliced(queryset), "a sliced queryset", "Filter by pk__in instead."),
        (is_combined(queryset), "a combined queryset", "Filter with Q objects instead."),
        (is_distinct_on(queryset), "a queryset with distinct(fields)", "Filter by pk__in instead."),
        (gives_values(queryset), "a queryset of values()", "Leave values() out."),
    ):
        if is_so:
            raise AnonymiseError(f"{label}: {what} cannot be anonymised. {cure}")
    checked: QuerySet[Any] = queryset
    return checked
