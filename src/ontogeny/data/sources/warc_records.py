"""The records of a WARC file that hold content, each with its place, and damage where a record cannot be read.

Each record of a compressed WARC is a gzip member of its own, so reading goes on at the next member after damage: one
flipped bit costs one record, not the rest of a gigabyte. Requests, metadata and the file's own description belong to
records of content and are no records here.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from ontogeny.data.sources.http_body import BodyError, decode_body
from ontogeny.data.sources.pages import charset_of

if TYPE_CHECKING:
    from fastwarc.warc import WarcRecord

GZIP_MAGIC, PLAIN_MAGIC = b"\x1f\x8b\x08", b"\r\n\r\nWARC/1."
SCAN_BYTES = 1 << 20
MAX_BLOCK_BYTES = 1 << 30
"""Longest record that is skipped by reading over it; beyond, the next one is looked for in the file as it lies."""

KINDS = {4: "response", 8: "resource", 64: "revisit", 128: "conversion"}
"""Records of content, by the numbers of fastwarc.warc.WarcRecordType, which is no key of a dictionary."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Capture:
    """A record of content. `data` is the decoded body, one byte longer than allowed at most; `kind` is its WARC-Type.

    `fault` says why the body is not what it should be. `mime` and `status` are the server's, where one answered.
    """

    start: int
    kind: str
    data: bytes
    own_id: str | None
    url: str | None
    date: str | None
    mime: str | None
    charset: str | None
    status: int | None
    truncated: str | None
    fault: str | None


@dataclass(frozen=True, slots=True)
class Damage:
    """Bytes from `start` on that are no record, or one that ends early."""

    start: int
    detail: str


class _DamageError(Exception):
    """A record cannot be read. `start` is None where it is not known which bytes were meant to be one."""

    def __init__(self, start: int | None, detail: str) -> None:
        super().__init__(detail)
        self.start = start


def captures_in(
    stream: BinaryIO, *, max_bytes: int, start: int = 0
) -> Iterator[tuple[Capture | Damage, int]]:
    """The records of content in `stream`, a WARC or WET file, compressed or not, each with where it ends.

    Begins at byte `start`, which is the `start` of one of them.
    """
    compressed = stream.read(len(GZIP_MAGIC)) == GZIP_MAGIC
    size = stream.seek(0, 2)
    base: int | None = start
    suspect: Damage | None = (
        None  # bytes before `base` that were no record, unless what stands at `base` is the damage
    )
    while base is not None and base < size:
        pending: Capture | None = None
        last = None
        try:
            for begin, found in _records_from(stream, base, max_bytes):
                if suspect is not None:
                    yield suspect, base
                    suspect = None
                if pending is not None:
                    yield pending, begin
                pending, last = found, begin
            if pending is not None:
                yield pending, size
            return
        except _DamageError as error:
            at = base if last is None else error.start
            after = _next_record(
                stream, (last if at is None and last is not None else at or 0) + 1, compressed
            )
            end = size if after is None else after
            if pending is not None:
                yield pending, end if at is None else at
            damage = Damage(last or 0 if at is None else at, str(error))
            suspect = None
            if at is None and after is not None:
                suspect = damage
            else:
                yield damage, end
            base = after


def _records_from(stream: BinaryIO, base: int, max_bytes: int) -> Iterator[tuple[int, Capture | None]]:
    """From `base` on each record's start and, if it is one of content, what it holds.

    Raises:
        _DamageError: at the first that cannot be read.
    """
    from fastwarc.warc import ArchiveIterator

    stream.seek(base)
    position = None
    try:
        for record in ArchiveIterator(stream, parse_http=False):
            position = record.stream_pos
            yield position, _capture(record, max_bytes)
            record.consume()
            position = None
    except (OSError, ValueError, EOFError) as error:
        raise _DamageError(position, str(error)) from error


def _capture(record: WarcRecord, max_bytes: int) -> Capture | None:
    kind = KINDS.get(int(record.record_type))
    start = record.stream_pos
    if record.content_length > MAX_BLOCK_BYTES:
        raise _DamageError(
            start, f"a record of {record.content_length:,} bytes; {MAX_BLOCK_BYTES:,} are read"
        )
    if kind is None:
        return None
    fault = None
    if kind == "response" and record.is_http:
        try:
            record.parse_http()
        except (OSError, ValueError) as error:
            fault = f"no HTTP answer: {error}"
    expected = record.content_length
    data = record.reader.read(max_bytes + 1)
    if len(data) < min(expected, max_bytes + 1):
        raise _DamageError(start, f"the record ends after {len(data):,} of {expected:,} bytes")
    return _with_headers(record, kind, data, max_bytes, fault)


def _with_headers(record: WarcRecord, kind: str, data: bytes, max_bytes: int, fault: str | None) -> Capture:
    http = record.http_headers if record.is_http_parsed else None
    content_type = (http.get("Content-Type") if http else record.headers.get("Content-Type")) or ""
    if http is not None and fault is None:
        encodings = (http.get("Transfer-Encoding"), http.get("Content-Encoding"))
        try:
            data = decode_body(data, *encodings, max_bytes=max_bytes)
        except BodyError as error:
            fault = str(error)
    try:
        date = record.record_date.date().isoformat()
    except (AttributeError, ValueError):
        date = None
    return Capture(
        start=record.stream_pos,
        kind=kind,
        data=data,
        own_id=record.record_id,
        url=(record.headers.get("WARC-Target-URI") or "").strip("<> ") or None,
        date=date,
        mime=content_type.partition(";")[0].strip().lower() or None,
        charset=charset_of(content_type),
        status=http.status_code if http else None,
        truncated=record.headers.get("WARC-Truncated"),
        fault=fault,
    )


def _next_record(stream: BinaryIO, start: int, compressed: bool) -> int | None:
    """Where the first record at `start` or later begins; None if there is none."""
    magic = GZIP_MAGIC if compressed else PLAIN_MAGIC
    ahead = len(magic) - 1
    while True:
        stream.seek(start)
        data = stream.read(SCAN_BYTES + ahead)
        at = data.find(magic)
        while at >= 0:
            found = start + at if compressed else start + at + len(b"\r\n\r\n")
            if not compressed or _is_record(stream, found):
                return found
            at = data.find(magic, at + 1)
        if len(data) <= ahead or len(data) < SCAN_BYTES:
            return None
        start += SCAN_BYTES


def _is_record(stream: BinaryIO, start: int) -> bool:
    stream.seek(start)
    try:
        return zlib.decompressobj(31).decompress(stream.read(1024), 16).startswith(b"WARC/")
    except zlib.error:
        return False
