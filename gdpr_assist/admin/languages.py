"""The languages that an export can be in: those of the site that have a catalogue here. Reads no rows."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import NamedTuple

from django.conf import settings
from django.conf.locale import LANG_INFO
from django.http import HttpRequest
from django.utils.text import capfirst
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from .selection import SelectionError, not_a_selection

LOCALE = Path(__file__).parents[1] / "locale"

# The texts of the code themselves
OWN = "en"


class Language(NamedTuple):
    """One of the choices."""

    code: str
    name: str
    """In the language itself, if Django knows it."""

    is_active: bool
    is_rtl: bool = False
    """Whether its name is written from right to left."""


def languages() -> list[Language]:
    """Return the choices, the active language among them; nothing where there is no choice."""
    active = get_language() or OWN
    known = {code: _(name) for code, name in settings.LANGUAGES if code == active or _base(code) in _translated()}
    # Of "en-us", which is active by default, Django's own list has "en" only.
    chosen = active if active in known else next((each for each in known if _base(each) == _base(active)), active)
    known.setdefault(chosen, chosen)
    found = [_language(code, name, is_active=code == chosen) for code, name in known.items()]
    return found if settings.USE_I18N and len(found) > 1 else []


def language_of(request: HttpRequest) -> str | None:
    """Return the language that was posted, by default the active one. Raises ``SelectionError`` for no such one."""
    code = request.POST.get("language")
    if not code:
        return get_language()
    if code not in {each.code for each in languages()}:
        raise SelectionError(not_a_selection())
    return code


def _language(code: str, name: str, *, is_active: bool) -> Language:
    own = LANG_INFO.get(code, {})
    local, is_rtl = own.get("name_local"), own.get("bidi", False)
    return Language(code, capfirst(local) if local else name, is_active, is_rtl)


def _base(code: str) -> str:
    return code.partition("-")[0]


@cache
def _translated() -> frozenset[str]:
    return frozenset({OWN, *(path.name for path in LOCALE.iterdir())})
