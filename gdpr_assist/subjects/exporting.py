"""What is known of a person as a zip: a file for each model, and what the zip has and has not. Writes no rows."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import IO, Any

from django.utils import timezone

from .. import __version__
from ..declaring.clauses import DELETED, Keep
from ..export.archive import stream_zip
from ..paths import clauses_of, known_by, routes
from ..registry import registry
from .finding import Found
from .shares import Reason

MANIFEST = "manifest.json"


def export(
    file: IO[bytes], whose: str, found: Iterable[Found], uncertain: Iterable[Reason], format: str
) -> dict[str, int]:
    """Write the zip to ``file``; return the number of rows by name of file, as ``write_zip`` does.

    Of a row about several people, each gets what is theirs, what they have seen, and what is not personal.
    """
    there = [each for each in found if each.rows.exists()]
    counts: dict[str, int] = {}

    def manifest() -> dict[str, str]:
        return {MANIFEST: json.dumps(_manifest(whose, there, list(uncertain), counts), indent=2, ensure_ascii=False)}

    for chunk in stream_zip(
        [(each.model, each.rows, withheld(each)) for each in there], counts, format=format, texts=manifest
    ):
        file.write(chunk)
    return counts


def withheld(found: Found) -> frozenset[str]:
    """Return the personal columns of the other parties that this one has not seen."""
    parties = clauses_of(found.model).parties
    if not found.part:
        return frozenset()
    mine = {*parties[found.part].erases, *parties[found.part].sees}
    return frozenset(name for party in parties.values() for name in party.erases if name not in mine)


def _manifest(whose: str, there: list[Found], uncertain: list[Reason], counts: dict[str, int]) -> dict[str, Any]:
    searched = [model for model in registry.models if routes(model) or known_by(model)]
    return {
        "person": whose,
        "made": timezone.now().isoformat(),
        "version": __version__,
        "files": [
            {
                "file": name,
                "model": each.label,
                "database": each.using,
                "party": each.part,
                "found": list(each.ways),
                "rows": counts[name],
                "about_somebody_else_too": each.is_shared,
                "on_erasure": _on_erasure(each),
                "withheld": dict.fromkeys(sorted(withheld(each)), "of another person"),
            }
            for each, name in zip(there, counts, strict=True)
        ],
        "empty": sorted({model._meta.label for model in searched} - {each.label for each in there}),
        "not_included": [str(reason) for reason in uncertain],
    }


def _on_erasure(found: Found) -> str:
    said = clauses_of(found.model).on_erasure
    return f"kept ({said.ground})" if isinstance(said, Keep) else "deleted" if said == DELETED else "anonymised"
