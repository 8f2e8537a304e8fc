"""The only wiring: collects declarations, connects receivers, registers checks."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from django.apps import AppConfig, apps
from django.core.checks import register
from django.db.models import Model
from django.db.models.signals import class_prepared, post_migrate, pre_save
from django.dispatch import Signal

from . import conf  # noqa: F401  (puts the settings' defaults in place)
from .former import warn
from .registry import registry
from .signals import erased, model_registered, model_unregistered, target_deleted


class GdprAssistConfig(AppConfig):
    name = "gdpr_assist"
    verbose_name = "GDPR"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from . import checks, managers, receivers, tables
        from .copies import files, keeper

        def wire(sender: type[Model], **kwargs: Any) -> None:
            managers.contribute(sender)
            _connect(receivers.of_deletions(sender))

        def unwire(sender: type[Model], **kwargs: Any) -> None:
            _disconnect(receivers.of_deletions(sender))
            managers.withdraw(sender)

        keeper.register(files.Files)
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
        class_prepared.connect(receivers.collect_model)
        target_deleted.connect(receivers.anonymise_related)
        post_migrate.connect(receivers.name_database, sender=self)
        pre_save.connect(receivers.keep_instance, sender=tables.Instance)
        if apps.is_installed("django.contrib.admin"):
            from .admin import history

            erased.connect(history.write_history)
        _register(checks.CHECKS)
        _register(checks.DEPLOY_CHECKS, deploy=True)


def __getattr__(name: str) -> Any:
    # Not a class of its own: then Django could not tell which of two is meant by "gdpr_assist".
    if name != "GdprAppConfig":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    warn("gdpr_assist.apps.GdprAppConfig", 'Write "gdpr_assist" in INSTALLED_APPS.')
    return GdprAssistConfig


def _connect(receivers: Iterable[tuple[Signal, Callable[..., None], type[Model]]]) -> None:
    for signal, receiver, sender in receivers:
        signal.connect(receiver, sender=sender)


def _disconnect(receivers: Iterable[tuple[Signal, Callable[..., None], type[Model]]]) -> None:
    for signal, receiver, sender in receivers:
        signal.disconnect(receiver, sender=sender)


def _register(checks: list[tuple[Any, ...]], **options: bool) -> None:
    for check, *tags in checks:
        register(check, *tags, **options)
