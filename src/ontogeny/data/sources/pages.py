"""Pages of the web as documents: what all sources of HTML have in common."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pydantic import Field

from ontogeny.core.files import digest_bytes
from ontogeny.data.document import Document, Rejected, Text, domain_of, make_doc_id
from ontogeny.data.extract.decode import decode_page
from ontogeny.data.extract.extracted import Extracted, Mode, NotExtractedError
from ontogeny.data.extract.page import extract_page
from ontogeny.data.extract.workers import Limits
from ontogeny.data.sources.files import FileSource
from ontogeny.records.row import sample_of

MAX_PAGE_BYTES = 5 << 20
"""Largest page: where Common Crawl cuts pages since March 2025 (1 MiB before)."""

CHARSET = re.compile(r"charset\s*=\s*[\"']?([\w:.-]+)", re.IGNORECASE)


class PageSource(FileSource):
    """Settings of a source of web pages."""

    extract: Mode = "fast"
    """`fast`: resiliparse. `quality`: trafilatura, about ten times slower. `union`: both and more, the best kept."""

    max_page_bytes: int = Field(MAX_PAGE_BYTES, ge=1)
    """Larger pages are left out as `page_too_large`."""

    extract_seconds: float = Field(10.0, gt=0)
    """Processor time for one page (`quality` and `union`); beyond it the page is left out as `extraction_timeout`."""

    extract_memory_mb: int = Field(2048, ge=512)
    """Address space of a process that extracts (`quality` and `union`)."""

    @property
    def limits(self) -> Limits:
        """What a process that extracts may take."""
        return Limits(self.extract_seconds, self.extract_memory_mb << 20)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page as it was fetched; `own_id` is the archive's for it."""

    data: bytes
    locator: str
    own_id: str | None = None
    url: str | None = None
    date: str | None = None
    charset: str | None = None


def page_document(source: PageSource, page: Page) -> Document | Rejected:
    """The main text of `page` as a document, or why there is none."""
    if len(page.data) > source.max_page_bytes:
        detail = f"more than the {source.max_page_bytes:,} bytes that `max_page_bytes` allows"
        return left_out(source, page, "page_too_large", detail)
    html, _ = decode_page(page.data, page.charset)
    try:
        extracted = extract_page(html, source.extract, source.limits)
    except NotExtractedError as error:
        return left_out(source, page, error.reason, str(error))
    return web_document(source, page, extracted)


def web_document(source: FileSource, page: Page, extracted: Extracted) -> Document:
    """A document with the text `extracted` from `page`; pages of one host are a group."""
    domain = domain_of(page.url)
    doc_id = make_doc_id(source.source_name, page.own_id or digest_bytes(page.data))
    return Document(
        doc_id=doc_id,
        group=domain or doc_id,
        source=source.source_name,
        locator=page.locator,
        content=Text(extracted.text),
        license=source.license,
        date=page.date,
        url=page.url,
        domain=domain,
        extractor=extracted.extractor,
        extract_score=extracted.score,
    )


def left_out(source: FileSource, page: Page, reason: str, detail: str) -> Rejected:
    """`page` as a record that is left out on purpose."""
    shown = f"{page.url}: {detail}" if page.url else detail
    return Rejected(
        source=source.source_name,
        locator=page.locator,
        reason=reason,
        detail=shown,
        sample=sample_of(page.data),
    )


def charset_of(content_type: str | None) -> str | None:
    """The encoding that a Content-Type names."""
    match = CHARSET.search(content_type or "")
    return match[1] if match else None
