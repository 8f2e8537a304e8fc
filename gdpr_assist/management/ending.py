"""How the commands end: with a line that says whether all is well, or with all that they say as one JSON document."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.core.serializers.json import DjangoJSONEncoder

WELL = "All is well."

# Nobody can tell of a column that an anonymiser of the project fills, for example.
WELL_AS_FAR_AS_KNOWN = "All is well, as far as it can be known."


def end(
    command: BaseCommand,
    options: Mapping[str, Any],
    wrong: Sequence[str],
    facts: Callable[[], Mapping[str, Any]] = dict,
    *,
    fails: bool = True,
    well: str = WELL,
) -> None:
    """Write the verdict, or with ``--json`` the ``facts`` with it. What is ``wrong`` are sentences, without values.

    Raises ``CommandError`` with the verdict, so that the exit status is 1, if something is wrong and that ``fails``.
    """
    as_json = options.get("json", False)
    if as_json:
        write_document(command, {"is_well": not wrong, "wrong": list(wrong), **facts()})
    elif not wrong and options["verbosity"]:
        command.stdout.write(well)
    if not wrong:
        return
    verdict = f"Not well: {' '.join(wrong)}"
    if fails:
        raise CommandError(verdict)
    if not as_json and options["verbosity"]:
        command.stdout.write(verdict)


def write_document(command: BaseCommand, facts: Mapping[str, Any]) -> None:
    """Write ``facts`` as the one document on stdout: times as ISO 8601, other values that JSON has not as texts."""
    command.stdout.write(json.dumps(facts, cls=DjangoJSONEncoder))
