"""How a check speaks, and which declarations it looks at; knows no check by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from django.core.checks import CheckMessage, Error, Warning

from ..conf import is_strict
from ..declaring.declaration import Declaration
from ..pages import page
from ..registry import registry

CheckFunction = Callable[..., Iterable[CheckMessage]]


def message(check: str, text: str, hint: str, obj: Any = None, *, may_wait: bool = False) -> CheckMessage:
    """Return the message of that id: a warning (W) about a model, ``obj``, is an error where the site is strict.

    Not one that ``may_wait``.
    """
    name = f"gdpr_assist.{check}"
    is_warning = check.startswith("W") and not (is_strict() and obj is not None and not may_wait)
    kind = Warning if is_warning else Error
    hint = f"{hint} See {page('checks', name)}"
    return kind(text, hint=hint, obj=obj, id=name)


def declared(check: str, doc: str) -> CheckFunction:
    """Return the check function that reports the mistakes with this number in any declaration."""

    def function(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
        return [
            message(check, mistake.message, mistake.hint, each.model)
            for each in declarations(app_configs)
            for mistake in each.mistakes
            if mistake.check == check
        ]

    function.__doc__ = doc
    function.__name__ = f"check_{check}"
    return function


def declarations(app_configs: Any) -> Iterator[Declaration]:
    """The declarations, of the given apps only if ``manage.py check`` names some."""
    for declaration in registry:
        if app_configs is None or declaration.model._meta.app_config in app_configs:
            yield declaration
