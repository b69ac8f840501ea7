"""PDF files, one document each (extra `documents`). A worker process opens them: a PDF can be built to never end."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from typing import Literal

from pydantic import Field

from ontogeny.core.errors import RecipeError
from ontogeny.core.files import digest_bytes
from ontogeny.data.document import Document, Rejected
from ontogeny.data.extract.extracted import NotExtractedError
from ontogeny.data.extract.workers import Limits, shared_worker
from ontogeny.data.sources.files import FileSource, Reading, Unit, plain_document, rejected
from ontogeny.records.row import BadRow, Fault, byte_locator, sample_of

MAX_FILE_BYTES = 256 << 20
NO_TEXT = "no_text"
SHOWN_BYTES = 100
"""Of a file that is no PDF: enough to see what it is, an HTML page say."""


class PdfSource(FileSource):
    """`{type: pdf, path: ./reports/**/*.pdf}`"""

    type: Literal["pdf"]

    max_file_bytes: int = Field(MAX_FILE_BYTES, ge=1)
    """Larger files are left out as `file_too_large`."""

    seconds: float = Field(120.0, gt=0)
    """Processor time for one file; beyond it the file is left out as `extraction_timeout`."""

    memory_mb: int = Field(4096, ge=512)
    """Address space of the process that opens it."""


def read_pdf(source: PdfSource, unit: Unit, reading: Reading) -> Iterator[Document | Rejected]:
    """The text of one file; scans without text are left out as `no_text`.

    Raises:
        RecipeError: the extra `documents` is not installed.
    """
    if find_spec("pypdf") is None:
        raise RecipeError(
            "PDF files need a package that is not installed",
            where=str(unit.path),
            hint="pip install ontogeny[documents]",
        )
    size = unit.path.stat().st_size
    locator = byte_locator(unit.path, 0, size)
    if size == 0:
        bad = BadRow(Fault.EMPTY_FILE, "the file is empty", 0, locator)
        reading.count.add_bad(bad)
        yield rejected(bad, source.source_name)
        return

    def left_out(reason: str, detail: str) -> Rejected:
        reading.count.add_good()
        return Rejected(source=source.source_name, locator=locator, reason=reason, detail=detail, sample="")

    if size > source.max_file_bytes:
        yield left_out("file_too_large", f"{size:,} bytes; `max_file_bytes` is {source.max_file_bytes:,}")
        return
    data = unit.path.read_bytes()
    try:
        found = shared_worker(Limits(source.seconds, source.memory_mb << 20)).call("pdf", data)
    except NotExtractedError as error:
        if error.reason == Fault.DAMAGED_FILE:
            bad = BadRow(
                Fault.DAMAGED_FILE, f"no readable PDF: {error}", 1, locator, sample_of(data[:SHOWN_BYTES])
            )
            reading.count.add_bad(bad)
            yield rejected(bad, source.source_name)
            return
        yield left_out(error.reason, str(error))
        return
    text = "\n\n".join(page.strip() for page in found["pages"] if page.strip())
    text = encodable(text)
    if not text:
        yield left_out(NO_TEXT, f"{len(found['pages'])} pages without text: a scan?")
        return
    reading.count.add_good()
    yield plain_document(source, text, locator, key=digest_bytes(data), date=found["date"])


def encodable(text: str) -> str:
    """`text` without halves of characters, which broken fonts give and UTF-8 cannot hold."""
    return text.encode("utf-8", errors="ignore").decode()
