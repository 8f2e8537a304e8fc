"""What there is to scrub in a copy; which rows, on which databases. Writes through ``execution`` only."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import connections, router

from . import eventlog
from .conf import log_database
from .declaration import Declaration, all_rows
from .exceptions import AnonymiseError
from .planning import Plan, plan
from .registry import registry

# What Django makes of {} in DATABASES, for a site whose routers name another alias for each model.
EMPTY = "django.db.backends.dummy"


def data_aliases(chosen: Iterable[str] | None = None) -> list[str]:
    """Return the chosen aliases, by default those of all databases but the log and empty entries of DATABASES.

    Raises ``AnonymiseError`` for one that there is not, and for the log's.
    """
    there = [
        alias for alias in connections if alias != log_database() and connections.databases[alias]["ENGINE"] != EMPTY
    ]
    if unknown := sorted(set(chosen or ()) - set(there)):
        raise AnonymiseError(
            f"No database with personal data has the alias {', '.join(unknown)}. There are: {', '.join(there)}."
        )
    return list(chosen or there)


def kept() -> list[Declaration]:
    """Return the declarations whose rows are personal and stay: ``can_anonymise`` is False."""
    return [declared for declared in registry if not declared.meta.can_anonymise]


def chosen(only: Iterable[str] = (), but: Iterable[str] = ()) -> list[Declaration]:
    """Return the declarations of the models labelled ``only``, by default of all, without those labelled ``but``.

    Multi-table children go with their parents. Raises ``AnonymiseError`` for a label of no registered model, of a
    child, and of a model that says ``can_anonymise = False``.
    """
    there = [declared for declared in registry if declared.meta.can_anonymise]
    roots = [each for each in there if not any(each.model in registry.children(parent.model) for parent in there)]
    labels = {declared.label.lower() for declared in roots}
    if unknown := [label for label in (*only, *but) if label.lower() not in labels]:
        raise AnonymiseError(
            f"No model to scrub has the label {', '.join(unknown)}. There are: "
            f"{', '.join(sorted(declared.label for declared in roots))}. A multi-table child goes with its parent."
        )
    wanted = {label.lower() for label in only} or labels
    return [each for each in roots if each.label.lower() in wanted - {label.lower() for label in but}]


def plans(
    aliases: Iterable[str],
    *,
    only: Iterable[str] = (),
    but: Iterable[str] = (),
    children: bool = False,
) -> list[Plan]:
    """Return a plan for each chosen model and alias that holds its table: every row, anonymised before or not.

    ``children`` asks for plans of the multi-table children too, which else go with their parents.

    Raises ``AnonymiseError`` if one of the models cannot be anonymised as it is declared, and as ``chosen`` does.
    """
    found = []
    models = [each for each in registry if each.meta.can_anonymise] if children else chosen(list(only), list(but))
    for using in aliases:
        tables = set(connections[using].introspection.table_names())
        found += [
            plan(all_rows(declared.model, using), force=True)
            for declared in models
            if declared.model._meta.db_table in tables and router.allow_migrate_model(using, declared.model)
        ]
    return found


def cut_loose(aliases: Iterable[str]) -> None:
    """Make them other databases: no logged erasure of the original is replayed here, and its receipts are not ours."""
    for using in aliases:
        eventlog.renew_instance_id(using)
        eventlog.forget_receipts(using)
