"""Text files: the whole file is one row with the column `text`."""

from __future__ import annotations

from collections.abc import Iterator

from ontogeny.core.remote import AnyPath
from ontogeny.records.compressed import Watch
from ontogeny.records.encoding import open_utf8
from ontogeny.records.formats import Note
from ontogeny.records.lines import BYTE_ORDER_MARK
from ontogeny.records.row import (
    MAX_RECORD_BYTES,
    BadRow,
    Fault,
    Row,
    byte_locator,
    record_locator,
    sample_of,
)


def read_whole(
    path: AnyPath, watch: Watch | None = None, note: Note | None = None, encoding: str | None = None
) -> Iterator[Row | BadRow]:
    """The one row of a text file, compressed or not; `note` is told of an encoding other than UTF-8."""
    with open_utf8(path, watch, note, encoding) as (stream, recoded):
        data = stream.read(MAX_RECORD_BYTES + 1)
    locator = record_locator(path, 1) if recoded else byte_locator(path, 0, len(data))
    if len(data) > MAX_RECORD_BYTES:
        detail = f"the file has more than the {MAX_RECORD_BYTES:,} bytes of one document: split it, or write JSON lines"
        yield BadRow(Fault.TOO_LONG, detail, 1, locator, sample_of(data))
        return
    if not data:
        return
    try:
        yield Row({"text": data.removeprefix(BYTE_ORDER_MARK).decode("utf-8")}, 1, locator)
    except UnicodeDecodeError as error:
        detail = f"byte {error.start} ({data[error.start]:#04x}) is not UTF-8"
        yield BadRow(Fault.INVALID_UTF8, detail, 1, locator, sample_of(data))
