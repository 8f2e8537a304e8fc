"""An export as a download that starts at once and breaks off after an error; reads rows only while it is sent."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, StreamingHttpResponse
from django.utils import timezone
from django.utils.cache import patch_cache_control
from django.utils.http import content_disposition_header
from django.utils.translation import override

from ..exceptions import ExportError
from ..export.archive import FORMATS, new_reference, spoken
from ..export.records import Table
from ..log.exports import noted
from ..tables import who
from .languages import language_of
from .selection import SelectionError, not_a_selection

logger = logging.getLogger(__name__)

# Of a zip: what can be closed before its end
Pieces = Generator[bytes, None, None]


def format_of(request: HttpRequest) -> dict[str, Any]:
    """Return the format that was posted, as ``stream_zip`` takes it; CSV without a mark where nothing was.

    Raises ``SelectionError`` for one that there is not.
    """
    name = request.POST.get("format", "csv")
    if name not in FORMATS:
        raise SelectionError(not_a_selection())
    return {"format": name, "bom": "bom" in request.POST}


def attachment(request: HttpRequest, stream: Callable[..., Iterator[bytes]]) -> StreamingHttpResponse:
    """Return what ``stream`` yields, given how, as an attachment. The export is noted.

    Raises ``SelectionError`` for a format or a language that there is not.
    """
    reference = new_reference()
    return sent(request, _logged(pieces_of(request, stream, reference)), reference, timezone.now())


def pieces_of(
    request: HttpRequest,
    stream: Callable[..., Iterator[bytes]],
    reference: str,
    counts: dict[str, int] | None = None,
    id: UUID | None = None,
) -> Iterator[bytes]:
    """Yield what ``stream`` yields, given how, and note the export, under this ``id`` if there is one.

    ``reference`` stands in the zip and in the note; ``counts`` is filled with the number of rows by name of file.
    Raises ``SelectionError``, before the first piece is asked for, for a format or a language that there is
    not.
    """
    how = format_of(request)
    counts = {} if counts is None else counts
    tables: list[Table] = []
    language = language_of(request)
    with override(language):
        pieces = stream(counts=counts, tables=tables, reference=reference, **how)
    # What is asked for the pieces later may be in another language by then.
    pieces = spoken(pieces, language, timezone.get_current_timezone())

    def rows() -> Counter[str]:
        return sum((Counter({each.label: counts.get(each.file, 0)}) for each in tables), Counter())

    return noted(pieces, by=who(request.user), format=how["format"], reference=reference, counts=rows, id=id)


def sent(
    request: HttpRequest, chunks: Pieces, reference: str, made: datetime, size: int | None = None
) -> StreamingHttpResponse:
    """Return the pieces of a zip as an attachment, which no cache keeps.

    Its name says when it was made, and for whom by a reference alone. ``size`` is that of all pieces, if known:
    so a browser sees that it broke off.
    """
    name = f"personal-data-{made.astimezone(timezone.get_current_timezone()):%Y-%m-%d}-{reference}.zip"
    response = StreamingHttpResponse(
        # Django would hold all of a plain iterator in memory before an asynchronous server gets the first piece.
        _Asynchronous(chunks) if isinstance(request, ASGIRequest) else chunks,
        content_type="application/zip",
        headers={"Content-Disposition": content_disposition_header(True, name) or ""},
    )
    if size is not None:
        response.headers["Content-Length"] = str(size)
    patch_cache_control(response, no_store=True, private=True)
    return response


def _logged(chunks: Iterator[bytes]) -> Pieces:
    """By now no page can be shown: log the error, and raise it for the server to break the connection."""
    try:
        yield from chunks
    except ExportError as error:
        logger.error("A download of personal data is not whole. %s", error)
        raise


class _Asynchronous:
    """The pieces for an asynchronous server.

    Django closes what it has sent, in a thread, also when the client hangs up: it closes what has a ``close()``. A
    generator that is dropped instead ends where no database can be asked, and nothing is noted.
    """

    def __init__(self, chunks: Pieces) -> None:
        self.chunks = chunks

    async def __aiter__(self) -> AsyncIterator[bytes]:
        following = sync_to_async(lambda: next(self.chunks, None))
        while (chunk := await following()) is not None:
            yield chunk

    def close(self) -> None:
        self.chunks.close()
