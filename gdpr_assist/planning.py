"""From a queryset or an instance to a ``Plan``: which rows, which columns, in which way. Writes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import reduce
from itertools import islice
from operator import and_
from typing import Any, Literal

from django.contrib.contenttypes.models import ContentType
from django.db import connections, router
from django.db.models import Exists, Model, OuterRef, QuerySet
from django.db.models.signals import post_save, pre_save

from .declaration import Declaration, all_rows
from .exceptions import AnonymiseError
from .registry import registry
from .rules import key_text
from .signals import post_anonymise, pre_anonymise
from .tables import PrivacyAnonymised

Mode = Literal["set", "mixed", "rows"]

LARGEST_BATCH = 2000

WATCHED = {
    "pre_anonymise": pre_anonymise,
    "post_anonymise": post_anonymise,
    "pre_save": pre_save,
    "post_save": post_save,
}

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
        return [
            child
            for child in registry.children(self.declaration.model)
            if registry.declaration(child).meta.can_anonymise
        ]

    def count(self) -> int:
        """Return the number of rows, marked ones included."""
        return self.rows().count()

    def rows(self) -> QuerySet[Any]:
        """Return the rows, each once, whatever the queryset joins them with."""
        rows = all_rows(self.declaration.model, self.using)
        if self.keys is not None:
            return rows.filter(pk__in=self.keys)
        return rows.filter(pk__in=self.queryset.order_by().values("pk")) if self.queryset.query.where else rows

    def marked(self) -> QuerySet[Any]:
        """Return the rows that were anonymised before."""
        return marked(self.rows(), self.using)

    def refilled(self) -> QuerySet[Any]:
        """Return the marked rows that hold something again: those in which a rule's value is not there any more.

        Only rules that always give the same value can tell; the project's own anonymisers and times cannot.
        """
        conditions = [
            change.replacement.holds(change.field.name)
            for change in self.declaration.changes
            if change.replacement and change.replacement.holds
        ]
        return self.marked().exclude(reduce(and_, conditions)) if conditions else self.rows().none()

    def batches(self) -> Iterator[list[Any]]:
        """Yield the primary keys in batches.

        All keys are read before the first batch is given out: a condition over other rows (``parent__name``) must not
        change its mind because those were anonymised. Only a queryset without any condition is read range by range.
        """
        size = batch_size(self.using)
        if self.keys is None and not self.queryset.query.where:
            yield from ranges(self.rows(), size)
        else:
            yield from chunks(self.pinned().keys or (), size)

    def pinned(self) -> Plan:
        """Return the plan with its keys read: for the rows that match now, whatever happens to others."""
        if self.keys is not None:
            return self
        keys = self.queryset.order_by("pk").values_list("pk", flat=True)
        return replace(self, keys=tuple(dict.fromkeys(keys)))

    def describe(self) -> str:
        """Return the plan in a line of plain words, with its numbers."""
        count, marked_count, refilled = (
            self.count(),
            self.marked().count(),
            self.refilled().count(),
        )
        text = f"{self.label}: {count} row{'' if count == 1 else 's'}, {MODES[self.mode]}"
        if self.reason:
            text += f", because {self.reason}"
        text += f"; fields: {', '.join(self.fields) or 'none'}"
        if self.children:
            text += f"; with what {', '.join(child._meta.label for child in self.children)} add to them"
        if marked_count:
            again = "again" if self.force else "left as they are"
            text += f"; {marked_count} anonymised before, {again}"
        if refilled:
            text += f"; {refilled} of these refilled since"
            text += "" if self.force else ": anonymise them with force"
        return text

    __str__ = describe


def plan(target: QuerySet[Any] | Model, *, force: bool = False) -> Plan:
    """Return the plan to anonymise the rows of a queryset, or one instance, on the database alias they are from.

    Raises ``AnonymiseError`` if the model is not registered, cannot be anonymised, the instance is not saved, or the
    queryset is sliced, combined, or does not give model instances.
    """
    model = target.model if isinstance(target, QuerySet) else type(target)
    if model not in registry:
        raise AnonymiseError(f"{model._meta.label} is not registered: give it a PrivacyMeta.")
    declared = registry.declaration(model)
    declared.check_can_anonymise()
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
    mode, reason = _mode(declared, model, instance)
    return Plan(
        declaration=declared,
        model=model,
        queryset=queryset.using(using),
        using=using,
        mode=mode,
        reason=reason,
        force=force,
        instance=instance,
        keys=None if instance is None else (instance.pk,),
    )


def target_alias(queryset: Any) -> str:
    """Return the alias that a write to ``queryset`` would go to."""
    alias: str = queryset._db or router.db_for_write(queryset.model, **queryset._hints)
    return alias


def marked(queryset: QuerySet[Any], using: str) -> QuerySet[Any]:
    """Return the rows of ``queryset`` that carry a marker."""
    markers = PrivacyAnonymised.objects.using(using).filter(content_type=content_type(queryset.model, using))
    text = key_text(queryset.model, OuterRef("pk"))
    if text is not None:
        return queryset.using(using).filter(Exists(markers.filter(object_id=text)))
    to_python = queryset.model._meta.pk.to_python
    return queryset.using(using).filter(pk__in=[to_python(key) for key in markers.values_list("object_id", flat=True)])


def content_type(model: type[Model], using: str) -> ContentType:
    return ContentType.objects.db_manager(using).get_for_model(model)


def batch_size(using: str) -> int:
    return min(LARGEST_BATCH, connections[using].features.max_query_params or LARGEST_BATCH) * 9 // 10


def chunks(keys: Iterable[Any], size: int) -> Iterator[list[Any]]:
    iterator = iter(keys)
    while chunk := list(islice(iterator, size)):
        yield chunk


def ranges(queryset: QuerySet[Any], size: int) -> Iterator[list[Any]]:
    """Yield the keys of ``queryset`` in ascending batches, each read when it is asked for."""
    keys = queryset.order_by("pk").values_list("pk", flat=True)
    batch = list(keys[:size])
    while batch:
        yield batch
        batch = list(keys.filter(pk__gt=batch[-1])[:size])


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


def _mode(declared: Declaration, model: type[Model], instance: Model | None) -> tuple[Mode, str]:
    if instance is not None:
        return "rows", "it is a single object"
    for name, signal in WATCHED.items():
        if signal.has_listeners(model):
            return "rows", f"{name} has receivers"
    in_python = [change.field.name for change in declared.changes if not change.in_sql]
    return ("mixed", f"Python computes {', '.join(in_python)}") if in_python else ("set", "")
