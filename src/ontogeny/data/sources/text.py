"""Text files, one document a file: `.txt`, `.md`, and whatever else holds plain text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from ontogeny.data.document import Document, Rejected, Text
from ontogeny.data.sources.files import FileSource, Reading, Unit, read_documents, required_text
from ontogeny.records.formats import Format

FORMATS = (Format.TEXT,)


class TextSource(FileSource):
    """`{type: text, path: ./books/*.txt}`"""

    type: Literal["text"]


def read_text(source: TextSource, unit: Unit, reading: Reading) -> Iterator[Document | Rejected]:
    """One document a file."""
    return read_documents(
        source, unit, FORMATS, reading, content_of=lambda row, _: Text(required_text(row, "text"))
    )
