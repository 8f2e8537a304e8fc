"""Registers the ready declarations and rules of ``contrib`` that a site takes (``GDPR_CONTRIB``). Asks no database."""

from __future__ import annotations

from importlib.util import find_spec
from types import ModuleType
from typing import Any

from django.apps import apps
from django.core.exceptions import ImproperlyConfigured
from django.db.models import Model

from .conf import contrib
from .contrib import (
    admin,
    allauth,
    auditlog,
    auth,
    authtoken,
    axes,
    ckeditor,
    django_ckeditor_5,
    django_countries,
    django_cryptography,
    django_otp,
    djmoney,
    encrypted_fields,
    encrypted_model_fields,
    guardian,
    knox,
    model_utils,
    oauth2_provider,
    pghistory,
    phonenumber_field,
    reversion,
    sessions,
    simple_history,
    social_django,
    taggit,
    tinymce,
    wagtail,
)
from .declaring import rules
from .registry import registry
from .switches import add

# {what GDPR_CONTRIB may name: the module}
DECLARING: dict[str, ModuleType] = {
    "admin": admin,
    "allauth": allauth,
    "auditlog": auditlog,
    "auth": auth,
    "authtoken": authtoken,
    "axes": axes,
    "django_otp": django_otp,
    "guardian": guardian,
    "knox": knox,
    "oauth2_provider": oauth2_provider,
    "pghistory": pghistory,
    "reversion": reversion,
    "sessions": sessions,
    "simple_history": simple_history,
    "social_django": social_django,
    "taggit": taggit,
    "wagtail": wagtail,
}
RULING: dict[str, ModuleType] = {
    "ckeditor": ckeditor,
    "django_ckeditor_5": django_ckeditor_5,
    "django_countries": django_countries,
    "django_cryptography": django_cryptography,
    "djmoney": djmoney,
    "encrypted_fields": encrypted_fields,
    "encrypted_model_fields": encrypted_model_fields,
    "model_utils": model_utils,
    "oauth2_provider": oauth2_provider,
    "phonenumber_field": phonenumber_field,
    "taggit": taggit,
    "tinymce": tinymce,
    "wagtail": wagtail,
}
MODULES = dict(sorted((DECLARING | RULING).items()))

# Those of tables that have the columns of a declared model: they come after the models
HISTORIES: set[Any] = {pghistory, simple_history}


def register_ready_made() -> None:
    """Register them, but of models that the site declares itself, by now or later; its own rules come first, too.

    Raises ``ImproperlyConfigured`` for a name that there is not, or of which the app is not installed, and for two
    that declare the same model.
    """
    taken = _taken()
    rules.ready_made.clear()
    for module in taken:
        if hasattr(module, "rules"):
            rules.ready_made.update(module.rules())
        if hasattr(module, "SWITCH"):
            add(module.SWITCH)
    for module in taken:
        if module in DECLARING.values():
            _register(module, module.declarations())


def register_history(sender: type[Model], **kwargs: Any) -> None:
    """model_registered: a history that is declared as its model is."""
    for module in HISTORIES.intersection(_taken()):
        _register(module, module.declarations_with(sender))


def withdraw_history(sender: type[Model], **kwargs: Any) -> None:
    """model_unregistered: the history of a model that is declared no more, or anew."""
    for module in HISTORIES.intersection(_taken()):
        for label in module.declarations_with(sender):
            registry.withdraw_ready_made(apps.get_model(label))


def _taken() -> list[Any]:
    names = contrib()
    if unknown := sorted(set(names or ()).difference(MODULES)):
        raise ImproperlyConfigured(
            f"GDPR_CONTRIB names {', '.join(unknown)}, for which there are no declarations. There are those for "
            f"{', '.join(MODULES)}."
        )
    modules = [module for name, module in MODULES.items() if names is None or name in names]
    missing = [module for module in modules if not _is_there(module)]
    for declares, where in ((True, "in INSTALLED_APPS"), (False, "installed")):
        names_of = [module.APP for module in missing if (module in DECLARING.values()) is declares]
        if names_of and names is not None:
            raise ImproperlyConfigured(
                f"GDPR_CONTRIB takes what is declared for {', '.join(names_of)}, which is not {where}."
            )
    return sorted((module for module in modules if module not in missing), key=HISTORIES.__contains__)


def _is_there(module: ModuleType) -> bool:
    """Whether its app is installed; one that has fields only need not be in INSTALLED_APPS."""
    if module in DECLARING.values():
        return apps.is_installed(module.APP)
    return find_spec(module.APP) is not None


def _register(module: ModuleType, declarations: dict[str, type[Any]]) -> None:
    for label, privacy in declarations.items():
        try:
            model = apps.get_model(label)
        except LookupError:
            continue  # of an app that is not installed, or of another version
        if model._meta.swapped:
            continue  # the site has one of its own in its place
        if (first := registry.ready_made_by(model)) not in (None, module.__name__):
            raise ImproperlyConfigured(
                f"{label} is declared by {first} and by {module.__name__}. Take one of them in GDPR_CONTRIB, or "
                "declare the model yourself."
            )
        names = {field.name for field in model._meta.get_fields()}
        there = {
            attribute: [name for name in getattr(privacy, attribute, ()) if name in names]
            for attribute in ("fields", "keep")
        }
        registry.register_ready_made(model, type(privacy.__name__, (privacy,), there), module.__name__)
