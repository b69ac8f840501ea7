"""WARC and WET files: answers of web servers, their main text extracted; or text that a crawl extracted itself.

Common Crawl's layout (https://commoncrawl.org/the-data/get-started/): `response` records hold pages, `conversion`
records text. The locator gives the bytes of the file that hold the record, compressed or not, so that a range request
gets it again.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from ontogeny.core.remote import AnyPath
from ontogeny.data.document import Document, Rejected
from ontogeny.data.extract.decode import decode_page
from ontogeny.data.extract.extracted import Extracted
from ontogeny.data.extract.page import NO_TEXT
from ontogeny.data.extract.score import score_text
from ontogeny.data.sources.files import Reading, Unit, rejected
from ontogeny.data.sources.pages import Page, PageSource, left_out, page_document, web_document
from ontogeny.data.sources.warc_records import Capture, Damage, captures_in
from ontogeny.records.row import BadRow, Fault, offset_locator, record_locator

HTML_TYPES = ("text/html", "application/xhtml+xml")
CRAWLER = "crawler"
"""Extractor of text that came as text."""


class WarcSource(PageSource):
    """`{type: warc, path: ./crawl/*.warc.gz, extract: fast}`; `type: wet` says the same."""

    type: Literal["warc", "wet"]


def read_warc(source: WarcSource, unit: Unit, reading: Reading) -> Iterator[Document | Rejected]:
    """One document for each page or text of one file."""
    path, start = unit.path, reading.resume_at or 0
    with path.open("rb") as stream:
        reading.watch(stream)
        for found, end in captures_in(stream, max_bytes=source.max_page_bytes, start=start):
            reading.begin(found.start)
            # The count goes on where a killed reading's stood; the number of records before `start` is not known here.
            number = reading.count.total + 1
            yield capture_document(source, found, offset_locator(path, found.start, end), number, reading)
    if reading.place is None:
        yield _empty(source, path, reading)


def capture_document(
    source: PageSource, found: Capture | Damage, locator: str, number: int, reading: Reading
) -> Document | Rejected:
    """What one record gives; counted in `reading`."""
    if isinstance(found, Damage):
        bad = BadRow(Fault.DAMAGED_FILE, found.detail, number, locator)
        reading.count.add_bad(bad)
        return rejected(bad, source.source_name)
    reading.count.add_good()
    page = Page(
        data=found.data,
        locator=locator,
        own_id=found.own_id,
        url=found.url,
        date=found.date,
        charset=found.charset,
    )
    if why := _unwanted(found):
        return left_out(source, page, *why)
    if found.kind == "conversion":
        return _conversion(source, page)
    return page_document(source, page)


def _unwanted(found: Capture) -> tuple[str, str] | None:
    """Why a record is left out before its body is looked at."""
    if found.kind == "revisit":
        return "revisit", "the server said that nothing changed since an earlier capture"
    if found.status is not None and found.status != 200:
        return "http_status", f"the server answered {found.status}"
    if found.truncated:
        return "truncated", f"the crawler cut the page ({found.truncated})"
    if found.fault:
        return "damaged_page", found.fault
    if found.kind != "conversion" and not _is_html(found):
        return "not_html", f"the page is {found.mime or 'of no known type'}"
    return None


def _is_html(found: Capture) -> bool:
    if found.mime in HTML_TYPES:
        return True
    return found.mime is None and b"<html" in found.data[:1024].lower()


def _conversion(source: PageSource, page: Page) -> Document | Rejected:
    if len(page.data) > source.max_page_bytes:
        detail = f"more than the {source.max_page_bytes:,} bytes that `max_page_bytes` allows"
        return left_out(source, page, "page_too_large", detail)
    text = decode_page(page.data, "utf-8")[0].strip()
    if not text:
        return left_out(source, page, NO_TEXT, "the record is empty")
    return web_document(source, page, Extracted(text, CRAWLER, score_text(text)))


def _empty(source: PageSource, path: AnyPath, reading: Reading) -> Rejected:
    bad = BadRow(Fault.EMPTY_FILE, "there is no page or text in this file", 0, record_locator(path, 0))
    reading.count.add_bad(bad)
    return rejected(bad, source.source_name)
