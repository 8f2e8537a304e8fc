"""Keeps the variables of functions that handle personal data out of error reports; knows no models."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import wraps
from inspect import isgeneratorfunction
from traceback import clear_frames
from typing import Any, TypeVar, cast

from asgiref.sync import iscoroutinefunction
from django.conf import settings
from django.db import Error
from django.views.decorators.debug import sensitive_variables

from .databases.errors import raised_by

Function = TypeVar("Function", bound=Callable[..., Any])


def sensitive(function: Function) -> Function:
    """Return ``function`` such that no error report has its variables, nor those of what it calls, unless DEBUG.

    For functions through which others come in, of any kind. To ``sensitive_variables()`` it adds what that cannot see:
    a generator that has ended does not know its caller any more, and with it all that it called.
    """
    kind: Callable[[Any], Any] = _plain
    if isgeneratorfunction(function):
        kind = _generator
    elif iscoroutinefunction(function):
        kind = _coroutine
    return cast(Function, kind(function))


def _plain(function: Callable[..., Any]) -> Callable[..., Any]:
    @sensitive_variables()
    @wraps(function)
    def clearing(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except Exception as error:
            _clear(error)
            raise

    return clearing


def _generator(function: Callable[..., Iterator[Any]]) -> Callable[..., Iterator[Any]]:
    @wraps(function)
    def clearing(*args: Any, **kwargs: Any) -> Iterator[Any]:
        values = function(*args, **kwargs)
        del args, kwargs  # this one's own variables are not cleared while it runs
        try:
            yield from values
        except Exception as error:
            _clear(error)
            raise

    return clearing


def _coroutine(function: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(function)
    async def clearing(*args: Any, **kwargs: Any) -> Any:
        coroutine = function(*args, **kwargs)
        del args, kwargs
        try:
            return await coroutine
        except Exception as error:
            _clear(error)
            raise

    return clearing


def _clear(error: BaseException | None) -> None:
    """Clear the variables of all frames that have ended, of ``error`` and of those that led to it."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen and not settings.DEBUG:
        seen.add(id(error))
        if isinstance(error, Error):
            raised_by(error)  # which is kept with the error
        clear_frames(error.__traceback__)
        error = error.__cause__ or error.__context__
