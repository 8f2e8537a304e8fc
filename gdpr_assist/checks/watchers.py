"""Checks of who hears of rows: of every model, which makes erasures slow, or too late. Asks no database."""

from __future__ import annotations

from typing import Any

from django.core.checks import CheckMessage
from django.core.exceptions import ImproperlyConfigured

from ..conf import quiet_receivers
from ..copies.rows import copying
from ..planning.watchers import of_every_model, too_late
from .messages import declarations, message


def check_E042(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """``GDPR_QUIET_RECEIVERS`` is no list of names."""
    try:
        quiet_receivers()
    except ImproperlyConfigured:
        return [
            message(
                "E042",
                "GDPR_QUIET_RECEIVERS is no list of names of receivers. Every erasure fails.",
                'Write a list of texts, as ["search.signals.*"].',
            )
        ]
    return []


def check_W025(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """A receiver without a sender makes every erasure row by row."""
    if check_E042():
        return []
    listed = "; ".join(f"{name}: {', '.join(names)}" for name, names in of_every_model().items())
    if not listed:
        return []
    return [
        message(
            "W025",
            f"Receivers that were connected without a sender hear of every model ({listed}). So each row is loaded "
            "and saved by itself when it is anonymised, which takes about twenty times as long.",
            "Connect them with sender=... for the models that they are about. Of one of pre_save or post_save that "
            "keeps nothing of a row, write its name into GDPR_QUIET_RECEIVERS: it is not called then.",
        )
    ]


def check_W035(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """Somebody may write down what a deleted row held after its copies were looked for."""
    return [
        message(
            "W035",
            f"{each.label}: {', '.join(names)} hears of a deleted row after gdpr_assist has looked for copies of it. "
            "What is written then of a row that is deleted stays.",
            'Put "gdpr_assist" behind that app in INSTALLED_APPS, and register models with the app in models.py. Of a '
            "receiver that copies nothing of a row, write its name into GDPR_QUIET_RECEIVERS.",
            each.model,
        )
        for each in declarations(app_configs)
        if (names := too_late(each.model, is_copied=bool(copying(each.model))))
    ]
