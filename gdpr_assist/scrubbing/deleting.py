"""Which tables a scrub empties instead of anonymising them, and what goes with their rows. Reads only.

A row that is deleted with its person, as a token is, may hold in its primary key what nobody may have.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Any

from django.db.models import Model, QuerySet
from django.template.defaultfilters import pluralize

from ..cascades import protecting, protectors_first, taken_with
from ..databases.presence import has_table
from ..databases.rows import batch_size, chunks, pages
from ..declaring.clauses import DELETED
from ..declaring.declaration import Declaration
from ..declaring.meta import all_rows
from ..exceptions import AnonymiseError
from ..execution.emptying import protected
from ..planning.plans import Plan
from ..registry import concrete, registry
from ..undocumented import collected_as_far, objects_of, unread_of
from .leaving import taken


def is_deleted(declared: Declaration) -> bool:
    """Return whether a scrub deletes the rows: those that an erasure deletes, but no person."""
    return declared.clauses.on_erasure == DELETED and not declared.clauses.is_person


def going_with(plan: Plan) -> list[type[Model]]:
    """Return the models of which rows may go by cascade with those of ``plan``."""
    return [each for each in taken_with(plan.declaration.model, is_certain=False) if has_table(each, plan.using)]


def in_order(plans: Iterable[Plan]) -> list[Plan]:
    """Return them with those that delete rows last, of these first what may protect others (PROTECT, RESTRICT)."""
    every = list(plans)
    deleting = [each.declaration.model for each in every if is_deleted(each.declaration)]
    order = protectors_first(dict.fromkeys(deleting))
    return sorted(every, key=lambda each: order.index(each.declaration.model) if is_deleted(each.declaration) else -1)


def check_cascades(plans: Iterable[Plan], left_out: Collection[str], emptied: Collection[type[Model]] = ()) -> None:
    """Raise ``AnonymiseError`` if rows that a scrub leaves would go with those that it deletes.

    ``left_out`` are labels of models that are left as they are, ``emptied`` models of which no row stays. Where no
    declaration leaves any, no row is read.
    """
    for plan in plans:
        for model, (rows, why) in _staying(plan, {label.lower() for label in left_out}).items():
            if model in emptied:
                continue
            if count := sum(rows.filter(pk__in=keys).count() for keys in _going(plan, model)):
                raise AnonymiseError(
                    f"{plan.label}: a scrub deletes its rows, and {count} row{pluralize(count)} of "
                    f"{model._meta.label} would go with them, which {pluralize(count, 'is,are')} {why}. Nothing was "
                    f"changed. Leave {plan.label} out too (PrivacyMeta.scrub, --exclude-model), or give the key that "
                    "cascades another on_delete."
                )


def check_protected(plans: Iterable[Plan], emptied: Iterable[type[Model]] = ()) -> None:
    """Raise ``AnonymiseError`` if a row that the scrub does not delete lets one go that it does (PROTECT).

    What RESTRICT does, or protects rows that go by cascade, is seen when the rows are deleted.
    """
    every = list(plans)
    deleted = {concrete(each.declaration.model) for each in every}.union(emptied)
    for plan in every:
        for key in protecting(plan.declaration.model):
            if concrete(key.model) not in deleted and has_table(key.model, plan.using):
                rows = all_rows(key.model, plan.using).filter(**{f"{key.name}__in": plan.rows()})
                if count := rows.count():
                    raise protected(plan, count, {key.model._meta.label})


def _staying(plan: Plan, left_out: set[str]) -> dict[type[Model], tuple[QuerySet[Any], str]]:
    """Return {model: (its rows that stay, why)} of those of which rows may go with ``plan``."""
    models = [plan.declaration.model, *going_with(plan)]
    found = {model: _why(model, plan.using, left_out) for model in models}
    return {model: each for model, each in found.items() if each}


def _why(model: type[Model], using: str, left_out: set[str]) -> tuple[QuerySet[Any], str] | None:
    every = all_rows(model, using)
    if model._meta.label_lower in left_out:
        return every, "left out (--exclude-model)"
    if model not in registry:
        return None
    declared = registry.declaration(model)
    if not declared.meta.can_anonymise:
        return every, "never scrubbed (can_anonymise = False)"
    if declared.clauses.is_person:
        return every, "people"
    if declared.clauses.grounds:
        return every, f"kept ({', '.join(declared.clauses.grounds)})"
    if declared.meta.scrub is not None:
        return every.exclude(pk__in=taken(model, using).order_by().values("pk")), "left by PrivacyMeta.scrub"
    return None


def _going(plan: Plan, model: type[Model]) -> Iterator[list[Any]]:
    """Yield the keys of the rows of ``model`` that go with those of ``plan``, as Django collects them."""
    rows, size = all_rows(plan.declaration.model, plan.using), batch_size(plan.using)
    for keys in pages(plan.rows().values_list("pk", flat=True), size, key=lambda key: key):
        collector, _ = collected_as_far(rows.filter(pk__in=keys))
        for each, instances in objects_of(collector).items():
            if concrete(each) is model:
                yield from chunks((instance.pk for instance in instances), size)
        for unread in unread_of(collector):
            if concrete(unread.model) is model:
                yield from chunks(unread.order_by().values_list("pk", flat=True), size)
