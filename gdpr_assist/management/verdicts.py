"""What gdpr_verify prints of findings, and which options go together. Asks no database."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Any

from django.core.management.base import CommandError
from django.template.defaultfilters import pluralize

from ..pages import page
from ..planning.preview import Preview
from ..scrubbing.verification import Verification
from ..verifying.curing import Cured
from ..verifying.findings import Finding
from .ending import WELL, WELL_AS_FAR_AS_KNOWN

HEADER = ("database", "model", "what", "rows")

# Of the numbers of whole tables
NUMBERS = ("database", "model", "rows", "anonymised", "refilled", "left out", "not known of")

# {option: those that have no meaning with it}
WITHOUT = {
    "operation": ("person", "all", "model", "exclude_model", "database", "party"),
    "person": ("all", "model", "exclude_model"),
}


def check_options(options: dict[str, Any]) -> None:
    """Raise ``CommandError`` for options that do not go together."""
    for name, others in WITHOUT.items():
        if options[name] and (given := [f"--{other.replace('_', '-')}" for other in others if options[other]]):
            raise CommandError(f"--{name} looks at its own rows: leave out {', '.join(given)}.")
    if options["party"] and not options["person"]:
        raise CommandError("--party says which of the people in a row is meant: name the row with --person.")
    if options["person"] and len(options["database"] or ()) > 1:
        raise CommandError("--person is a row of one database: name one with --database.")


def table(findings: Iterable[Finding]) -> list[list[str]]:
    return [[each.using, each.label, each.what, str(each.count)] for each in findings]


def sentences(findings: Iterable[Finding]) -> Iterator[str]:
    """Yield what is wrong, with its cure."""
    those = [each for each in findings if each.is_wrong]
    if not those:
        return
    yield f"{', '.join(map(str, those))}."
    if any(each.is_curable for each in those):
        yield "With --fix, what was refilled or missed is erased again."
    if not all(each.is_curable for each in those):
        yield f"For the rest, see {page('reference/commands', 'gdpr_verify')}."


def of_table(each: Preview) -> str:
    """Return the numbers of one table in a line."""
    rows = each.rows + each.left
    text = f"{rows} row{pluralize(rows)}, {each.marked} anonymised, {each.refilled} refilled"
    if each.left:
        text += f", {each.left} left out by scrub"
    if each.unknown:
        text += f"; not known of {', '.join(each.unknown)}"
    return f"{each.plan.using}: {each.plan.name}: {text}"


def of_verification(verification: Verification) -> Iterator[str]:
    """Yield what is not known, and what is there again."""
    names = (f"{each.plan.label}.{name}" for each in verification.previews for name in each.unknown)
    if unknown := dict.fromkeys(names):
        yield (
            f"Not known, and not counted as in order: whether {', '.join(unknown)} hold anything "
            "again. Nobody can tell what an anonymiser or a save() of the project, the time, chance or an "
            "encrypting field has put there."
        )
    for place in verification.returned:
        if place.unknown:
            yield (
                f"{place.using}: {place.label}: of {place.unknown} that were erased nobody can tell whether they are "
                f"there again ({page('howto/restore_a_backup', 'If something is listed as failed')})"
            )
        if not place.counted:
            continue
        text = f"{place.using}: {place.label}: {place.counted}, and there again"
        if not place.is_certain:
            text += "; not known whether these are other rows, as a key of this model may be used again"
        yield text
    if verification.log_error:
        yield (
            f"Not looked at: whether erased rows are there again, as the event log cannot be read "
            f"({verification.log_error}): {page('howto/protect_the_log', 'The owner')}"
        )


def of_since(findings: Iterable[Finding]) -> Iterator[str]:
    """Yield what is there that an erasure would have taken."""
    yield from (f"{each.using}: {each.label}: {each.count} {each.what} (came since, or was left)" for each in findings)


def of_cured(cured: Cured) -> Iterator[str]:
    """Yield what was done."""
    yield from (f"{using}: operation {operation}" for using, operation in cured.operations.items())
    yield from (f"{label}: {count} anonymised again" for label, count in cured.anonymised.items())
    yield from (f"{label}: {count} deleted" for label, count in cured.deleted.items())


def cells(each: Preview) -> list[str]:
    """Return them as the row of a table."""
    numbers = (each.rows + each.left, each.marked, each.refilled, each.left)
    return [each.plan.using, each.plan.name, *map(str, numbers), ", ".join(each.unknown)]


def well(findings: Iterable[Finding]) -> str:
    """Return the verdict where nothing is wrong: it may be that nobody can tell."""
    is_open = any(each.what.startswith(("not known", "not looked at", "cannot be told")) for each in findings)
    return WELL_AS_FAR_AS_KNOWN if is_open else WELL


def as_json(findings: Iterable[Finding], cured: Cured | None) -> dict[str, Any]:
    """Return it all as what JSON has."""
    found = [
        {"database": each.using, "model": each.label, "what": each.what, "rows": each.count, "wrong": each.is_wrong}
        for each in findings
    ]
    return {"found": found, "cured": asdict(cured) if cured else None}
