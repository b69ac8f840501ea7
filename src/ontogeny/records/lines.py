"""Lines of a byte stream with their positions, in bounded memory.

A line longer than `max_bytes` is skipped to its end and reported with its beginning only, so that one broken line of
any length costs no more memory than a good one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from ontogeny.records.row import MAX_RECORD_BYTES

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
"""Of UTF-8. Those of other encodings are the business of `encoding`."""


@dataclass(frozen=True, slots=True)
class Line:
    """Bytes `start` to `end` of the stream. `data` is without line end, and of a `too_long` line only the beginning."""

    number: int
    start: int
    end: int
    data: bytes
    too_long: bool = False


def read_lines(
    stream: BinaryIO, *, max_bytes: int = MAX_RECORD_BYTES, start: int = 0, end: int | None = None
) -> Iterator[Line]:
    """Every line of `stream`, numbered from 1; a byte order mark at the very beginning is left out of `data`.

    With bounds, the lines that begin at byte `start` or later and before `end`: neighbouring ranges share no line and
    lose none. Their numbers are known only where `start` is 0; elsewhere they are 0.
    """
    position, number = _seek_line(stream, start, max_bytes), 0
    while (end is None or position < end) and (piece := stream.readline(max_bytes + 1)):
        number += 1 if start == 0 else 0
        begin, length = position, len(piece)
        too_long = length > max_bytes and not piece.endswith(b"\n")
        if too_long:
            length += _skip_line(stream, max_bytes)
        position += length
        data = piece.rstrip(b"\r\n")
        yield Line(
            number, begin, position, data.removeprefix(BYTE_ORDER_MARK) if begin == 0 else data, too_long
        )


def _seek_line(stream: BinaryIO, start: int, max_bytes: int) -> int:
    """Go to the first line that begins at `start` or later; returns where that is."""
    if start == 0:
        return 0
    stream.seek(start - 1)
    return start - 1 + _skip_line(stream, max_bytes)


def _skip_line(stream: BinaryIO, max_bytes: int) -> int:
    """Read to the end of the line; returns how many bytes that took."""
    skipped = 0
    while piece := stream.readline(max_bytes):
        skipped += len(piece)
        if piece.endswith(b"\n"):
            break
    return skipped
