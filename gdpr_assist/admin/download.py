"""An export as a download that starts at once and breaks off after an error; reads rows only while it is sent."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import datetime
from functools import partial
from typing import Any

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, StreamingHttpResponse
from django.utils import timezone
from django.utils.cache import patch_cache_control
from django.utils.http import content_disposition_header

from ..declaring.search import Failed
from ..exceptions import ExportError
from ..export.archive import FORMATS, RowsByModel, new_reference, stream_zip
from ..export.records import Table
from ..log.exports import noted
from ..tables import who
from .selection import SelectionError, not_a_selection

logger = logging.getLogger(__name__)


def format_of(request: HttpRequest) -> dict[str, Any]:
    """Return the format that was posted, as ``stream_zip`` takes it; CSV without a mark where nothing was.

    Raises ``SelectionError`` for one that there is not.
    """
    name = request.POST.get("format", "csv")
    if name not in FORMATS:
        raise SelectionError(not_a_selection())
    return {"format": name, "bom": "bom" in request.POST}


def download(request: HttpRequest, rows: RowsByModel, failed: Failed) -> StreamingHttpResponse:
    """Return the zip of ``rows`` as an attachment; it names the models that ``failed`` when they were searched.

    Raises ``SelectionError`` for a format that there is not.
    """
    return attachment(request, partial(stream_zip, rows, failed=failed))


def attachment(request: HttpRequest, stream: Callable[..., Iterator[bytes]]) -> StreamingHttpResponse:
    """Return what ``stream`` yields, given how, as an attachment, which no cache keeps. The export is noted.

    Its name says when it was made, and for whom by a reference alone, which stands in the zip and in the note too.
    Raises ``SelectionError`` for a format that there is not.
    """
    how, reference = format_of(request), new_reference()
    counts: dict[str, int] = {}
    tables: list[Table] = []
    pieces = stream(counts=counts, tables=tables, reference=reference, **how)

    def rows() -> Counter[str]:
        return sum((Counter({each.label: counts.get(each.file, 0)}) for each in tables), Counter())

    chunks = _logged(
        noted(pieces, by=who(request.user), format=how["format"], reference=reference, counts=rows),
    )
    name = f"personal-data-{datetime.now(timezone.get_current_timezone()):%Y-%m-%d}-{reference}.zip"
    response = StreamingHttpResponse(
        # Django would hold all of a plain iterator in memory before an asynchronous server gets the first piece.
        _asynchronous(chunks) if isinstance(request, ASGIRequest) else chunks,
        content_type="application/zip",
        headers={"Content-Disposition": content_disposition_header(True, name) or ""},
    )
    patch_cache_control(response, no_store=True, private=True)
    return response


def _logged(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """By now no page can be shown: log the error, and raise it for the server to break the connection."""
    try:
        yield from chunks
    except ExportError as error:
        logger.error("A download of personal data is not whole. %s", error)
        raise


async def _asynchronous(chunks: Iterator[bytes]) -> AsyncIterator[bytes]:
    following = sync_to_async(lambda: next(chunks, None))
    while (chunk := await following()) is not None:
        yield chunk
