"""JSON lines, or a JSON array of objects, with a `text` column, compressed or not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal

from ontogeny.data.document import Document, Rejected, Text
from ontogeny.data.sources.files import FileSource, Reading, Unit, read_documents, required_text
from ontogeny.records.formats import Format

FORMATS = (Format.JSONL, Format.JSON)


class JsonlSource(FileSource):
    """`{type: jsonl, path: ./texts/*.jsonl, columns: {text: body}}`"""

    contents: ClassVar[tuple[str, ...]] = ("text",)

    type: Literal["jsonl"]


def read_jsonl(source: JsonlSource, unit: Unit, reading: Reading) -> Iterator[Document | Rejected]:
    """One document a row."""
    return read_documents(
        source, unit, FORMATS, reading, content_of=lambda row, _: Text(required_text(row, "text"))
    )
