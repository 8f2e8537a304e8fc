"""What --workers and --enqueue of anonymise_db need of the site. Writes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.apps import apps
from django.core.management.base import CommandError

from ..conf import task_backend
from ..queues import tasks


def check_hands(options: Mapping[str, Any]) -> None:
    """Raise ``CommandError`` where others than the command itself cannot scrub here; what they need is said."""
    if options["workers"] == 1 and not options["in_queue"]:
        return
    if apps.is_installed("django_tenants"):
        raise CommandError(
            "--workers and --enqueue are not for django_tenants: another process is not told the schema. Leave them "
            "out."
        )
    if not options["in_queue"]:
        return
    if not options["marks"]:
        raise CommandError(
            "--enqueue needs the markers: a queue may have a part done twice, and they say what is done. Leave out "
            "--no-marks, or take --workers."
        )
    if task_backend() is None:
        raise CommandError("--enqueue: there is no queue. Set GDPR_TASK_BACKEND, or take --workers.")
    try:
        gives_results = tasks().task_backends[task_backend()].supports_get_result
    except Exception as error:  # noqa: BLE001  (each version has another class, and each backend its own)
        raise CommandError(
            f"--enqueue: the backend {task_backend()!r} of GDPR_TASK_BACKEND cannot be used "
            f"({type(error).__name__}). Look at gdpr_assist.E053 of python manage.py check, or take --workers."
        ) from None
    if not gives_results:
        raise CommandError(
            f"--enqueue: the backend {task_backend()!r} does not tell what became of a task (supports_get_result). "
            "Take another one, or --workers."
        )
