"""The values that are looked for, and whether a text holds one. Asks no database, and prints none of them."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable
from unicodedata import normalize
from urllib.parse import quote

from .readings import readings

# In characters: anything shorter stands in every database.
SHORTEST = 5

WORD = re.compile(r"\w+")

# What word processors write, and what it stands for; what is not seen, stands for nothing.
TYPED = {
    **dict.fromkeys("\u2018\u2019\u02bc\u2032\u00b4\uff07", "'"),
    **dict.fromkeys("\u2010\u2011\u2012\u2013\u2212", "-"),
    **dict.fromkeys("\u00ad\u200b\u200c\u200d\u2060\ufeff", ""),
}
TYPOGRAPHIC = re.compile(f"[{''.join(TYPED)}]")

# What is written in one way only, whatever encodes the text. What is not, may be anything in a pattern.
PLAIN = re.compile(r"[^A-Za-z0-9.]+")

# Between words, where only these are in one way
GAPS = re.compile(r"\W+")

# What an escape begins with, and such a gap
ESCAPES = re.compile(r"[\\& ]+")


def folded(text: str) -> str:
    """Return ``text`` without what may differ.

    That is case, normal form, typographic apostrophes and hyphens, and which spaces or commas are between its words.
    """
    if not text.isascii():
        text = TYPOGRAPHIC.sub(_typed, text)
        text = normalize("NFC", normalize("NFD", text).casefold())
    return " ".join(text.lower().replace(",", " ").split())


def usable(texts: Iterable[str]) -> list[str]:
    """Return those that are long enough to be looked for, each once."""
    found = {folded(text): text.strip() for text in texts}
    return [text for fold, text in found.items() if len(fold) >= SHORTEST and WORD.search(fold)]


def _typed(character: re.Match[str]) -> str:
    return TYPED[character[0]]


class Values:
    """What is looked for: whole, as words. Has no text of its own to print."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._texts = usable(texts)
        # {first word: what looks for the values that begin with it}: a long list takes no longer than a short one
        self._by_word: dict[str, list[re.Pattern[str]]] = defaultdict(list)
        for fold in map(folded, self._texts):
            self._by_word[WORD.findall(fold)[0]].append(_whole(fold))

    def __len__(self) -> int:
        return len(self._texts)

    def are_in(self, content: str | bytes) -> bool:
        """Return whether one of them stands in ``content``, however that is encoded."""
        return any(self._is_in(folded(text)) for text in readings(content))

    def _is_in(self, text: str) -> bool:
        words = self._by_word.keys() & WORD.findall(text)
        return any(pattern.search(text) for word in words for pattern in self._by_word[word])

    def patterns(self) -> list[str]:
        """Return what ``LIKE`` finds each of them by in small letters, and more: ``are_in()`` decides."""
        return list(dict.fromkeys(pattern for text in self._texts for pattern in _patterns(text)))


def _whole(fold: str) -> re.Pattern[str]:
    before = r"(?<!\w)" if WORD.match(fold) else ""
    after = r"(?!\w)" if WORD.match(fold[-1]) else ""
    if "@" in fold:  # ann@quill.example is neither lee.ann@quill.example nor ann@quill.example.org
        before, after = r"(?<!\w)(?<!\w[.+-])", r"(?!\w)(?![.-]\w)"
    return re.compile(before + re.escape(fold) + after)


def _patterns(text: str) -> list[str]:
    """Return one pattern for a value of enough plain letters; for any other, one for each way to write it."""
    plain = PLAIN.sub("%", normalize("NFC", text)).lower()
    if sum(character.isalnum() for character in plain) >= SHORTEST - 1:
        return [f"%{plain}%"]
    text = GAPS.sub(" ", normalize("NFC", text))
    cases = {text, text.lower(), text.upper(), text.title()}
    forms = sorted(normalize(form, case) for case in cases for form in ("NFC", "NFD"))
    return [f"%{_pattern(way)}%" for form in forms for way in (form, *_escaped(form))]


def _escaped(text: str) -> tuple[str, ...]:
    return json.dumps(text)[1:-1], quote(text, safe=" "), text.encode("ascii", "xmlcharrefreplace").decode()


def _pattern(text: str) -> str:
    """Before an escape is whatever escapes it, in each layer. Only plain letters are made small."""
    return ESCAPES.sub("%", text).encode().lower().decode()
