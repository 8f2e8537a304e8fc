"""Tells a project's receivers that a scrub begins, and that its rows are done. Writes nothing itself."""

from __future__ import annotations

from collections.abc import Iterable

from django.dispatch import Signal

from ..execution.values import raise_explained
from ..log import writing


def announce(signal: Signal, name: str, aliases: Iterable[str]) -> None:
    """Send ``signal`` for each alias. What receivers delete or anonymise is a part of the scrub, and not logged.

    Raises ``AnonymiseError`` if one of them fails, without what it said; an error of a database passes.
    """
    for using in aliases:
        try:
            with writing.suspended():
                signal.send(sender=None, using=using)
        except Exception as error:  # noqa: BLE001  (whatever a project's code may raise)
            raise_explained(error, f"{using}: a receiver of {name}")
