"""django.contrib.sessions, in the database: what an erased person has in a session goes when it expires.

Whose a session is stands in its data, which no database can search. The password that an erasure replaces ends the
sessions of an account at the next request, as Django compares it. With allauth's list of sessions they are deleted at
once.
"""

from __future__ import annotations

from typing import Any

from django.apps import apps

APP = "django.contrib.sessions"


class SessionPrivacy:
    fields = ["session_data"]
    keep = ["session_key", "expire_date"]
    search_fields: list[str] = []  # by no word: the data are signed, and in base64
    on_erasure = "delete"
    export_exclude = ["session_data"]


class KnownSessionPrivacy(SessionPrivacy):
    identifiers = {"session": "session_key"}


def declarations() -> dict[str, type[Any]]:
    """Return what is declared of sessions; allauth's list of sessions says whose one is."""
    return {"sessions.Session": KnownSessionPrivacy if apps.is_installed("allauth.usersessions") else SessionPrivacy}
