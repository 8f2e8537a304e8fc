"""Who hears of a row that is saved or anonymised: the receivers of signals, by name. Asks no database."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import Any

from django.db.models import Model
from django.db.models.signals import post_delete, post_save, pre_delete, pre_save
from django.dispatch import Signal

from ..conf import quiet_receivers
from ..declaring.owners import is_installed
from ..signals import post_anonymise, pre_anonymise
from ..switches import silenced, writing_copies
from ..undocumented import live_receivers

OURS: dict[str, Signal] = {"pre_anonymise": pre_anonymise, "post_anonymise": post_anonymise}
SAVING: dict[str, Signal] = {"pre_save": pre_save, "post_save": post_save}

# Our own hears of saves that are no erasure.
OWN = "gdpr_assist.refills.notice_refill"

# Looks for copies of a row once it is deleted.
LOOKS_FOR_COPIES = "gdpr_assist.receivers.end_deletion"

# Receivers of every model that need not hear of an erasure: they keep nothing of a row, and do nothing for these
# columns. Never one that has a copy: of a search index, a history, an audit trail, a cache.
HARMLESS = (
    # Of new files: makes their thumbnails
    "easy_thumbnails.signal_handlers.find_uncommitted_filefields",
    "easy_thumbnails.signal_handlers.signal_committed_filefields",
    "imagekit.specs.sourcegroups.ModelSignalRouter.post_save_receiver",
    # Of new translatable objects: gives them a language
    "wagtail.models.i18n.set_locale_on_new_instance",
)


def watchers(model: type[Model], signals: dict[str, Signal]) -> list[str]:
    """Return a sentence for each of ``signals`` that has receivers for ``model``, with their names."""
    return [
        f"{name} has receivers: {', '.join(_names(signal, receivers))}"
        for name, signal in signals.items()
        if (receivers := _receivers(signal, model))
    ]


def hears_of_deletions(model: type[Model]) -> bool:
    """Return whether anybody but this app hears of a row of ``model`` that is deleted."""
    receivers = (each for signal in (pre_delete, post_delete) for each in live_receivers(signal, model))
    return any(not _name(each).startswith("gdpr_assist.") for each in receivers)


def too_late(model: type[Model], *, is_copied: bool) -> list[str]:
    """Return the names of receivers that may copy a deleted row, and hear of it after this app.

    Those of apps that are known to write copies; and where ``is_copied`` says that a table of copies is declared, the
    project's own, but quiet ones: nobody can tell what they do.
    """
    receivers = live_receivers(post_delete, model)
    names = [_name(each) for each in receivers]
    behind = receivers[names.index(LOOKS_FOR_COPIES) + 1 :] if LOOKS_FOR_COPIES in names else []
    return [_name(each) for each in behind if _writes_copies(each) or (is_copied and not _copies_nothing(each))]


def _writes_copies(receiver: Callable[..., Any]) -> bool:
    return any(_name(receiver).startswith(f"{app}.") for app in writing_copies())


def _copies_nothing(receiver: Callable[..., Any]) -> bool:
    return (
        _is_quiet(receiver) or _name(receiver).startswith("gdpr_assist.") or is_installed(_named(receiver).__module__)
    )


def of_every_model() -> dict[str, list[str]]:
    """Return {signal: names of its receivers that were connected without a sender}, of those that save row by row."""
    receivers = {
        name: [_name(each) for each in _receivers(signal, object)] for name, signal in {**OURS, **SAVING}.items()
    }
    return {name: names for name, names in receivers.items() if names}


def _names(signal: Signal, receivers: list[Any]) -> list[str]:
    everywhere = _receivers(signal, object)  # nobody's sender: those that were connected without one
    return [_name(each) + (" (for every model)" if each in everywhere else "") for each in receivers]


def _receivers(signal: Signal, sender: type) -> list[Any]:
    receivers = live_receivers(signal, sender)
    return [each for each in receivers if not _is_quiet(each)] if signal in SAVING.values() else receivers


def _is_quiet(receiver: Callable[..., Any]) -> bool:
    name = _name(receiver)
    return any(fnmatchcase(name, pattern) for pattern in (OWN, *HARMLESS, *quiet_receivers(), *silenced()))


def _name(receiver: Callable[..., Any]) -> str:
    named = _named(receiver)
    return f"{named.__module__}.{named.__qualname__}"


def _named(receiver: Callable[..., Any]) -> Any:
    """Return the function or class that is called: of a ``functools.partial``, and below decorators."""
    function = inspect.unwrap(getattr(receiver, "func", receiver))
    return function if hasattr(function, "__qualname__") else type(function)
