"""Django's Tasks, wherever they are. Imports them when it is asked: a site without a backend has no need of them."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import django

MODULE = "django.tasks" if django.VERSION >= (6, 0) else "django_tasks"


def tasks() -> Any:
    """Return the module. Raises ``ImportError`` where the package is not installed."""
    return import_module(MODULE)
