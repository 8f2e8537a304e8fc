"""How a name of 1.x that is kept for existing code says so; knows none of them."""

from __future__ import annotations

import warnings


def warn(name: str, cure: str) -> None:
    """Warn that ``name`` is kept for existing code only."""
    warnings.warn(f"{name} is kept for code that was written for 1.x. {cure}", DeprecationWarning, stacklevel=3)
