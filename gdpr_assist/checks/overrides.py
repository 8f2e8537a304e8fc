"""Checks of the project's templates: whether those that stand for one of ours still do. Renders nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.checks import CheckMessage
from django.template import engines

from .messages import message

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


def _unused() -> Iterator[str]:
    for engine in engines.all():
        for directory in map(Path, engine.template_dirs):
            for folder in FOLDERS if directory != OURS else ():
                for path in (directory / folder).rglob("*.html"):
                    name = path.relative_to(directory)
                    if not (OURS / name).exists() and name.as_posix() != OF_THE_ADMIN:
                        yield name.as_posix()
