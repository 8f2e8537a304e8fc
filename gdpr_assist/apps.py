"""The only wiring: collects declarations, connects receivers, registers checks."""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig, apps
from django.core.checks import register
from django.db.models import Model
from django.db.models.signals import class_prepared, post_delete, pre_delete, pre_save

from . import conf  # noqa: F401  (puts the settings' defaults in place)
from .registry import registry
from .signals import model_registered, model_unregistered, target_deleted


class GdprAssistConfig(AppConfig):
    name = "gdpr_assist"
    verbose_name = "GDPR"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from . import checks, managers, receivers, tables

        def wire(sender: type[Model], **kwargs: Any) -> None:
            managers.contribute(sender)
            pre_delete.connect(receivers.begin_deletion, sender=sender)
            post_delete.connect(receivers.end_deletion, sender=sender)

        def unwire(sender: type[Model], **kwargs: Any) -> None:
            pre_delete.disconnect(receivers.begin_deletion, sender=sender)
            post_delete.disconnect(receivers.end_deletion, sender=sender)
            managers.withdraw(sender)

        models = apps.get_models()
        for model in models:
            registry.collect(model)
        for model in models:
            managers.take_off_declaration(model)
            if model in registry:
                wire(model)
        managers.forget_related_managers()

        model_registered.connect(wire, weak=False)
        model_registered.connect(managers.forget_related_managers)
        model_unregistered.connect(unwire, weak=False)
        model_unregistered.connect(managers.forget_related_managers)
        class_prepared.connect(receivers.collect_model)
        target_deleted.connect(receivers.anonymise_related)
        pre_save.connect(receivers.keep_instance, sender=tables.Instance)
        for check, *tags in checks.CHECKS:
            register(check, *tags)
        for check, *tags in checks.DEPLOY_CHECKS:
            register(check, *tags, deploy=True)
