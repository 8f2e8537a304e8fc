"""Notes what is taken out of the site: when, who, of how much, and whether all of it came through. No values."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterator, Mapping

from django.db import Error

from ..tables import Export

logger = logging.getLogger(__name__)


def noted(
    pieces: Iterator[bytes], *, by: str, format: str, reference: str, counts: Callable[[], Mapping[str, int]]
) -> Iterator[bytes]:
    """Yield ``pieces`` of a zip, and note the export: begun with the first of them, whole after the last.

    ``by`` is who asked for it, as ``tables.who`` says; ``counts`` returns {label of a model: rows} so far. What breaks
    off, also since nobody reads on, is noted as broken off. Raises ``Error`` before the first piece where it cannot be
    noted that it begins: what leaves no trace is not handed out.
    """
    entry = Export.objects.create(by=by, format=format, reference=reference)
    digest = hashlib.sha256()
    state = Export.BROKEN
    try:
        for piece in pieces:
            digest.update(piece)
            yield piece
        state = Export.WHOLE
    finally:
        is_whole = state == Export.WHOLE
        entry.state, entry.counts, entry.digest = state, dict(counts()), digest.hexdigest() if is_whole else ""
        try:
            entry.save(update_fields=["state", "counts", "digest"])
        except Error as error:
            logger.error("The end of export %s could not be noted (%s).", entry.pk, type(error).__name__)
