"""Makes the text of an export harmless: cells for a spreadsheet, and names of files; reads no rows."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterator
from itertools import count
from pathlib import PurePosixPath

from django.core.exceptions import SuspiciousFileOperation
from django.utils.text import get_valid_filename

# Where programs begin a new cell: at each line, and where the semicolon or the tab is taken for the separator
BREAKS = re.compile(r"([\n\v\f\x85\u2028\u2029;]|(?!^)[\r\t])")

# Of a number, also one of a telephone, which stays as it is
NUMBER = re.compile(r"[+-][\d\s().+-]*")

# Categories of Unicode: controls, formats (zero width, byte order mark, soft hyphen), marks on a letter, and blanks
UNSEEN = {"Cc", "Cf", "Me", "Mn", "Zl", "Zp", "Zs"}

# In bytes: what file systems take
LONGEST_NAME = 255
LONGEST_SUFFIX = 20
# With two folders in front, below the 260 characters that Windows takes for a path
LONGEST_UPLOAD = 100

# What may lead to another folder
SEPARATORS = re.compile(r"(\.{2,}|[/\\:])+")
# Devices of Windows, also with a suffix
RESERVED = re.compile(r"(con|prn|aux|nul|(com|lpt)[0-9])(\.|$)", re.IGNORECASE)

# What a browser runs, with scripts, when a link to it is followed
RUN_BY_BROWSERS = re.compile(r"\.(s?html?|xht(ml)?|mht(ml)?|svgz?|xml|xslt?|m?js)$", re.IGNORECASE)


def cell(text: str) -> str:
    """Return ``text`` with an apostrophe wherever a spreadsheet would read a formula (OWASP, "CSV Injection").

    That is in front of ``=``, ``@``, ``+`` and ``-``, and their wide forms: at the beginning of the text, of one of
    its lines, or after a semicolon or a tab, whatever is unseen before it. Any other text, and a number, stays.
    """
    cleaned = "".join(f"'{part}" if _is_formula(part) else part for part in BREAKS.split(text))
    is_first = text.startswith(("\t", "\r")) or _is_formula(text)
    return f"'{cleaned}" if is_first and not cleaned.startswith("'") else cleaned


def _is_formula(text: str) -> bool:
    for place, sign in enumerate(text):
        if unicodedata.category(sign) not in UNSEEN:
            if sign in "+-":
                return not NUMBER.fullmatch(text, place)
            return unicodedata.normalize("NFKC", sign) in ("=", "@", "+", "-")
    return False


def file_name(name: str, *, label: str, taken: Collection[str], suffix: str = ".csv") -> str:
    """Return ``name`` as the name of a file that every file system takes, and that is none of ``taken``.

    ``label``, of the model, stands in front where the name is taken, in whatever letters, and in its place, with
    ``suffix``, where nothing is left of it.
    """
    folded = {each.casefold() for each in taken}
    return next(each for each in _candidates(name, label, suffix) if each.casefold() not in folded)


def upload_name(name: str, number: int) -> str:
    """Return the name, in an export, of an uploaded file: no other one there has its ``number``.

    Somebody else opens what a person has uploaded: what a browser would run becomes a text.
    """
    base = re.split(r"[/\\]", name)[-1]
    valid = f"{number}-{_valid(base, LONGEST_UPLOAD) or 'file'}"
    return f"{valid}.txt" if RUN_BY_BROWSERS.search(valid) else valid


def _candidates(name: str, label: str, suffix: str) -> Iterator[str]:
    name = _valid(name) or _valid(f"{label}{suffix}")
    yield name
    yield _valid(f"{label}-{name}")
    for number in count(2):
        yield _valid(f"{number}-{label}-{name}")


def _valid(name: str, longest: int = LONGEST_NAME) -> str:
    """Return ``name`` without what leads out of a folder or is no part of a name somewhere; empty if all of it is."""
    name = SEPARATORS.sub("-", unicodedata.normalize("NFKC", name))
    try:
        name = get_valid_filename(name).strip("-.")
    except SuspiciousFileOperation:
        return ""
    name = f"_{name}" if RESERVED.match(name) else name
    suffix = PurePosixPath(name).suffix
    if len(suffix.encode()) > LONGEST_SUFFIX:
        suffix = ""
    stem = name.removesuffix(suffix).encode()[: longest - len(suffix.encode())]
    return stem.decode(errors="ignore") + suffix
