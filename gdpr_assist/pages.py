"""Where the documentation is: an installed package has none of its files."""

from __future__ import annotations

import re

DOCUMENTATION = "https://django-gdpr-assist.readthedocs.io/en/stable/"


def page(name: str, section: str = "") -> str:
    """Return the URL of a page, such as ``howto/protect_the_log``, or of the section of it that has this title."""
    anchor = re.sub("[^a-z0-9]+", "-", section.lower())
    return f"{DOCUMENTATION}{name}.html{'#' if section else ''}{anchor}"
