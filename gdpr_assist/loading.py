"""Loads what a site does not need at its start when it is first called; knows none of it."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from django.utils.module_loading import import_string

from .sensitive import sensitive


@cache
def at_first_call(name: str) -> Callable[..., Any]:
    """Return a function that calls the one of the dotted ``name``. Its module is loaded at the first call.

    Threads that call it at the same time wait for one another, as for any import. The same name gives the same
    function: what was connected by one call is disconnected by another.
    """

    def call(*args: Any, **kwargs: Any) -> Any:
        return import_string(name)(*args, **kwargs)

    call.__module__, _dot, call.__name__ = name.rpartition(".")
    call.__qualname__ = call.__name__
    return sensitive(call)
