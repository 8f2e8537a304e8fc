"""Kept for code of 1.x that imports the form of the Personal data tool from here."""

from __future__ import annotations

from typing import Any

from ..former import warn
from .personal_data import SearchForm


def __getattr__(name: str) -> Any:
    if name != "PersonalDataSearchForm":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    warn("gdpr_assist.admin.tool.PersonalDataSearchForm", "Use gdpr_assist.admin.personal_data.SearchForm.")
    return SearchForm
