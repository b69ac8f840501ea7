"""Where documents come from, one module a type, and the table of those there are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any, TypeAlias

from pydantic import Field

from ontogeny.core.errors import placed
from ontogeny.core.remote import AnyPath
from ontogeny.data.document import Document, Rejected
from ontogeny.data.sources import csv, dialogue, jsonl, parquet, text
from ontogeny.data.sources.books import BooksSource, book_units, read_books
from ontogeny.data.sources.common_crawl import CommonCrawlSource, read_common_crawl
from ontogeny.data.sources.csv import CsvSource, read_csv
from ontogeny.data.sources.dialogue import DialogueSource, read_dialogue
from ontogeny.data.sources.docx import DocxSource, read_docx
from ontogeny.data.sources.files import Reading, Unit, rejected, units_of
from ontogeny.data.sources.html import HtmlSource, read_html
from ontogeny.data.sources.jsonl import JsonlSource, read_jsonl
from ontogeny.data.sources.mail import MailSource, read_mail
from ontogeny.data.sources.parquet import ParquetSource, read_parquet
from ontogeny.data.sources.pdf import PdfSource, read_pdf
from ontogeny.data.sources.python_docs import (
    PythonDocsSource,
    python_docs_files,
    python_docs_unit,
    read_python_docs,
)
from ontogeny.data.sources.stackexchange import StackExchangeSource, read_stackexchange
from ontogeny.data.sources.text import TextSource, read_text
from ontogeny.data.sources.warc import WarcSource, read_warc
from ontogeny.data.sources.whole_files import whole_files
from ontogeny.data.sources.wikipedia import WikipediaSource, read_wikipedia
from ontogeny.records.compressed import DamagedStreamError
from ontogeny.records.reading import WHOLE
from ontogeny.records.row import BadRow, Fault, record_locator

Source: TypeAlias = Annotated[
    TextSource
    | JsonlSource
    | ParquetSource
    | CsvSource
    | BooksSource
    | DialogueSource
    | HtmlSource
    | WarcSource
    | CommonCrawlSource
    | WikipediaSource
    | StackExchangeSource
    | PdfSource
    | DocxSource
    | MailSource
    | PythonDocsSource,
    Field(discriminator="type"),
]
"""What a recipe may write under `sources`."""


@dataclass(frozen=True)
class SourceType:
    """How a type of source is read: which units it divides into, and the records of one of them.

    `read` is called in worker processes. `files` are those that the content of the units depends on; by default the
    units' own.
    """

    units: Callable[[Any], list[Unit]]
    read: Callable[[Any, Unit, Reading], Iterator[Document | Rejected]]
    files: Callable[[], list[Path]] | None = None


SOURCES: dict[str, SourceType] = {
    "text": SourceType(partial(units_of, formats=text.FORMATS), read_text),
    "jsonl": SourceType(partial(units_of, formats=jsonl.FORMATS), read_jsonl),
    "parquet": SourceType(partial(units_of, formats=parquet.FORMATS), read_parquet),
    "csv": SourceType(partial(units_of, formats=csv.FORMATS), read_csv),
    "books": SourceType(book_units, read_books),
    "dialogue": SourceType(partial(units_of, formats=dialogue.FORMATS), read_dialogue),
    "html": SourceType(whole_files, read_html),
    "warc": SourceType(whole_files, read_warc),
    "wet": SourceType(whole_files, read_warc),
    "common-crawl": SourceType(whole_files, read_common_crawl),
    "wikipedia": SourceType(whole_files, read_wikipedia),
    "stackexchange": SourceType(whole_files, read_stackexchange),
    "pdf": SourceType(whole_files, read_pdf),
    "docx": SourceType(whole_files, read_docx),
    "mail": SourceType(whole_files, read_mail),
    "python-docs": SourceType(lambda source: [python_docs_unit()], read_python_docs, python_docs_files),
}


def units_read(source: Source) -> list[Unit]:
    """The units of `source`, in the order of their paths.

    Raises:
        RecipeError: there are no files of that name.
    """
    return SOURCES[source.type].units(source)


def files_read(source: Source) -> list[AnyPath]:
    """The files that `source` opens, sorted.

    Raises:
        RecipeError: there are none of that name.
    """
    files = SOURCES[source.type].files
    return list(files()) if files else sorted({unit.path for unit in units_read(source)})


def files_of_sources(sources: Sequence[Source]) -> set[AnyPath]:
    """The files that all of a step's `sources` open.

    Raises:
        RecipeError: with its place; there are none of a name, or one is of another kind than its source.
    """
    read: set[AnyPath] = set()
    for position, source in enumerate(sources):
        with placed("sources", position, "path"):
            read |= set(files_read(source))
    return read


def read_source(source: Source, unit: Unit, reading: Reading) -> Iterator[Document | Rejected]:
    """Every record of a unit of `source`; counted in `reading`.

    A file that gives none, and a compressed stream whose damage its reader leaves to us, are a bad row.
    """
    is_empty = unit.part == WHOLE and reading.resume_at is None
    try:
        for record in SOURCES[source.type].read(source, unit, reading):
            is_empty = False
            yield record
        if not is_empty:
            return
        bad = BadRow(Fault.EMPTY_FILE, "there is nothing in this file", 0, record_locator(unit.path, 0))
    except DamagedStreamError as error:
        number = reading.count.total + 1
        bad = BadRow(Fault.DAMAGED_COMPRESSION, str(error), number, record_locator(unit.path, number))
    reading.count.add_bad(bad)
    yield rejected(bad, source.source_name)
