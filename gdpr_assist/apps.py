"""The only wiring: collects declarations, connects receivers, registers checks."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from django.apps import AppConfig, apps
from django.core.checks import Tags, register
from django.db import connections
from django.db.backends.signals import connection_created
from django.db.models import Model
from django.db.models.signals import class_prepared, post_delete, post_migrate, post_save, pre_delete, pre_save
from django.dispatch import Signal
from django.utils.translation import gettext_lazy

from . import defaults  # noqa: F401  (puts the settings' defaults in place)
from .conf import contrib, watches_refills
from .former import warn
from .loading import at_first_call
from .registry import registry
from .signals import deleted, erased, model_registered, model_unregistered, target_deleted

# Loaded when they are first called: no site needs them for its start.
anonymise_related = at_first_call("gdpr_assist.receivers.anonymise_related")
begin_deletion = at_first_call("gdpr_assist.receivers.begin_deletion")
begin_deletion_of_parent = at_first_call("gdpr_assist.receivers.begin_deletion_of_parent")
check_code = at_first_call("gdpr_assist.checks.check_code")
check_deployment = at_first_call("gdpr_assist.checks.check_deployment")
check_models = at_first_call("gdpr_assist.checks.check_models")
check_rows = at_first_call("gdpr_assist.checks.check_rows")
check_site = at_first_call("gdpr_assist.checks.check_site")
check_templates = at_first_call("gdpr_assist.checks.check_templates")
collect_model = at_first_call("gdpr_assist.receivers.collect_model")
end_deletion = at_first_call("gdpr_assist.receivers.end_deletion")
keep_database_id = at_first_call("gdpr_assist.receivers.keep_database_id")
name_database = at_first_call("gdpr_assist.receivers.name_database")
notice_refill = at_first_call("gdpr_assist.refills.notice_refill")
prepare_connection = at_first_call("gdpr_assist.databases.picking.prepare")
register_history = at_first_call("gdpr_assist.ready_made.register_history")
register_ready_made = at_first_call("gdpr_assist.ready_made.register_ready_made")
withdraw_history = at_first_call("gdpr_assist.ready_made.withdraw_history")
write_deletions = at_first_call("gdpr_assist.admin.history.write_deletions")
write_history = at_first_call("gdpr_assist.admin.history.write_history")


class GdprAssistConfig(AppConfig):
    name = "gdpr_assist"
    verbose_name = gettext_lazy("GDPR")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from . import managers, tables

        def wire(sender: type[Model], **kwargs: Any) -> None:
            managers.contribute(sender)
            _connect(_of_deletions(sender))
            _connect(_of_saves(sender))

        def unwire(sender: type[Model], **kwargs: Any) -> None:
            _disconnect(_of_deletions(sender))
            _disconnect(_of_saves(sender))
            managers.withdraw(sender)

        models = apps.get_models()
        for model in models:
            registry.collect(model)
        for model in models:
            managers.take_off_declaration(model)
            if model in registry:
                wire(model)
        managers.forget_related_managers()

        # By name: the apps may be set up more than once, as in tests that set INSTALLED_APPS.
        model_registered.connect(wire, weak=False, dispatch_uid="gdpr_assist.wire")
        model_registered.connect(managers.forget_related_managers)
        model_unregistered.connect(unwire, weak=False, dispatch_uid="gdpr_assist.unwire")
        model_unregistered.connect(managers.forget_related_managers)
        if contrib() != []:
            register_ready_made()
            model_registered.connect(register_history)
            model_unregistered.connect(withdraw_history)
        connection_created.connect(prepare_connection)
        _prepare_open_connections()
        class_prepared.connect(collect_model)
        target_deleted.connect(anonymise_related)
        post_migrate.connect(name_database, sender=self)
        pre_save.connect(keep_database_id, sender=tables.DatabaseIdentity)
        if apps.is_installed("django.contrib.admin"):
            erased.connect(write_history)
            deleted.connect(write_deletions)
        register(check_site)
        register(check_models, Tags.models)
        register(check_templates, Tags.templates)
        register(check_code, Tags.compatibility, deploy=True)
        register(check_rows, Tags.database)
        register(check_deployment, Tags.database, deploy=True)


def __getattr__(name: str) -> Any:
    # Not a class of its own: then Django could not tell which of two is meant by "gdpr_assist".
    if name != "GdprAppConfig":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    warn("gdpr_assist.apps.GdprAppConfig", 'Write "gdpr_assist" in INSTALLED_APPS.')
    return GdprAssistConfig


def _prepare_open_connections() -> None:
    """An app that was ready before may have read rows."""
    for each in connections.all(initialized_only=True):
        if each.connection is not None:
            prepare_connection(each)


def _of_deletions(model: type[Model]) -> list[tuple[Signal, Callable[..., None], type[Model]]]:
    """Return [(signal, receiver, sender)] of what has to be heard, so that deletes of rows of ``model`` are logged."""
    parents = registry.unregistered_parents(model)
    return [
        (pre_delete, begin_deletion, model),
        (post_delete, end_deletion, model),
        *((pre_delete, begin_deletion_of_parent, parent) for parent in parents),
    ]


def _of_saves(model: type[Model]) -> list[tuple[Signal, Callable[..., None], type[Model]]]:
    """Return the same of what has to be heard, so that rows which are filled again are noticed: nothing by default."""
    return [(post_save, notice_refill, model)] if watches_refills() else []


def _connect(receivers: Iterable[tuple[Signal, Callable[..., None], type[Model]]]) -> None:
    for signal, receiver, sender in receivers:
        signal.connect(receiver, sender=sender, weak=False)


def _disconnect(receivers: Iterable[tuple[Signal, Callable[..., None], type[Model]]]) -> None:
    for signal, receiver, sender in receivers:
        signal.disconnect(receiver, sender=sender)
