"""What there is to scrub in a copy; which rows, on which databases. Writes nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from types import MappingProxyType

from django.apps import apps
from django.db import router
from django.db.models import Model

from ..databases.aliases import data_aliases, mirrored, twin
from ..databases.presence import has_table
from ..declaring.declaration import Declaration
from ..declaring.meta import all_rows
from ..exceptions import AnonymiseError
from ..planning.plans import Instead, Plan, plan
from ..registry import concrete, registry
from ..tables import Scrub
from .deleting import in_order, is_deleted
from .leaving import taken
from .to_empty import NOTHING_TO_EMPTY, Chosen


def never_scrubbed() -> list[Declaration]:
    """Return the declarations whose rows are personal and stay: ``can_anonymise`` is False."""
    return [declared for declared in registry if not declared.meta.can_anonymise]


def never_scrubbed_rows(databases: Iterable[str], emptied: Iterable[type[Model]]) -> Iterator[tuple[str, str, int]]:
    """Yield (alias, label, rows) of those of them that have any on these databases, and are not ``emptied``."""
    but = set(emptied)
    for declared in (each for each in never_scrubbed() if each.model not in but):
        for using in databases:
            if _is_on(declared, using) and (count := all_rows(declared.model, using).count()):
                yield using, declared.label, count


def chosen(
    only: Iterable[str] = (),
    but: Iterable[str] = (),
    emptied: Chosen = NOTHING_TO_EMPTY,
    instead: Instead = MappingProxyType({}),
) -> list[Declaration]:
    """Return the declarations of the models labelled ``only``, by default of all, without those labelled ``but``.

    What is in ``instead`` takes their place, or stands beside them. Multi-table children go with their parents.
    ``emptied`` are none of them, but then none may be left. Raises ``AnonymiseError`` for a label of no model that is
    scrubbed, of a child, and of a model that says ``can_anonymise = False``; for a label in both; and if no model is
    left.
    """
    every = {each.model: each for each in registry} | dict(instead)
    candidates = [each for each in every.values() if each.meta.can_anonymise and each.model not in emptied.every]
    labelled = {each.model for each in candidates}
    roots = [each for each in candidates if not any(parent in labelled for parent, _ in registry.parents(each.model))]
    labels = {declared.label.lower() for declared in roots}
    choices = [each.model for each in roots] + emptied.choices
    unknown = [label for label in (*only, *but) if label.lower() not in labels]
    if refusals := [_refusal(label, choices, has_rules=bool(instead)) for label in unknown]:
        raise AnonymiseError(
            f"{' '.join(dict.fromkeys(refusals))} Models to choose from: "
            f"{', '.join(sorted(each._meta.label for each in choices))}."
        )
    without = {label.lower() for label in but}
    if both := [label for label in only if label.lower() in without]:
        raise AnonymiseError(f"{', '.join(both)}: chosen with --model and left out with --exclude-model. Say one.")
    wanted = ({label.lower() for label in only} or labels) - without
    if not wanted and not emptied.models:
        raise AnonymiseError("No model is left: none is registered that can be anonymised, or all are left out.")
    return [each for each in roots if each.label.lower() in wanted]


def _refusal(label: str, choices: list[type[Model]], *, has_rules: bool) -> str:
    """Return why ``label`` is that of none of ``choices``."""
    try:
        model = apps.get_model(label)
    except (LookupError, ValueError):
        return f"There is no model {label}."
    name = model._meta.label
    if model not in registry:
        also = ", and GDPR_SCRUB_RULES is about no column of it" if has_rules else ""
        return f"{name} is not registered: it has no PrivacyMeta{also}."
    if model._meta.proxy:
        return f"{name} is a proxy: choose {concrete(model)._meta.label}, whose rows it shows."
    if not registry.declaration(model).meta.can_anonymise:
        return f"{name} is never scrubbed: its PrivacyMeta says can_anonymise = False."
    parents = [each._meta.label for each in choices if issubclass(model, each)]
    return f"{name} is a multi-table child, and goes with its parent: choose {', '.join(parents)}."


def plans(
    databases: Iterable[str] | None = None,
    *,
    only: Iterable[str] = (),
    but: Iterable[str] = (),
    children: bool = False,
    emptied: Chosen = NOTHING_TO_EMPTY,
    beside: Collection[str] = (),
    instead: Instead = MappingProxyType({}),
) -> list[Plan]:
    """Return a plan for each chosen model and alias that holds its table: every row, anonymised before or not.

    Without the rows that a scrub leaves: see ``leaving.taken``. Those of which it deletes the rows come last.

    The aliases are ``databases``, by default all but the log. Those of ``beside`` may have none of the tables.
    ``children`` asks for plans of the multi-table children too, which else go with their parents. Of ``emptied``
    models there is no plan, and they may be all. ``instead`` takes the place of declarations: see ``chosen``.

    Raises ``AnonymiseError`` if one of ``databases``, or all, hold none of the tables; if none holds that of a model;
    if one cannot be anonymised as it is declared; and as ``data_aliases`` and ``chosen`` do.
    """
    only, databases = list(only), list(databases or ())
    aliases = data_aliases(databases)
    roots = chosen(only, list(but), emptied, instead)
    if emptied.is_all or not roots:
        return []
    models = _with_children(roots, instead)
    tables = {using: [each for each in models if _is_on(each, using)] for using in aliases}
    _check_none_is_empty(tables, databases, beside)
    _check_none_is_missing(tables, models, roots if only else [])
    planned = [each for each in models if children or each in roots or is_deleted(each)]
    return in_order(
        plan_of(declared.model, using, instead)
        for using, on_alias in _once(tables).items()
        for declared in planned
        if declared in on_alias
    )


def plan_of(model: type[Model], using: str, instead: Instead) -> Plan:
    """Return the plan to scrub the table of ``model``; of what is not declared, all rows."""
    rows = taken(model, using) if model in registry else all_rows(model, using)
    return plan(rows, force=True, instead=instead)


def _once(tables: dict[str, list[Declaration]]) -> dict[str, list[Declaration]]:
    """Leave out what is on an alias of a database that has another alias with the same tables."""
    once: dict[str, list[Declaration]] = {}
    for using in sorted(tables, key=lambda using: mirrored(using) in tables):
        left = tables[using]
        while left and (other := twin(using, [alias for alias in once if any(one in once[alias] for one in left)])):
            left = [declared for declared in left if declared not in once[other]]
        once[using] = left
    return {using: once[using] for using in tables}


def _with_children(roots: list[Declaration], instead: Instead) -> list[Declaration]:
    models = list(roots)
    for declared in models:
        found = [child for child, _ in registry.children(declared.model)]
        children = [instead.get(child) or registry.declaration(child) for child in found]
        models += [child for child in children if child.meta.can_anonymise and child not in models]
    return models


def _may_be_on(declared: Declaration, using: str) -> bool:
    return bool(router.allow_migrate_model(using, declared.model))


def _is_on(declared: Declaration, using: str) -> bool:
    return _may_be_on(declared, using) and has_table(declared.model, using)


def _check_none_is_empty(tables: dict[str, list[Declaration]], databases: list[str], beside: Collection[str]) -> None:
    """Refuse an alias without any of the tables, unless nobody asked for it and there are others that have some."""
    for using, on_alias in tables.items():
        if not on_alias and using not in beside and (using in databases or not any(tables.values())):
            raise AnonymiseError(
                f"{using}: none of the tables of the chosen models is there. It is empty, or the wrong database, or "
                f"routers allow none of them on it. Correct its entry in DATABASES, migrate it (migrate "
                f"--database={using}), or choose the databases with --database."
            )


def _check_none_is_missing(
    tables: dict[str, list[Declaration]], models: list[Declaration], named: list[Declaration]
) -> None:
    """Refuse a model without a table; not one that routers keep on aliases which were not chosen, unless named."""
    elsewhere = set(data_aliases()) - set(tables)
    missing = [
        each.label
        for each in models
        if not any(each in on_alias for on_alias in tables.values())
        and (
            each in named
            or any(_may_be_on(each, using) for using in tables)
            or not any(_may_be_on(each, using) for using in elsewhere)
        )
    ]
    if missing:
        raise AnonymiseError(
            f"No table of {', '.join(missing)} is on {', '.join(tables)}. Migrate, or correct DATABASES, or choose "
            "the databases with --database; leave out with --exclude-model what has no table."
        )


def interrupted(plans: Iterable[Plan]) -> dict[tuple[str, str], datetime]:
    """Return when the runs that these plans go on with were started: {(alias, label of the model): time}."""
    labels: dict[str, list[str]] = {}
    for each in plans:
        labels.setdefault(each.using, []).append(each.label)
    return {
        (using, scrub.label): scrub.started
        for using, theirs in labels.items()
        for scrub in Scrub.objects.using(using).filter(label__in=theirs)
    }


def noted(using: str) -> list[str]:
    """Return the labels of the models on ``using`` of which a run has not come to its end."""
    return list(Scrub.objects.using(using).order_by("label").values_list("label", flat=True))
