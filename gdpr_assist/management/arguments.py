"""Values that commands take as arguments, read from texts; an option that several commands have. Does nothing."""

from __future__ import annotations

import uuid
from argparse import ArgumentTypeError
from datetime import datetime, time

from django.core.management.base import CommandParser
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime


def add_database_id(parser: CommandParser, help_: str) -> None:
    """Add ``--database-id``, formerly ``--instance``: other ids of the database that count as its own."""
    parser.add_argument(
        "--database-id",
        "--instance",
        dest="database_id",
        action="append",
        default=[],
        type=operation_id,
        metavar="UUID",
        help=help_,
    )


def add_json(parser: CommandParser, help_: str = "Write the result as JSON.") -> None:
    """Add ``--json``: one document on stdout, and all that is for a person on stderr."""
    parser.add_argument("--json", action="store_true", help=help_)


def operation_id(text: str) -> uuid.UUID:
    """Return the uuid that ``text`` is."""
    try:
        return uuid.UUID(text)
    except ValueError:
        raise ArgumentTypeError("not an id as gdpr_rerun prints it") from None


def moment(text: str) -> datetime:
    """Return the moment that ``text`` names, in the current time zone unless it says another."""
    try:
        day = parse_date(text)
        parsed = datetime.combine(day, time()) if day else parse_datetime(text)
    except ValueError:  # a day that there is not
        parsed = None
    if parsed is None:
        raise ArgumentTypeError("not a date or time; write 2026-11-24 or 2026-11-24T03:00")
    return timezone.make_aware(parsed) if timezone.is_naive(parsed) else parsed


def positive(text: str) -> int:
    """Return the number that ``text`` is."""
    if not text.isdecimal() or int(text) == 0:
        raise ArgumentTypeError("not a whole number of at least 1")
    return int(text)
