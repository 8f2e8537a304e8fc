"""Checks of classes that look like declarations and are not read as such; no database is asked."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.core.checks import CheckMessage
from django.db import models

from ..conf import privacy_class_name
from ..declaring.spelling import resembles
from ..registry import registry
from .messages import message


def check_E028(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """A class that is meant as a declaration, and is none for its name or its place."""
    return [*_unread("E028", app_configs), *map(_misplaced, _beside_models(app_configs))]


def check_W013(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """An inner class that may be meant as a declaration."""
    return list(_unread("W013", app_configs))


def _unread(check: str, app_configs: Any) -> Iterator[CheckMessage]:
    for owner, name, written, model in _inner_classes(app_configs):
        if resembles(name, written, model) == check:
            yield message(
                check,
                f"{owner.__module__}.{owner.__qualname__}: the inner class {name} looks like a declaration of "
                "personal data, but is not read.",
                f"If it is meant as one, call it {privacy_class_name()}. If not, give it, and what is in "
                "it, other names.",
                model,
            )


def _misplaced(written: type) -> CheckMessage:
    return message(
        "E028",
        f"{written.__module__}: the class {written.__name__} stands beside the models, and no model uses it.",
        "Indent it into its model, or register it: gdpr_assist.register(Model, class).",
    )


def _inner_classes(app_configs: Any) -> Iterator[tuple[type, str, type, type[models.Model]]]:
    """Yield the inner classes of models and of what they inherit from, each once, with a model that has it."""
    seen: set[type] = {models.Model}
    for model in _models(app_configs):
        for owner in model.__mro__:
            if owner not in seen:
                seen.add(owner)
                for name, written in list(vars(owner).items()):
                    if isinstance(written, type) and name != privacy_class_name():
                        yield owner, name, written, model


def _beside_models(app_configs: Any) -> Iterator[type]:
    used = {base for each in registry for base in type(each.meta).__mro__}
    for module in {model.__module__: None for model in _models(app_configs)}:
        written = getattr(sys.modules.get(module), privacy_class_name(), None)
        if isinstance(written, type) and written.__module__ == module and written not in used:
            yield written


def _models(app_configs: Any) -> Iterator[type[models.Model]]:
    return (model for model in apps.get_models() if app_configs is None or model._meta.app_config in app_configs)
