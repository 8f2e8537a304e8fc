"""The export of what is selected of a search, as a download or by a job. Writes no rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from django.contrib import messages
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from ..declaring.search import Failed
from ..export.archive import stream_zip
from .asked import Search
from .background import handed_over
from .denied import Denied
from .download import attachment
from .permissions import EXPORT
from .picked import exported
from .refusals import left_out
from .results import RowsByModel


def export(tool: Any, request: HttpRequest, asked: Search, errand: str) -> HttpResponseBase:
    """Return the zip of what is selected, or what leads to the page of the job that makes it.

    ``tool`` is the admin of the tool. Raises as ``picked.exported`` does, and ``PermissionDenied``.
    """
    rows, failed = _rows(tool, request, asked)

    def count() -> int:
        return sum(of_model.count() for _model, of_model in rows)

    if taken := handed_over(tool, request, asked, errand, count, is_export=True):
        return taken
    for text in left_out(failed):
        tool.message_user(request, text, messages.WARNING)
    return attachment(request, partial(stream_zip, rows, failed=failed))


def export_again(
    tool: Any, request: HttpRequest, asked: Search
) -> tuple[Callable[..., Iterator[bytes]], list[tuple[int, str]]]:
    """Return what gives out the same zip, as a job makes it, and what is said of it: [(level, text)].

    Raises what keeps the page from it.
    """
    rows, failed = _rows(tool, request, asked)
    return partial(stream_zip, rows, failed=failed), [(messages.WARNING, text) for text in left_out(failed)]


def _rows(tool: Any, request: HttpRequest, asked: Search) -> tuple[RowsByModel, Failed]:
    if not tool.has_export_permission(request):
        raise Denied(EXPORT)
    return exported(request, tool.admin_site, asked)
