"""The methods that a project writes in a declaration, and whether they can be called as they will be; calls none."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from functools import cached_property
from typing import Any

from django.utils.functional import cached_property as DjangoCachedProperty
from django.utils.functional import classproperty

from ..exceptions import FieldAnonymiseError
from .meta import PrivacyMeta
from .mistakes import Mistake

# What computes a value when it is read
READ = (property, cached_property, DjangoCachedProperty, classproperty)


def method_mistakes(meta: PrivacyMeta) -> Iterable[Mistake]:
    """Yield which of the methods ``search`` and ``export`` could not be called."""
    for name, argument in {"search": "term", "export": "instance"}.items():
        try:
            method(meta, name, argument)
        except FieldAnonymiseError as error:
            yield Mistake(error.check, str(error), error.hint)


def method(meta: PrivacyMeta, name: str, argument: str) -> Callable[[Any], Any] | None:
    """Return the method of that name, None if there is none. Raises ``FieldAnonymiseError`` if it is no method."""
    is_read = isinstance(inspect.getattr_static(meta, name, None), READ)  # and may need what is not there yet
    attribute: Callable[[Any], Any] | None = None if is_read else getattr(meta, name, None)
    if not is_read and (attribute is None or _takes_one(attribute)):
        return attribute
    raise FieldAnonymiseError(
        f"{meta.model._meta.label}: PrivacyMeta.{name} cannot be called as a method with (self, {argument}).",
        check="E031",
        hint=f"Write def {name}(self, {argument}). It may not be asynchronous.",
    )


def _takes_one(attribute: Any) -> bool:
    if not callable(attribute) or inspect.iscoroutinefunction(attribute) or inspect.isasyncgenfunction(attribute):
        return False
    try:
        inspect.signature(attribute).bind(None)
    except TypeError:
        return False
    except ValueError:  # of a method without self, and of a function in C, which does not tell
        return not inspect.ismethod(attribute)
    return True
