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

# An underscore parts words, as in the names that Django gives to files.
WORD = re.compile(r"[^\W_]+")

# What word processors write, and what it stands for; what is not seen, stands for nothing.
TYPED = {
    **dict.fromkeys("\u2018\u2019\u02bc\u2032\u00b4\uff07", "'"),
    **dict.fromkeys("\u2010\u2011\u2012\u2013\u2212", "-"),
    **dict.fromkeys("\u00ad\u200b\u200c\u200d\u2060\ufeff", ""),
}
UNSEEN = [character for character, meant in TYPED.items() if not meant]
TYPOGRAPHIC = re.compile(f"[{''.join(TYPED)}]")

# What is written in one way only, whatever encodes the text. What is not, may be anything in a pattern.
PLAIN = re.compile(r"[^A-Za-z0-9.]+")

# Between words, where only these are in one way
GAPS = re.compile(r"\W+")

# Of so many values each is asked for by itself, before a text is folded: with more, folding is quicker.
FEW = 100

# Iota may stand below a letter, where its case depends on the normal form: alone of all characters.
IOTA = "\u03b9"

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


def _nearly_folded(text: str) -> str:
    """Return ``text`` with the words that ``folded()`` would give it, sooner. But for iotas: see above."""
    if text.isascii():
        return text.lower()
    for character in UNSEEN:
        text = text.replace(character, "")
    return normalize("NFC", text.casefold())


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
        # (a word of a value that few texts have, all others)
        self._words: list[tuple[str, list[str]]] = []
        for fold in map(folded, self._texts):
            self._by_word[WORD.findall(fold)[0]].append(_whole(fold))
            rare, *others = [""] if IOTA in fold else _words(fold)
            self._words.append((rare, others))

    def __len__(self) -> int:
        return len(self._texts)

    def are_in(self, content: str | bytes) -> bool:
        """Return whether one of them stands in ``content``, however that is encoded."""
        for text in readings(content):  # noqa: SIM110  (any() would take a tenth more for all, here and below)
            if self._may_be_in(text) and self._is_in(folded(text)):
                return True
        return False

    def _may_be_in(self, text: str) -> bool:
        """Return whether all words of one of them stand in ``text``, or letters like these: most texts end here."""
        if len(self._words) > FEW:
            return True
        text = _nearly_folded(text)
        for rare, others in self._words:  # noqa: SIM110
            if rare in text and all(word in text for word in others):
                return True
        return False

    def _is_in(self, text: str) -> bool:
        words = self._by_word.keys() & WORD.findall(text)
        return any(pattern.search(text) for word in words for pattern in self._by_word[word])

    def patterns(self) -> list[str]:
        """Return what ``LIKE`` finds each of them by in small letters, and more: ``are_in()`` decides."""
        return list(dict.fromkeys(pattern for text in self._texts for pattern in _patterns(text)))


def _words(fold: str) -> list[str]:
    """Return its words, the longest first; those of the host of an address, which many have, last."""
    mine, _, host = fold.partition("@")
    return sorted(WORD.findall(mine), key=len, reverse=True) + WORD.findall(host)


def _whole(fold: str) -> re.Pattern[str]:
    before = r"(?<![^\W_])" if WORD.match(fold) else ""
    after = r"(?![^\W_])" if WORD.match(fold[-1]) else ""
    if "@" in fold:  # ann@quill.example is neither lee.ann@ nor lee_ann@quill.example, nor ann@quill.example.org
        before, after = r"(?<!\w)(?<!\w[.+-])", r"(?![^\W_])(?![.-]\w)"
    return re.compile(before + re.escape(fold).replace(r"\ ", "[ _]") + after)


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
