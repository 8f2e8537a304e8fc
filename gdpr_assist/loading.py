"""Loads what a site does not need at its start when it is first called; knows none of it."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from threading import RLock
from typing import Any

from django.utils.module_loading import import_string

from .sensitive import sensitive

# Of all that is loaded here: where one thread imports a package and another a module of it, each may wait for the
# other, and Python ends that with an error.
_lock = RLock()


@cache
def at_first_call(name: str) -> Callable[..., Any]:
    """Return a function that calls the one of the dotted ``name``. Its module is loaded at the first call.

    The same name gives the same function: what was connected by one call is disconnected by another. Raises
    ``ImportError`` when it is called and there is no such function.
    """

    @cache
    def load() -> Callable[..., Any]:
        with _lock:
            loaded: Callable[..., Any] = import_string(name)
            return loaded

    def call(*args: Any, **kwargs: Any) -> Any:
        return load()(*args, **kwargs)

    call.__module__, _dot, call.__name__ = name.rpartition(".")
    call.__qualname__ = call.__name__
    return sensitive(call)
