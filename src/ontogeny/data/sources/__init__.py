"""Where documents come from, one module a type, and the table of those there are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeAlias

from pydantic import Field

from ontogeny.data.document import Document, Rejected
from ontogeny.data.sources import csv, jsonl, parquet, text
from ontogeny.data.sources.csv import CsvSource, read_csv
from ontogeny.data.sources.files import Reading, files_of
from ontogeny.data.sources.jsonl import JsonlSource, read_jsonl
from ontogeny.data.sources.parquet import ParquetSource, read_parquet
from ontogeny.data.sources.python_docs import PythonDocsSource, python_docs_files, read_python_docs
from ontogeny.data.sources.text import TextSource, read_text
from ontogeny.records.accounting import RowCount

Source: TypeAlias = Annotated[
    TextSource | JsonlSource | ParquetSource | CsvSource | PythonDocsSource, Field(discriminator="type")
]
"""What a recipe may write under `sources`."""


@dataclass(frozen=True)
class SourceType:
    """How a type of source is read, and which files that opens. Both take the type's own settings."""

    read: Callable[[Any, Reading], Iterator[Document | Rejected]]
    files: Callable[[Any], list[Path]]


SOURCES: dict[str, SourceType] = {
    "text": SourceType(read_text, lambda source: [path for path, _ in files_of(source, text.FORMATS)]),
    "jsonl": SourceType(read_jsonl, lambda source: [path for path, _ in files_of(source, jsonl.FORMATS)]),
    "parquet": SourceType(
        read_parquet, lambda source: [path for path, _ in files_of(source, parquet.FORMATS)]
    ),
    "csv": SourceType(read_csv, lambda source: [path for path, _ in files_of(source, csv.FORMATS)]),
    "python-docs": SourceType(read_python_docs, lambda source: python_docs_files()),
}


def files_read(source: Source) -> list[Path]:
    """The files that `source` opens.

    Raises:
        RecipeError: there are none of that name.
    """
    return SOURCES[source.type].files(source)


def read_source(
    source: Source, reading: Reading, *, max_bad_fraction: float
) -> Iterator[Document | Rejected]:
    """Every record of `source`.

    Raises:
        DataError: at the end, or as soon as nothing else can come, when too many rows are bad; names file and row.
    """
    yield from checked(SOURCES[source.type].read(source, reading), reading.count, max_bad_fraction)


def checked(
    records: Iterator[Document | Rejected], count: RowCount, max_bad_fraction: float
) -> Iterator[Document | Rejected]:
    """`records`, and at their end the check that `count` holds no more than `max_bad_fraction` bad rows."""
    for record in records:
        yield record
        if count.hopeless:
            count.check(max_bad_fraction)
    count.check(max_bad_fraction)
