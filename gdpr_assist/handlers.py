"""Kept for code of 1.x that imports it: it connected receivers by being imported. Nothing is here any more."""

from __future__ import annotations

from .former import warn

warn("gdpr_assist.handlers", "Leave the import out: the app connects its receivers by itself.")
