"""CSV and TSV files with a header and a `text` column."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal

from ontogeny.data.document import Document, Rejected, Text
from ontogeny.data.sources.files import FileSource, Reading, Unit, read_documents, required_text
from ontogeny.records.formats import Format

FORMATS = (Format.CSV, Format.TSV)


class CsvSource(FileSource):
    """`{type: csv, path: ./texts/*.csv, columns: {text: body}}`"""

    contents: ClassVar[tuple[str, ...]] = ("text",)

    type: Literal["csv"]


def read_csv(source: CsvSource, unit: Unit, reading: Reading) -> Iterator[Document | Rejected]:
    """One document a row."""
    return read_documents(
        source, unit, FORMATS, reading, content_of=lambda row, _: Text(required_text(row, "text"))
    )
