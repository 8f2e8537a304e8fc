"""An export as a download that starts at once and breaks off after an error; reads rows only while it is sent."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterator
from datetime import datetime
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
    reference = new_reference()
    return attachment(request, stream_zip(rows, failed=failed, reference=reference, **format_of(request)), reference)


def attachment(request: HttpRequest, zipped: Iterator[bytes], reference: str) -> StreamingHttpResponse:
    """Return the pieces of a zip as an attachment, which no cache keeps.

    Its name says when it was made, and for whom by ``reference`` alone, which stands in the zip too.
    """
    chunks = _logged(zipped)
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
