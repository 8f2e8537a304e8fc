"""Checks of what of the project stands for something of ours: templates, and methods. Renders and calls nothing."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.checks import CheckMessage
from django.db.models import Model
from django.template import engines

from ..registry import registry
from .messages import declarations, message

PACKAGE = __name__.partition(".")[0] + "."

OURS = Path(__file__).parents[1] / "templates"

# Where templates of the app lie, below a directory of templates
FOLDERS = ("gdpr_assist", "admin/gdpr_assist")

# Django's admin looks for one of each app.
OF_THE_ADMIN = "admin/gdpr_assist/app_index.html"


def check_W020(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """A template of the project lies where the app has templates, and is none that it uses."""
    return [
        message(
            "W020",
            f"The template {name} is never used: the app has none of this name, so it stands for none.",
            f"It was made for 1.x, or for another version. The templates of this one are in {OURS}; make it anew from "
            "one of these, or remove it. If a template of yours uses it, silence this check.",
        )
        for name in sorted(set(_unused()))
    ]


def check_W032(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """A model has an ``anonymise()`` of its own, which in 1.x querysets called too."""
    return [
        message(
            "W032",
            f"{model._meta.label} has an anonymise() of its own: querysets, cascades, commands and the admin do not "
            "call it, and it has none of ours to call.",
            "Move what it does to anonymise_<field> methods of PrivacyMeta, or to a receiver of pre_anonymise or "
            "post_anonymise. If it does something else, give it another name.",
            model,
        )
        for each in declarations(app_configs)
        for model in registry.family(each.model)
        if _has_own(model) and (model is each.model or "anonymise" in vars(model))
    ]


def _has_own(model: type[Model]) -> bool:
    """Whether the method, or what else is called so, is of another module than ours."""
    return not str(getattr(inspect.getattr_static(model, "anonymise", None), "__module__", "")).startswith(PACKAGE)


def _unused() -> Iterator[str]:
    for engine in engines.all():
        for directory in map(Path, engine.template_dirs):
            for folder in FOLDERS if directory != OURS else ():
                for path in (directory / folder).rglob("*.html"):
                    name = path.relative_to(directory)
                    if not (OURS / name).exists() and name.as_posix() != OF_THE_ADMIN:
                        yield name.as_posix()
