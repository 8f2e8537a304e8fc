"""What is known of a person as a zip: a file for each model, and what the zip has and has not. Writes no rows."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

from .. import __version__
from ..copies.rows import copies_of
from ..declaring.clauses import DELETED, Keep
from ..export.archive import new_reference, stream_zip
from ..export.records import Table
from ..paths import clauses_of, known_by, routes
from ..phrases import Phrase
from ..registry import registry
from .finding import Found
from .lines import Line
from .person import Keys, Known
from .references import HERSELF, Tokens
from .shares import SEEN, SHARED, UNABLE, Reason
from .showing import left_out, shown_to

OTHERS = (
    "A key to another person is a token: the same for the same person in this export, another one in the next "
    "(Article 15(4) of the GDPR). A name that stands in a column or a text of the person's rows stays as it is. "
    f'"{HERSELF}" is the one whom the export is for.'
)


@dataclass(frozen=True, kw_only=True)
class Recipient:
    """The person whom an export is for, and what was looked for."""

    whose: str
    """The rows that are the person, by label and key."""

    keys: Keys = field(repr=False)
    using: str
    values: list[Known] = field(repr=False)
    uncertain: list[Reason]
    acted: list[Line]
    """Rows to which the person only did something."""

    is_narrowed: bool
    """Whether the caller has left out rows."""

    tells: Callable[[QuerySet[Any]], bool] | None
    """Whether there may be a word of rows that are not in the export; None where there is one of all."""


def stream(
    recipient: Recipient,
    found: Iterable[Found],
    counts: dict[str, int],
    *,
    format: str,
    bom: bool,
    reference: str,
    tables: list[Table] | None,
) -> Iterator[bytes]:
    """Yield the zip in pieces; ``counts`` and ``tables`` get what ``stream_zip`` gives them.

    Of a row about several people, each gets what is theirs, what they have seen, and what is not personal.
    """
    tokens = Tokens(recipient.keys, recipient.using)
    there = [each for each in found if each.rows.exists()]

    reference = reference or new_reference()

    def manifest(tables: list[Table]) -> dict[str, Any]:
        said = _manifest(recipient, list(zip(there, tables, strict=True)), counts)
        return {"reference": reference, "format": format, **said}

    rows = [(each.model, *shown_to(each, tokens)) for each in there]
    how: dict[str, Any] = {"format": format, "bom": bom, "reference": reference, "tables": tables}
    yield from stream_zip(rows, counts, manifest=manifest, **how)


def _manifest(recipient: Recipient, written: list[tuple[Found, Table]], counts: dict[str, int]) -> dict[str, Any]:
    there = [found for found, _ in written]
    searched = {model._meta.label for model in registry.models if routes(model) or known_by(model)}
    acted = [_acted(line) for line in recipient.acted]
    elsewhere = {each.label for each in [*recipient.uncertain, *acted]}
    return {
        "person": recipient.whose,
        "identifiers": _identifiers(recipient.values),
        "made": timezone.now().isoformat(),
        "version": __version__,
        "other_people": OTHERS,
        "files": [
            {
                "file": table.file,
                **_beside(table),
                "model": each.label,
                "database": each.using,
                "party": each.part,
                "found": list(each.ways),
                "rows": counts[table.file],
                "columns": table.columns,
                "about_somebody_else_too": each.is_shared,
                "on_erasure": _on_erasure(each),
                "withheld": left_out(each, table.columns),
            }
            for each, table in written
        ],
        "empty": sorted(searched - {each.label for each in there} - elsewhere),
        "copies": _copies(there, recipient.tells),
        "not_included": recipient.uncertain,
        "acted": acted,
        "narrowed": recipient.is_narrowed,
    }


def _beside(table: Table) -> dict[str, Any]:
    """Return what else there is of the rows, by format, and the uploaded files that they name."""
    files = {"json": table.json, "schema": table.schema, "pages": table.pages}
    uploads = [
        {"column": each.column, "name": each.name, "file": each.file or None}
        | ({"error": each.error} if each.error else {})
        for each in table.uploads.values()
    ]
    return {name: value for name, value in {**files, "uploads": uploads}.items() if value}


def _acted(line: Line) -> Reason:
    reason = Phrase("%(ways)s: not about this person", ways=line.how)  # English: the cover has words of its own
    return Reason(label=line.share.label, count=line.count, reason=reason)


def _identifiers(values: list[Known]) -> dict[str, list[Any]]:
    """Return {kind: the values by which rows were looked for}: they are certain to be the person's own."""
    shown = {
        kind
        for declared in registry
        for kind, identifier in (declared.clauses.identifiers or {}).items()
        if not set(identifier.lookups).isdisjoint(declared.export_fields)
    }
    found: dict[str, list[Any]] = defaultdict(list)
    for each in values:
        if each.is_certain and each.identifier in shown:  # a session's key, say, is in no export
            found[each.identifier].append(each.value)
    return dict(found)


def _copies(there: Iterable[Found], tells: Callable[[QuerySet[Any]], bool] | None) -> dict[str, int]:
    """Return {label: rows} of what repeats the rows of the export, as a history, and is not in it."""
    counts: Counter[str] = Counter()
    for each in there:
        for rows in copies_of(each.rows):
            if tells is None or tells(rows):
                counts[rows.model._meta.label] += rows.count()
    return dict(+counts)


def _on_erasure(found: Found) -> str:
    """Say what an erasure does to the rows, as ``shares`` decides it."""
    declared, clauses = registry.declaration(found.model), clauses_of(found.model)
    if found.is_shared:
        return f"kept ({SHARED})"
    if isinstance(clauses.on_erasure, Keep):
        return f"kept ({clauses.on_erasure.ground})"
    if clauses.on_erasure == DELETED:
        return "deleted"
    if not declared.meta.can_anonymise:
        return f"kept ({UNABLE})"
    if found.part and found.part not in declared.parts:
        return f"kept ({SEEN})"
    staying = ", ".join(f"{name} is kept ({keep.ground})" for name, keep in clauses.kept.items())
    return f"anonymised; {staying}" if staying else "anonymised"
