"""What a scrub says when it breaks off: what is done, and how to go on. Writes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import Error

from ..databases.failures import failure
from ..exceptions import AnonymiseError

AGAIN = "Run the command again, without --restart: it goes on where it stopped."
NOT_NOTED = f"All rows are anonymised, but it could not be noted that the run has ended. {AGAIN}"
NOT_HEARD = (
    "All rows are anonymised, but a receiver of post_scrub did not come to its end, and nothing is compacted. "
    f"Mend it. {AGAIN}"
)


class Interrupted(AnonymiseError):
    """Somebody has stopped it; it says what is done."""


class Told(AnonymiseError):
    """It says already what is done."""


@contextmanager
def told(progress: object, again: str = "") -> Iterator[None]:
    """Turn what breaks the block off into an ``AnonymiseError`` that says what is done, and how to go on.

    ``progress`` is asked for its text when that happens.
    """
    try:
        yield
    except KeyboardInterrupt:
        raise Interrupted(f"Interrupted. {progress} {again}".rstrip()) from None
    except Told:
        raise
    except AnonymiseError as error:
        raise Told(f"{progress} {without_its_own(error)}") from None
    except Error as error:
        raise Told(f"{failure(error)} {progress} {again}".rstrip()) from None


def without_its_own(error: AnonymiseError) -> str:
    """Return what ``error`` says without what it says is done: that of one transaction is not true of a scrub."""
    return str(error).replace(" Nothing was changed.", "").replace("; nothing was changed", "")
