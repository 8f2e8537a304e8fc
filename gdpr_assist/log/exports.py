"""Notes what is taken out of the site: when, who, of how much, and whether all of it came through. No values."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterator, Mapping
from uuid import UUID, uuid4

from django.db import Error

from ..tables import Export

logger = logging.getLogger(__name__)


def noted(
    pieces: Iterator[bytes],
    *,
    by: str,
    format: str,
    reference: str,
    counts: Callable[[], Mapping[str, int]],
    id: UUID | None = None,
) -> Iterator[bytes]:
    """Yield ``pieces`` of a zip, and note the export: begun with the first of them, whole after the last.

    ``id`` is that of the note, by default a random one. ``by`` is who asked for it, as ``tables.who`` says; ``counts``
    returns {label of a model: rows} so far. What breaks off, also since nobody reads on, is noted as broken off.
    Raises ``Error`` before the first piece where it cannot be noted that it begins: what leaves no trace is not
    handed out.
    """
    entry = Export.objects.create(id=id or uuid4(), by=by, format=format, reference=reference)
    digest = hashlib.sha256()
    state = Export.BROKEN
    try:
        for piece in pieces:
            digest.update(piece)
            yield piece
        state = Export.WHOLE
    finally:
        is_whole = state == Export.WHOLE
        end = {"state": state, "counts": dict(counts()), "digest": digest.hexdigest() if is_whole else ""}
        try:
            # Not save(): where the note is gone, it has Django roll the transaction back, which may be anybody's.
            Export.objects.filter(pk=entry.pk).update(**end)
        except Error as error:
            logger.error("The end of export %s could not be noted (%s).", entry.pk, type(error).__name__)


def break_off(id: UUID) -> None:
    """Note of an export, if it is noted at all, that nobody got it: its file broke off, or is gone."""
    Export.objects.filter(pk=id).exclude(state=Export.BROKEN).update(state=Export.BROKEN, digest="")


def reference_of(id: UUID) -> str:
    """Return the reference of an export, empty if it is not noted."""
    return Export.objects.filter(pk=id).values_list("reference", flat=True).first() or ""


def labels_of(id: UUID) -> set[str]:
    """Return the labels of the models of which an export has rows; none if it is not noted."""
    return set(Export.objects.filter(pk=id).values_list("counts", flat=True).first() or {})
