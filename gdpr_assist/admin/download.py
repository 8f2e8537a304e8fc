"""An export as a download that starts at once and breaks off after an error; reads rows only while it is sent."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterator

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, StreamingHttpResponse
from django.utils.http import content_disposition_header

from ..declaring.search import Failed
from ..exceptions import ExportError
from ..export.archive import RowsByModel, stream_zip

logger = logging.getLogger(__name__)

FILENAME = "personal-data.zip"


def download(request: HttpRequest, rows: RowsByModel, failed: Failed) -> StreamingHttpResponse:
    """Return the zip of ``rows`` as an attachment; it names the models that ``failed`` when they were searched."""
    return attachment(request, stream_zip(rows, failed=failed))


def attachment(request: HttpRequest, zipped: Iterator[bytes]) -> StreamingHttpResponse:
    """Return the pieces of a zip as an attachment."""
    chunks = _logged(zipped)
    return StreamingHttpResponse(
        # Django would hold all of a plain iterator in memory before an asynchronous server gets the first piece.
        _asynchronous(chunks) if isinstance(request, ASGIRequest) else chunks,
        content_type="application/zip",
        headers={"Content-Disposition": content_disposition_header(True, FILENAME) or ""},
    )


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
