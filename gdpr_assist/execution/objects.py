"""Anonymises whole objects: what their own table holds, and what multi-table parents and children hold of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from operator import itemgetter
from typing import Any

from django.db.models import Model, QuerySet

from ..conf import logs_anonymising
from ..copies.rows import copies, copying
from ..declaring.clauses import DELETED, FREE, Keep
from ..declaring.digits import known_key
from ..declaring.expressions import changing
from ..declaring.meta import all_rows
from ..log.writing import Erasure, as_part_of
from ..planning.links import linked
from ..planning.plans import Force, Plan
from ..planning.plans import plan as make_plan
from ..registry import registry
from ..signals import rows_anonymised
from ..switches import switched_off
from ..tables import EventLog, stored_key
from .claims import Claimed, all_claims
from .deleting import Deletion
from .effects import check_changed, references_kept
from .kept import keep
from .logged import note
from .marking import forget_notes, mark
from .refusals import explained_deletion, explained_refusals
from .run import Run
from .selection import rows_with
from .values import raise_explained
from .ways import way_of


def anonymise(plan: Plan, claimed: list[Claimed], run: Run, seen: set[type[Model]]) -> int:
    """Anonymise those rows that are not done, with ``force=True`` all; return their number.

    One object is all its tables: what multi-table parents and children declare of these rows is anonymised too, from
    the top down. ``seen`` are the models of the object that are under way or done.
    """
    _anonymise_parents(plan, [key for key, _ in claimed], run, seen)
    keys = run.begin(plan, [key for key, is_done in claimed if plan.force is True or not is_done])
    if keys:
        is_again = plan.force is True or None in map(itemgetter(1), claimed)
        _anonymise_own(plan, keys, run, is_again)
    _anonymise_children(plan, [key for key, _ in claimed], run, seen)
    return len(keys)


@contextmanager
def with_key(plan: Plan, run: Run) -> Iterator[None]:
    """Have new values computed by the database of the plan; with its key, which is there, where they take it."""
    with changing(plan.using), _known(plan, run):
        yield


def _known(plan: Plan, run: Run) -> AbstractContextManager[None]:
    if not plan.is_keyed:
        return nullcontext()
    identity = run.erasure.identity
    return known_key(bytes(identity.key), None if identity.scrub_key is None else bytes(identity.scrub_key))


def _anonymise_own(plan: Plan, keys: list[Any], run: Run, is_again: bool) -> None:
    """Anonymise what the plan's own model declares of the rows with these keys, and what is kept of them elsewhere."""
    rows = rows_with(plan.model, keys, plan.using)
    mark(plan, keys, rows)
    if is_again or plan.declaration.parts:  # else the rows had no marker
        forget_notes(plan, keys)
    kept_elsewhere = run.keepers.find(plan, rows)
    with with_key(plan, run), references_kept(plan, rows):
        check_changed(plan, rows, way_of(plan).change(plan, rows, run), len(keys))
    run.write_notes(plan)
    if plan.clears:
        clear(plan, keys, [stored_key(key) for key in keys])
    run.keepers.erase(kept_elsewhere)
    look = partial(erase_copies, plan.declaration.model, keys, part=plan.part)
    look(run=run, force=plan.force)
    look_again_later(run.erasure, plan.declaration.model, look, is_heard=plan.way.sends_signals)
    announce(plan, keys)
    if logs_anonymising():
        note(run.erasure, EventLog.EVENT_ANONYMISE, plan.declaration.model, keys, plan.part)


def clear(plan: Plan, keys: Any, texts: Any) -> None:
    """Delete what links the rows with these keys to others, by the many-to-many fields that are to be cleared.

    ``keys`` and ``texts``, the same as texts, are collections or queries.
    """
    for name in plan.clears:
        linked(plan.declaration.model._meta.get_field(name), keys, texts, plan.using).delete()


def erase_copies(
    model: type[Model], keys: list[Any], run: Run, *, part: str = "", force: Force = False, but: Collection[Any] = ()
) -> None:
    """Erase the rows that are copies of the rows of ``model`` with these keys, but those of the models ``but``.

    They are looked for after the rows have changed, so that what was copied while that happened is found. Of a part of
    the rows, a copy that has no such part goes whole.
    """
    if run.is_scrub:
        return  # which does all rows of all models
    with switched_off(run.erasure.using):
        for found in copies(model, keys, run.erasure.using):
            if found.model not in but:
                _erase_copies(found, run, part, force)


def look_again_later(erasure: Erasure, model: type[Model], look: Callable[..., None], *, is_heard: bool) -> None:
    """Have ``look`` called once more at the end: a receiver of a later row may copy one of these.

    ``is_heard`` says that code of the project has run by now.
    """
    erasure.is_heard |= is_heard
    if erasure.looks is not None and copying(model):
        erasure.looks.append(look)


def erase_late_copies(erasure: Erasure, copies: Counter[str]) -> None:
    """Erase the copies of rows of this erasure that were written after their turn; count them in ``copies``."""
    looks, erasure.looks = erasure.looks or [], None
    if erasure.is_heard and len(looks) > 1:  # else each was the last, and has seen all
        run = Run(erasure, copies=copies)
        for look in looks:
            look(run=run, force="refilled")


def _erase_copies(found: QuerySet[Any], run: Run, part: str, force: Force) -> None:
    declared = registry.declaration(found.model)
    clauses = declared.clauses
    if isinstance(clauses.on_erasure, Keep) or not declared.can_anonymise:
        keep(declared.label, found.count())
    elif clauses.on_erasure == DELETED:
        deletion = Deletion(found, retained=run.keepers.retained)
        deletion.read_keys()
        if not deletion.keys:
            return  # two models may each hold copies of whatever row
        erase_copies(declared.model, deletion.keys, run, force=force)  # while a path may lead over what goes
        with explained_deletion(declared.model, found.db), as_part_of({found.db: run.erasure}):
            deletion.run()
        run.copies[declared.label] += len(deletion.keys)
    else:
        own = part if part in declared.parts else FREE if FREE in declared.parts else ""
        plan = make_plan(found, force=force, part=own)
        with explained_refusals(plan):
            for claimed in all_claims(plan, run):
                run.copies[declared.label] += anonymise(plan, claimed, run, {declared.model})


def announce(plan: Plan, keys: list[Any]) -> None:
    """Tell who follows the rows; what a receiver raises undoes the batch."""
    try:
        rows_anonymised.send(sender=plan.declaration.model, keys=keys, using=plan.using)
    except Exception as error:  # noqa: BLE001  (whatever a project's code may raise)
        raise_explained(error, f"{plan.label}: a receiver of rows_anonymised")


def _anonymise_parents(plan: Plan, keys: list[Any], run: Run, seen: set[type[Model]]) -> None:
    """Anonymise what multi-table parents hold of these objects: a gift order is an order too."""
    parents = registry.parents(plan.declaration.model)
    for parent, link in parents:
        if parent not in seen:
            rows = all_rows(parent, plan.using).filter(pk__in=_linked(plan, link, keys))
            _anonymise_part(plan, rows, run, seen)
    if parents and plan.instance is not None:
        _read_inherited(plan, plan.instance)


def _linked(plan: Plan, link: Any, keys: list[Any]) -> list[Any]:
    """Return the keys of a parent's rows: those of the child, unless it is a second parent."""
    if link.primary_key:
        return keys
    rows = all_rows(plan.declaration.model, plan.using).filter(pk__in=keys)
    return list(rows.values_list(link.attname, flat=True))


def _read_inherited(plan: Plan, instance: Model) -> None:
    """Give the object in memory what its parents' tables hold by now."""
    names = [each.attname for each in instance._meta.concrete_fields if each.model is not plan.declaration.model]
    names = [name for name in names if name in instance.__dict__]
    inherited = all_rows(plan.declaration.model, plan.using).filter(pk=instance.pk).values(*names).first() or {}
    for name, value in inherited.items():
        setattr(instance, name, value)


def _anonymise_children(plan: Plan, keys: list[Any], run: Run, seen: set[type[Model]]) -> None:
    """Anonymise what multi-table children add to these rows: an order that is a gift order is one object."""
    for child, link in registry.children(plan.declaration.model):
        if child not in seen:
            _anonymise_part(plan, all_rows(child, plan.using).filter(**{f"{link.name}__in": keys}), run, seen)


def _anonymise_part(whole: Plan, rows: QuerySet[Any], run: Run, seen: set[type[Model]]) -> None:
    """Anonymise ``rows``, which are a part of the objects of ``whole`` in another table."""
    seen.add(rows.model)
    declared = registry.declaration(rows.model)
    if not declared.meta.can_anonymise:
        keep(declared.label, rows.count())
        return
    if whole.part and not declared.has_part(whole.part):
        return  # nothing of it is there
    if whole.part and isinstance(declared.clauses.on_erasure, Keep):
        keep(declared.label, rows.count())
        return
    rest = make_plan(rows, force=whole.force, part=whole.part, instead=whole.instead)
    for claimed in all_claims(rest, run):
        anonymise(rest, claimed, run, seen)
