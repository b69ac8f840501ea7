"""Text of PDF files by pypdf (extra `documents`). Runs in worker processes only: a PDF can be built to never end."""

from __future__ import annotations

import io

from ontogeny.data.extract.extracted import NotExtractedError

MAX_PAGES = 10_000
"""Pages read of one file; the longest book of ours has about a thousand."""


def pdf_pages(data: bytes) -> dict[str, object]:
    """`pages`, the text of each, and `title` and `date` (ISO 8601) where the file says them.

    Raises:
        NotExtractedError: no PDF, an encrypted one, or one of too many pages.
    """
    import pypdf
    from pypdf.errors import PyPdfError

    try:
        reader = pypdf.PdfReader(io.BytesIO(data))
        if reader.is_encrypted and not reader.decrypt(""):
            raise NotExtractedError("encrypted", "the file asks for a password")
        if len(reader.pages) > MAX_PAGES:
            raise NotExtractedError("too_many_pages", f"{len(reader.pages):,} pages; {MAX_PAGES:,} are read")
        pages = [page.extract_text() for page in reader.pages]
        about = reader.metadata
    except PyPdfError as error:
        raise NotExtractedError("damaged_file", f"{type(error).__name__}: {error}"[:300]) from error
    made = about.creation_date if about else None
    title = about.title if about else None
    return {"pages": pages, "title": title, "date": made.date().isoformat() if made else None}
