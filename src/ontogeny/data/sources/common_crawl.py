"""Pages of Common Crawl by index: each line of an index names a record, and a range request fetches it.

An index is JSON lines with `filename`, `offset` and `length` (as cc-index-table exports them), or CDXJ as the index
server answers (https://index.commoncrawl.org): a key, a time, and the same as JSON. Requests have limits of time and
size; a record that cannot be fetched counts as a bad row. Requests follow each other, as Common Crawl asks.
"""

from __future__ import annotations

import http.client
import io
import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urljoin, urlsplit

from pydantic import Field, field_validator

from ontogeny.data.document import Document, Rejected
from ontogeny.data.sources.files import Reading, Unit, rejected
from ontogeny.data.sources.pages import PageSource
from ontogeny.data.sources.warc import capture_document
from ontogeny.data.sources.warc_records import captures_in
from ontogeny.records.compressed import DamagedStreamError, open_bytes
from ontogeny.records.jsonl import checked_row
from ontogeny.records.lines import Line, read_lines
from ontogeny.records.row import BadRow, Fault, byte_locator, offset_locator, record_locator, sample_of

BASE_URL = "https://data.commoncrawl.org/"
MAX_RANGE_BYTES = 64 << 20
"""Longest record fetched: compressed, a page of 5 MiB takes at most as much."""

AGENT = "ontogeny (https://pypi.org/project/ontogeny)"
RETRY_STATUS = (429, 500, 502, 503, 504)
READ_BYTES = 1 << 16


class CommonCrawlSource(PageSource):
    """`{type: common-crawl, path: ./index.jsonl}`"""

    type: Literal["common-crawl"]

    base_url: str = BASE_URL
    """Where the index's file names are found."""

    timeout_seconds: float = Field(60.0, gt=0)
    """Longest time for one request, from its beginning to its end."""

    attempts: int = Field(3, ge=1)
    """Requests for one record before it counts as bad; the wait between them doubles."""

    retry_seconds: float = Field(1.0, ge=0)
    """Wait before the second attempt."""

    @field_validator("base_url")
    @classmethod
    def _is_web_address(cls, base_url: str) -> str:
        if urlsplit(base_url).scheme not in ("http", "https"):
            raise ValueError(f"{base_url!r} is no http or https address")
        return base_url if base_url.endswith("/") else f"{base_url}/"


@dataclass(frozen=True, slots=True)
class _Range:
    """A record to fetch."""

    url: str
    start: int
    end: int
    locator: str


class _FetchError(Exception):
    """A request that failed; `again` says whether another may not."""

    def __init__(self, detail: str, *, again: bool) -> None:
        super().__init__(detail)
        self.again = again


def read_common_crawl(
    source: CommonCrawlSource, unit: Unit, reading: Reading
) -> Iterator[Document | Rejected]:
    """One document for each line of an index whose record holds a page."""
    number, skip = 0, reading.resume_at or 0
    try:
        with open_bytes(unit.path, reading.watch) as stream:
            for line in read_lines(stream):
                if not line.data.strip():
                    continue
                number += 1
                if number > skip:
                    reading.begin(number - 1)
                    yield _outcome(source, unit, line, number, reading)
        bad = BadRow(Fault.EMPTY_FILE, "there is no line in this index", 0, record_locator(unit.path, 0))
    except DamagedStreamError as error:
        bad = BadRow(Fault.DAMAGED_COMPRESSION, str(error), number + 1, record_locator(unit.path, number + 1))
        number = 0
    if number == 0:
        reading.count.add_bad(bad)
        yield rejected(bad, source.source_name)


def _outcome(
    source: CommonCrawlSource, unit: Unit, line: Line, number: int, reading: Reading
) -> Document | Rejected:
    place = byte_locator(unit.path, line.start, line.end)
    wanted = _range_of(source, line, number, place)
    try:
        data = _fetch(source, wanted) if isinstance(wanted, _Range) else b""
        bad = wanted if isinstance(wanted, BadRow) else None
    except _FetchError as error:
        bad = BadRow(Fault.NOT_FETCHED, str(error), number, place, sample_of(line.data))
    if bad is None and isinstance(wanted, _Range):
        for found, _ in captures_in(io.BytesIO(data), max_bytes=source.max_page_bytes):
            return capture_document(source, found, wanted.locator, number, reading)
        bad = BadRow(Fault.DAMAGED_FILE, "the range holds no page", number, wanted.locator)
    assert bad is not None
    reading.count.add_bad(bad)
    return rejected(bad, source.source_name)


def _range_of(source: CommonCrawlSource, line: Line, number: int, place: str) -> _Range | BadRow:
    try:
        value = json.loads(
            line.data[max(line.data.find(b"{"), 0) :]
        )  # what stands before it in CDXJ, the JSON repeats
    except (ValueError, RecursionError) as error:
        return BadRow(Fault.NOT_JSON, str(error), number, place, sample_of(line.data))
    row = checked_row(value, number, place)
    if isinstance(row, BadRow):
        return row
    try:
        name = row.values["filename"]
        start, length = int(str(row.values["offset"])), int(str(row.values["length"]))
    except (KeyError, ValueError) as error:
        detail = f"expected filename, offset and length ({type(error).__name__}: {error})"
        return BadRow(Fault.MISSING_COLUMN, detail, number, place, sample_of(line.data))
    url = urljoin(source.base_url, str(name).lstrip("/"))
    if not url.startswith(source.base_url) or start < 0 or not 0 < length <= MAX_RANGE_BYTES:
        detail = f"no range of at most {MAX_RANGE_BYTES:,} bytes below {source.base_url}"
        return BadRow(Fault.WRONG_TYPE, detail, number, place, sample_of(line.data))
    return _Range(url, start, start + length, offset_locator(url, start, start + length))


def _fetch(source: CommonCrawlSource, wanted: _Range) -> bytes:
    """The bytes of a record.

    Raises:
        _FetchError: every attempt failed, or the first in a way that stays.
    """
    for attempt in range(source.attempts):
        try:
            return _request(source, wanted)
        except _FetchError as error:
            if not error.again or attempt + 1 == source.attempts:
                raise
            time.sleep(source.retry_seconds * 2**attempt)
    raise AssertionError("there is at least one attempt")


def _request(source: CommonCrawlSource, wanted: _Range) -> bytes:
    headers = {"Range": f"bytes={wanted.start}-{wanted.end - 1}", "User-Agent": AGENT}
    request = urllib.request.Request(wanted.url, headers=headers)
    deadline = time.monotonic() + source.timeout_seconds
    length = wanted.end - wanted.start
    data = bytearray()
    try:
        with urllib.request.urlopen(request, timeout=source.timeout_seconds) as answer:
            if answer.status != 206:
                raise _FetchError(f"{wanted.url}: the server does not answer ranges", again=False)
            while piece := answer.read1(READ_BYTES):
                data += piece
                if len(data) > length:
                    raise _FetchError(f"{wanted.url}: more than the range asked for", again=False)
                if time.monotonic() > deadline:
                    raise _FetchError(
                        f"{wanted.url}: longer than {source.timeout_seconds:g} seconds", again=True
                    )
    except urllib.error.HTTPError as error:
        error.close()
        raise _FetchError(
            f"{wanted.url}: the server answered {error.code}", again=error.code in RETRY_STATUS
        ) from None
    except (OSError, http.client.HTTPException) as error:
        raise _FetchError(f"{wanted.url}: {error}", again=True) from None
    if len(data) < length:
        raise _FetchError(f"{wanted.url}: {len(data):,} of {length:,} bytes came", again=True)
    return bytes(data)
