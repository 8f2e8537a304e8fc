"""The uploaded files that rows name, copied into an export. Writes to no storage."""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models.fields.files import FieldFile

from ..sensitive import sensitive
from .cleaning import upload_name
from .records import Table, Upload
from .zipping import Archive


def copy(archive: Archive, table: Table, column: str, stored: FieldFile, folder: str) -> Iterator[None]:
    """Copy a file into ``folder`` of the zip, once for each column, and note it in ``table``; pause after each chunk.

    What cannot be read is noted with the class of the error, and ends nothing: each storage has errors of its own. If
    the beginning could be read, that is there.
    """
    name = str(stored.name)
    if (column, name) in table.uploads:
        return
    upload = table.uploads[column, name] = Upload(column=column, name=name)
    content = _content(upload, stored)
    chunk = next(content, None)
    if upload.error:
        return
    upload.file = f"{folder}/{upload_name(name, len(table.uploads))}"
    with archive.open(upload.file) as file:
        while chunk is not None:
            file.write(chunk)
            yield
            chunk = next(content, None)


@sensitive
def _content(upload: Upload, stored: FieldFile) -> Iterator[bytes]:
    """Yield the content in chunks, as far as it can be read."""
    try:
        stored.open("rb")
        try:
            yield from map(bytes, stored.chunks())
        finally:
            stored.close()
    except Exception as error:  # noqa: BLE001
        upload.error = type(error).__name__
