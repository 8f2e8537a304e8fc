"""The switches of apps that write copies of rows: off while personal data is written. Knows no app, writes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from .exceptions import AnonymiseError

# Takes an alias; within what it returns, an app writes no copies of the rows of that database
Off = Callable[[str], AbstractContextManager[Any]]


@dataclass(frozen=True, kw_only=True)
class Switch:
    """What an app offers, so that it writes no copy of a row."""

    name: str
    """Whose it is, for errors. One of the same name takes its place."""

    off: Off | None = None
    mark: str = ""
    """The name of an attribute: of an object that has it, the app writes no copy when it is saved."""

    receivers: tuple[str, ...] = ()
    """Names of receivers of pre_save and post_save that write nothing then, with * for any text."""


# By their names
_switches: dict[str, Switch] = {}

# The aliases for which all are off
_off: ContextVar[frozenset[str]] = ContextVar("_off", default=frozenset())


def add(switch: Switch) -> None:
    """Have ``switch`` off while personal data is written."""
    _switches[switch.name] = switch


def register_switch(off: Off, receivers: Iterable[str] = ()) -> Off:
    """Enter ``off(alias)`` around all that writes personal data; return it, so that this can be a decorator.

    ``receivers`` are the names of receivers of ``pre_save`` and ``post_save`` that write nothing then, as in
    ``GDPR_QUIET_RECEIVERS``: rows need not be saved one by one for them. Raises ``TypeError`` for what is no function,
    and no list of names.
    """
    given: Any = off
    names = () if isinstance(receivers, str) else tuple(receivers)
    if not callable(given) or isinstance(receivers, str) or not all(isinstance(each, str) for each in names):
        raise TypeError(
            "register_switch() takes a function that gets an alias and returns a context manager, and a list of names "
            "of receivers."
        )
    name = f"{given.__module__}.{getattr(given, '__qualname__', type(given).__qualname__)}"
    add(Switch(name=name, off=off, receivers=names))
    return off


def writing_copies() -> list[str]:
    """Return the names of the apps, or functions of the site, that have a switch: they write copies of rows."""
    return list(_switches)


def silenced() -> list[str]:
    """Return the names of the receivers that write nothing while personal data is written."""
    return [name for switch in _switches.values() for name in switch.receivers]


@contextmanager
def switched_off(using: str) -> Iterator[None]:
    """Have no app write copies of the rows of the database ``using`` in the block.

    Raises ``AnonymiseError`` for a switch that raises; within a transaction, that undoes the block.
    """
    if not _switches or using in _off.get():
        yield
        return
    token = _off.set(_off.get() | {using})
    entered = ExitStack()
    try:
        _enter(entered, using)
        yield
        with _explained("What switches copies on again"):
            entered.close()
    except BaseException as error:
        # Where a transaction is broken, switching on may fail too: what tells is what broke it.
        with suppress(Exception):
            entered.__exit__(type(error), error, error.__traceback__)
        raise
    finally:
        _off.reset(token)


def _enter(entered: ExitStack, using: str) -> None:
    for switch in _switches.values():
        if switch.off is not None:
            with _explained(f"{switch.name}, which switches copies off,"):
                entered.enter_context(switch.off(using))


@contextmanager
def _explained(what: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # noqa: BLE001  (whatever an app's code may raise)
        raise AnonymiseError(f"{what} raised {type(error).__name__}. Nothing was changed.") from None


@contextmanager
def marked(instance: object) -> Iterator[None]:
    """Have ``instance`` carry, in the block, the attributes by which apps know that they write no copy of it."""
    ours = {each.mark: True for each in _switches.values() if each.mark and each.mark not in vars(instance)}
    vars(instance).update(ours)
    try:
        yield
    finally:
        for name in ours:
            vars(instance).pop(name, None)
