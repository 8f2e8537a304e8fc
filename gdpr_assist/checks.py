"""System checks: one function for each id. Reads declarations and settings; needs no database unless it says so."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning
from django.db import DEFAULT_DB_ALIAS, connections, models
from django.db.migrations.exceptions import CircularDependencyError, NodeNotFoundError
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations import RemoveField
from django.db.models import CheckConstraint, F, Q, Value
from django.db.models.constants import LOOKUP_SEP
from django.template.defaultfilters import pluralize
from django.utils.module_loading import import_string

from .conf import log_database
from .declaration import Declaration, PrivacyMeta
from .deletion import ANONYMISE
from .exceptions import AnonymiseError
from .indexes import is_searched_on_postgresql, missing
from .reconciliation import retention
from .registry import concrete, registry
from .routers import EventLogRouter
from .rules import field_label
from .status import DatabaseStatus, status, unclaimed
from .upgrading import OLD_FLAG, MigrateGdprAnonymised

CheckFunction = Callable[..., Iterable[CheckMessage]]


def message(check: str, text: str, hint: str, obj: Any = None) -> CheckMessage:
    kind = Warning if check.startswith("W") else Error
    hint = f"{hint} See gdpr_assist.{check} in docs/checks.rst."
    return kind(text, hint=hint, obj=obj, id=f"gdpr_assist.{check}")


def declared(check: str, doc: str) -> CheckFunction:
    """Return the check function that reports the mistakes with this number in any declaration."""

    def function(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
        return [
            message(check, mistake.message, mistake.hint, each.model)
            for each in _declarations(app_configs)
            for mistake in each.mistakes
            if mistake.check == check
        ]

    function.__doc__ = doc
    function.__name__ = f"check_{check}"
    return function


check_E002 = declared("E002", "A declaration names a field that is not there.")
check_E003 = declared("E003", "A primary key is declared as personal.")
check_E004 = declared("E004", "A field's class has no rule.")
check_E005 = declared("E005", "A file or relation that cannot be null.")
check_E006 = declared("E006", "A many-to-many field.")
check_E007 = declared("E007", "A unique field whose rule gives every row the same.")
check_E008 = declared("E008", "A primary key that is composite, or of bytes.")
check_E010 = declared("E010", "A declaration's attribute is not a list of names.")
check_E018 = declared("E018", "An anonymiser of a field that is not declared.")
check_E019 = declared("E019", "An attribute of a declaration that looks misspelt.")
check_E022 = declared("E022", "A label for the log that is not one.")
check_W001 = declared("W001", "A field that is neither declared personal nor kept.")


def check_E001(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """A migration removes 1.1's flag before it was turned into markers. Needs no database."""
    loader = MigrationLoader(None, load=False, ignore_no_migrations=True)
    loader.load_disk()
    return [
        message(
            "E001",
            f"Migration {app_label}.{name} removes the field {OLD_FLAG} of {model_name}, and with it the knowledge "
            "which rows are anonymised.",
            f'Put gdpr_assist.upgrading.MigrateGdprAnonymised("{model_name}") before the RemoveField, or write '
            "gdpr_assist_safe = True in the migration if the field is another one.",
        )
        for (app_label, name), migration in loader.disk_migrations.items()
        if not getattr(migration, "gdpr_assist_safe", False)
        for model_name in _flags_lost(loader, (app_label, name), migration)
    ]


def _flags_lost(loader: MigrationLoader, key: tuple[str, str], migration: Any) -> Iterator[str]:
    kept: set[str] | None = None
    for at, operation in enumerate(migration.operations):
        if isinstance(operation, RemoveField) and operation.name == OLD_FLAG:
            if kept is None:
                kept = _flags_kept_before(loader, key)
            here = {each.model_name.lower() for each in _flag_operations(migration.operations[:at])}
            if operation.model_name.lower() not in kept | here:
                yield operation.model_name


def _flags_kept_before(loader: MigrationLoader, key: tuple[str, str]) -> set[str]:
    try:
        loader.build_graph()
        earlier = loader.graph.forwards_plan(key)[:-1]
    except (NodeNotFoundError, CircularDependencyError):
        return set()  # makemigrations and migrate say what is wrong with the graph
    return {
        operation.model_name.lower()
        for each in earlier
        if each[0] == key[0]
        for operation in _flag_operations(loader.graph.nodes[each].operations)
    }


def _flag_operations(operations: Iterable[Any]) -> Iterator[MigrateGdprAnonymised]:
    return (each for each in operations if isinstance(each, MigrateGdprAnonymised))


def check_E009(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """The log database is not configured."""
    log = log_database()
    if log is None or log in settings.DATABASES:
        return []
    return [
        message(
            "E009",
            f"The event log's database {log!r} is not in DATABASES.",
            f'Add DATABASES["{log}"], name another alias in GDPR_LOG_DATABASE_NAME, or set that to None for no log.',
        )
    ]


def check_E011(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """The router that keeps the log in its database is missing."""
    routers = (_imported(router) for router in settings.DATABASE_ROUTERS)
    if log_database() is None or any(issubclass(router, EventLogRouter) for router in routers):
        return []
    return [
        message(
            "E011",
            "The event log is not routed to its database.",
            'Add "gdpr_assist.routers.EventLogRouter" to DATABASE_ROUTERS, first.',
        )
    ]


def _imported(router: Any) -> type:
    from_path = import_string(router) if isinstance(router, str) else router
    return from_path if isinstance(from_path, type) else type(from_path)


def check_E012(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """ANONYMISE(SET_NULL) on a column that cannot be null: Django's fields.E320 does not see through ANONYMISE."""
    return [
        message(
            "E012",
            f"{field_label(field)} has on_delete=ANONYMISE(SET_NULL) but cannot be null.",
            "Set null=True, or use another action.",
            field,
        )
        for field in _anonymised_keys(app_configs)
        if _action(field) is models.SET_NULL and not field.null
    ]


def check_E013(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """ANONYMISE(SET_DEFAULT) without a default: Django's fields.E321 does not see through ANONYMISE."""
    return [
        message(
            "E013",
            f"{field_label(field)} has on_delete=ANONYMISE(SET_DEFAULT) but no default.",
            "Set a default, or use another action.",
            field,
        )
        for field in _anonymised_keys(app_configs)
        if _action(field) is models.SET_DEFAULT and not field.has_default()
    ]


def check_E014(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """ANONYMISE on a model whose rows cannot be anonymised."""
    return [
        message(
            "E014",
            f"{field_label(field)} has on_delete=ANONYMISE, but its model cannot be anonymised.",
            "Give the model a PrivacyMeta without can_anonymise = False.",
            field,
        )
        for field in _anonymised_keys(app_configs)
        if field.model not in registry or not registry.declaration(field.model).meta.can_anonymise
    ]


def check_E015(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """A registered model under DB_CASCADE: its rows disappear without a signal, and so without an event."""
    return [
        message(
            "E015",
            f"{field_label(field)} has on_delete=DB_CASCADE: its rows are deleted without a signal, and not logged.",
            "Use models.CASCADE, or on_delete=ANONYMISE(...).",
            field,
        )
        for field in _foreign_keys(app_configs)
        if field.model in registry and getattr(field.remote_field.on_delete, "__name__", "") == "DB_CASCADE"
    ]


def check_E016(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """A proxy with a declaration of its own, which has no effect."""
    return [
        message(
            "E016",
            f"{model._meta.label} is a proxy: its declaration has no effect.",
            f"Declare {concrete(model)._meta.label}; its proxies share the declaration.",
            model,
        )
        for model in registry.ignored
    ]


def check_E017(app_configs: Any = None, databases: Iterable[str] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """A check constraint refuses the value of a rule. Asks the database, so it runs only where one is named."""
    return [
        message(
            "E017",
            f"{each.label}: the constraint {constraint.name} refuses the new value of {', '.join(sorted(names))}.",
            f"Write anonymise_{min(names)} to give a value that the constraint allows.",
            each.model,
        )
        for using in databases or ()
        if using != log_database()
        for each in _declarations(app_configs)
        for constraint, names in _refused(each, using)
    ]


def _refused(each: Declaration, using: str) -> Iterator[tuple[CheckConstraint, set[str]]]:
    values = {}
    for change in each.changes:
        if change.replacement is not None and change.replacement.expression is not None:
            value = change.replacement.expression()
            if not hasattr(value, "resolve_expression"):
                values[change.field.name] = Value(value, output_field=change.field)
    for constraint in each.model._meta.constraints:
        if isinstance(constraint, CheckConstraint):
            # Called "check" until Django 5.0, where "condition" is not there yet
            condition: Any = getattr(constraint, "condition", None) or constraint.check
            names = set(_names(condition))
            known = {name: values[name] for name in names if name in values}
            if known and len(known) == len(names) and not condition.check(known, using=using):
                yield constraint, names


def _names(condition: Any) -> Iterator[str]:
    """The fields of a condition; one that is not there ("") for what cannot be told."""
    for child in getattr(condition, "children", [None]):
        if isinstance(child, Q):
            yield from _names(child)
        elif isinstance(child, tuple):
            yield child[0].split(LOOKUP_SEP)[0]
            if hasattr(child[1], "resolve_expression"):
                yield getattr(child[1], "name", "") if isinstance(child[1], F) else ""
        else:
            yield ""


def check_E020(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """The event log shares a database with the data: what restores or rolls back one does so to the other."""
    log = log_database()
    return [
        message(
            "E020",
            f"The event log's database {log!r} is the one of {alias!r}.",
            "Give the log a database of its own: it must outlive a restored backup of the other.",
        )
        for alias in connections
        if log is not None
        and log in connections
        and (alias == log == DEFAULT_DB_ALIAS or (alias != log and _place(alias) == _place(log)))
    ]


def _place(alias: str) -> tuple[str, ...]:
    database = connections[alias].settings_dict
    return tuple(str(database[key]) for key in ("ENGINE", "NAME", "HOST", "PORT"))


def check_E021(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """The log database has a transaction around each request, so that events are not durable."""
    log = log_database()
    if log is None or log not in connections:
        return []
    database = connections[log].settings_dict
    wrong = {"ATOMIC_REQUESTS": True, "AUTOCOMMIT": False}
    return [
        message(
            "E021",
            f"The event log's database {log!r} has {name} = {value}: every erasure would be refused.",
            f"Take {name} out of DATABASES[{log!r}].",
        )
        for name, value in wrong.items()
        if database[name] is value
    ]


def check_E023(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """Two models claim the same label in the log, so that a replay could erase rows of the wrong one."""
    claimed: dict[str, type[models.Model]] = {}
    found = []
    for label, model in registry.claims():
        other = claimed.setdefault(label, model)
        if other is not model:
            found.append(
                message(
                    "E023",
                    f"{model._meta.label} and {other._meta.label} are both called {label} in the event log.",
                    "Correct log_label or former_labels in the PrivacyMeta of one of them.",
                    model,
                )
            )
    return found


def check_E024(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """The retention time is not a time."""
    if settings.GDPR_LOG_RETENTION is None:
        return []
    try:
        retention()
    except AnonymiseError as error:
        return [message("E024", str(error), "Correct the setting, or set it to None to keep the log for ever.")]
    return []


def check_deployed(app_configs: Any = None, databases: Iterable[str] | None = None, **kwargs: Any) -> list[Any]:
    """The states of ``gdpr_status``, for ``check --deploy --database ...``: they ask the databases."""
    log = log_database()
    if log is None or log not in connections or not databases or check_E024():
        return []
    found = status()
    if found.trouble:
        return [
            message(
                "E025",
                f"The event log, on the database alias {found.log!r}: {found.trouble.what}.",
                f"Make it reachable, migrate it (migrate --database={found.log}), and check it as a role that may "
                "read it. As long as it cannot be written, every erasure is refused.",
            )
        ]
    messages = [each for state in found.databases if state.using in databases for each in _state_messages(state)]
    if log in databases:
        messages += map(_unclaimed, unclaimed())
    return messages


def _unclaimed(label: str) -> CheckMessage:
    return message(
        "W007",
        f"The event log has rows of {label}, which no registered model claims: a replay could not erase them.",
        "If the model was renamed, list this label in PrivacyMeta.former_labels. If it is gone, silence this check.",
    )


def _state_messages(each: DatabaseStatus) -> Iterator[CheckMessage]:
    if each.trouble:
        yield message(
            "E025",
            f"The database {each.using!r}: {each.trouble.what}.",
            f"Make it reachable and migrate it (migrate --database={each.using}).",
        )
    if each.missing:
        yield message(
            "E026",
            f"The database {each.using!r} was restored from a backup: it lacks {_erasures(each.missing)} of the log.",
            "Run gdpr_rerun before anybody uses the site; what it lists as failed has to be cured or settled.",
        )
    if each.unlogged:
        yield message(
            "W004",
            f"The event log lacks {_erasures(each.unlogged)} of the database {each.using!r}: it was restored, or it "
            "is the wrong one.",
            "If it is the right one, back the database up now; an older backup would bring back what was erased.",
        )
    if each.undecided or each.unknown:
        yield message(
            "W005",
            f"Of {_erasures(each.undecided + each.unknown)} of the database {each.using!r} it is not known whether "
            "they took effect.",
            "Run gdpr_reconcile, and let it run every few minutes.",
        )


def _erasures(count: int) -> str:
    return f"{count} erasure{pluralize(count)}"


def check_W002(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """No event log."""
    if log_database() is not None:
        return []
    return [
        message(
            "W002",
            "GDPR_LOG_DATABASE_NAME is None: erasures are not logged. After a backup is restored, what was erased "
            "since is back, and nothing can say what it was.",
            "Configure a log database, or silence this check if backups are never restored.",
        )
    ]


def check_W003(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """A model whose rows the Personal data tool cannot find."""
    return [
        message(
            "W003",
            f"{each.label} declares no search_fields: the Personal data tool cannot find its rows.",
            "Add search_fields, or a search method, to its PrivacyMeta.",
            each.model,
        )
        for each in _declarations(app_configs)
        if not each.meta.search_fields and type(each.meta).search is PrivacyMeta.search
    ]


def check_W006(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """A search that reads a whole table, on PostgreSQL. Looks at the declared indexes, not at the database."""
    # {(field, cure): the entries of search_fields}
    found: dict[tuple[Any, str], list[str]] = defaultdict(list)
    for each in _declarations(app_configs):
        if not each.errors and is_searched_on_postgresql(each.model):
            for lacking in missing(each):
                found[lacking.field, lacking.cure].append(f"{lacking.written} of {each.label}")
    return [
        message(
            "W006",
            f"{field_label(field)} has no index for a search on PostgreSQL, which reads the whole table: "
            f"{', '.join(entries)}.",
            cure,
            field.model,
        )
        for (field, cure), entries in found.items()
    ]


def _declarations(app_configs: Any) -> Iterator[Declaration]:
    """The declarations, of the given apps only if ``manage.py check`` names some."""
    for each in registry:
        if app_configs is None or each.model._meta.app_config in app_configs:
            yield each


def _foreign_keys(app_configs: Any) -> Iterator[Any]:
    for model in apps.get_models():
        if app_configs is None or model._meta.app_config in app_configs:
            for field in model._meta.local_fields:
                if field.remote_field and hasattr(field.remote_field, "on_delete"):
                    yield field


def _anonymised_keys(app_configs: Any) -> Iterator[Any]:
    return (field for field in _foreign_keys(app_configs) if isinstance(field.remote_field.on_delete, ANONYMISE))


def _action(field: Any) -> Any:
    return field.remote_field.on_delete.action


CHECKS: list[tuple[Any, ...]] = [
    (check_E001, Tags.models),
    (check_E002, Tags.models),
    (check_E003, Tags.models),
    (check_E004, Tags.models),
    (check_E005, Tags.models),
    (check_E006, Tags.models),
    (check_E007, Tags.models),
    (check_E008, Tags.models),
    (check_E009,),
    (check_E010, Tags.models),
    (check_E011,),
    (check_E012, Tags.models),
    (check_E013, Tags.models),
    (check_E014, Tags.models),
    (check_E015, Tags.models),
    (check_E016, Tags.models),
    (check_E017, Tags.database),
    (check_E018, Tags.models),
    (check_E019, Tags.models),
    (check_E020,),
    (check_E021,),
    (check_E022, Tags.models),
    (check_E023, Tags.models),
    (check_E024,),
    (check_W001, Tags.models),
    (check_W002,),
    (check_W003, Tags.models),
    (check_W006, Tags.models),
]

# Asked for by ``check --deploy``, and only where a database is named
DEPLOY_CHECKS: list[tuple[Any, ...]] = [(check_deployed, Tags.database)]
