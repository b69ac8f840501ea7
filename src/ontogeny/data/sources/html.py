"""HTML files: one page each, its encoding told from what the file says and holds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from ontogeny.data.document import Document, Rejected
from ontogeny.data.sources.files import Reading, Unit, rejected
from ontogeny.data.sources.pages import Page, PageSource, page_document
from ontogeny.records.compressed import DamagedStreamError, open_bytes
from ontogeny.records.row import BadRow, Fault, byte_locator

SIGNATURES = {
    b"%PDF-": "a PDF",
    b"\x89PNG": "a PNG picture",
    b"\xff\xd8\xff": "a JPEG picture",
    b"GIF8": "a GIF picture",
    b"PK\x03\x04": "a ZIP archive",
    b"\x1f\x8b": "a gzip archive without `.gz` in its name",
}
"""How files begin that get the name of a page by a crawler's mistake (https://mimesniff.spec.whatwg.org, section 6)."""


class HtmlSource(PageSource):
    """`{type: html, path: ./pages/**/*.html, extract: quality}`"""

    type: Literal["html"]


def read_html(source: HtmlSource, unit: Unit, reading: Reading) -> Iterator[Document | Rejected]:
    """The page of one file, compressed or not."""
    try:
        with open_bytes(unit.path, reading.watch) as stream:
            data = stream.read(source.max_page_bytes + 1)
        fault = _fault(data)
    except DamagedStreamError as error:
        data, fault = b"", (Fault.DAMAGED_COMPRESSION, str(error))
    locator = byte_locator(unit.path, 0, len(data))
    if fault is not None:
        bad = BadRow(*fault, 1, locator)
        reading.count.add_bad(bad)
        yield rejected(bad, source.source_name)
        return
    reading.count.add_good()
    yield page_document(source, Page(data=data, locator=locator))


def _fault(data: bytes) -> tuple[Fault, str] | None:
    """What is wrong with a file, as far as it shows: any text is HTML, however damaged."""
    if not data:
        return Fault.EMPTY_FILE, "the file is empty"
    other = next((name for start, name in SIGNATURES.items() if data.startswith(start)), None)
    return None if other is None else (Fault.DAMAGED_FILE, f"no HTML: it begins as {other} does")
