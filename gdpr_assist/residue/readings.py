"""Everything that a stored text says: as it stands, without escapes, and decoded. Asks no database."""

from __future__ import annotations

import base64
import binascii
import html
import json
import re
import zlib
from collections.abc import Iterator
from contextlib import suppress
from urllib.parse import unquote, unquote_plus

# Of base64, in both alphabets; shorter ones are words, paths and keys
SHORTEST = 24
RUN = re.compile(rf"[A-Za-z0-9+/_-]{{{SHORTEST},}}")

# All of them as one letter, the rest as spaces: this tells whether there is a run in a third of the expression's time.
LETTERS = bytes(ord("x" if RUN.match(chr(code) * SHORTEST) else " ") for code in range(256))
LONG = b"x" * SHORTEST

# A session in a cookie in a log, JSON in JSON in a revision: more layers than this are nobody's.
LAYERS = 3

# What a compressed text may become, in bytes
LONGEST = 10_000_000

MARK = re.compile(r"[\\%+&]")
ESCAPE = re.compile(r"(?:\\u[0-9a-fA-F]{4})+|\\[nrtbf]|\\.")
ZLIB = b"\x78"  # the first byte of what zlib wrote, at every level


def readings(content: str | bytes, layers: int = LAYERS) -> Iterator[str]:
    """Yield ``content`` as a text, that without the escapes of JSON, URLs and HTML, and what base64 and zlib hide.

    Signatures are not checked: whoever reads what Django has signed needs no key.
    """
    if not isinstance(content, str):
        if layers and content.startswith(ZLIB):
            yield from _decompressed(content, layers - 1)
        content = content.decode("utf-8", "replace")
    yield content
    yield from _without_escapes(content)
    if layers and _has_run(content):
        for run in RUN.findall(content):
            for start in range(4):  # a path may stand before it: only one of four begins where a letter does
                yield from _decoded(run[start:], layers - 1)


def _has_run(content: str) -> bool:
    return LONG in content.encode("utf-8", "replace").translate(LETTERS)


def _without_escapes(content: str) -> Iterator[str]:
    """Yield it once for each layer of escapes that is undone."""
    for _ in range(LAYERS):
        if not MARK.search(content):
            return
        before, plain = content, ESCAPE.sub(_unescaped, content)
        content = html.unescape(unquote(plain))
        if "+" in plain:
            yield html.unescape(unquote_plus(plain))
        if content == before:
            return
        yield content


def _unescaped(escape: re.Match[str]) -> str:
    with suppress(ValueError):
        return str(json.loads(f'"{escape[0]}"'))
    return escape[0]


def _decoded(run: str, layers: int) -> Iterator[str]:
    run = run.translate({ord("+"): "-", ord("/"): "_"})
    if len(run) % 4 == 1:  # which none is: the last letter is of what follows
        run = run[:-1]
    with suppress(binascii.Error):
        yield from readings(base64.urlsafe_b64decode(f"{run}=="), layers)


def _decompressed(content: bytes, layers: int) -> Iterator[str]:
    with suppress(zlib.error):
        yield from readings(zlib.decompressobj().decompress(content, LONGEST), layers)
