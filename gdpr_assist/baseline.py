"""The keys of an old site that may wait for an answer: a file that only gets shorter. Knows no models."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured


def read_baseline(file: Path) -> frozenset[str]:
    """Return the labels of the keys, as ``shop.Order.packed_by``. Raises ``ImproperlyConfigured`` if it has none."""
    try:
        known = json.loads(file.read_text())
    except FileNotFoundError:
        raise ImproperlyConfigured(f"{file.name} is not there. Run manage.py gdpr_paths, which writes it.") from None
    except (OSError, ValueError) as error:
        raise ImproperlyConfigured(
            f"{file.name} cannot be read ({type(error).__name__}). Remove it to begin anew."
        ) from None
    if not isinstance(known, list) or not all(isinstance(label, str) for label in known):
        raise ImproperlyConfigured(f"{file.name} is no baseline: it holds no list of keys. Remove it to begin anew.")
    return frozenset(known)


def write_baseline(file: Path, labels: Iterable[str]) -> None:
    """Raises ``OSError``."""
    file.write_text(json.dumps(sorted(labels), indent=2) + "\n")
