"""Books: Project Gutenberg's plain text, or rows with title, author, year and text; one document a book or chapter.

A book is a group, so that no part of it is held out from the rest. Gutenberg's licence and its notices are cut off at
their markers (https://www.gutenberg.org/policy/permission.html asks that they go when its name goes); what stands
above them says the title, the author and the language.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal

from ontogeny.core.errors import RecipeError
from ontogeny.core.files import digest_bytes
from ontogeny.data.document import Document, Rejected, Text, make_doc_id
from ontogeny.data.gutenberg import Chapter, chapters_of, read_gutenberg
from ontogeny.data.sources.files import (
    UNIT_BYTES,
    FileSource,
    Reading,
    UnfitRowError,
    Unit,
    rejected,
    required_text,
)
from ontogeny.data.sources.whole_files import whole_files
from ontogeny.records.compressed import DamagedStreamError, open_bytes
from ontogeny.records.formats import Format, detect_format
from ontogeny.records.reading import parts_of, read_rows
from ontogeny.records.row import MAX_RECORD_BYTES, BadRow, Fault, Row, byte_locator, sample_of

PUBLIC_DOMAIN = "public-domain"


class BooksSource(FileSource):
    """`{type: books, path: ./gutenberg/*.txt, unit: chapter}`"""

    contents: ClassVar[tuple[str, ...]] = ("text", "title", "author", "year")

    type: Literal["books"]

    license: str | None = None
    """Licence of every book whose row states none. Without it, a text under Gutenberg's notice is `public-domain`, and
    of others the licence is unknown."""

    unit: Literal["book", "chapter"] = "book"
    """What becomes a document; chapters keep the order of the book in their ids."""


def book_units(source: BooksSource) -> list[Unit]:
    """The files of `source`; rows in parts where their format allows.

    Raises:
        RecipeError: nothing of that name.
    """
    units: list[Unit] = []
    for unit in whole_files(source):
        format = _row_format(unit)
        parts = parts_of(unit.path, format, part_bytes=UNIT_BYTES) if format else [unit.part]
        units += [Unit(unit.path, unit.size_bytes // len(parts), part) for part in parts]
    return units


def read_books(source: BooksSource, unit: Unit, reading: Reading) -> Iterator[Document | Rejected]:
    """The books, or their chapters, of one file."""
    format = _row_format(unit)
    reading.note_detected(format or "text")
    skip = (reading.resume_at or 0) if format else 0
    books = _rows(source, unit, reading, format, skip) if format else _text(source, unit, reading)
    for place, book in enumerate(books, start=skip):
        reading.begin(place)
        if isinstance(book, BadRow):
            reading.count.add_bad(book)
            yield rejected(book, source.source_name)
            continue
        for document in _documents(source, book):
            reading.count.add_good()
            yield document


class _Book:
    """A book as read: `about` holds id, group, license, date and language as far as known."""

    def __init__(self, text: str, key: str, locator: str, title: str | None, about: dict[str, str]) -> None:
        self.text, self.key, self.locator, self.title, self.about = text, key, locator, title, about


def _row_format(unit: Unit) -> Format | None:
    """The format of a file of rows; None for text."""
    try:
        format = detect_format(unit.path)
    except RecipeError:
        return None
    return None if format is Format.TEXT else format


def _rows(
    source: BooksSource, unit: Unit, reading: Reading, format: Format, skip: int
) -> Iterator[_Book | BadRow]:
    rows = read_rows(
        unit.path,
        columns=source.columns,
        format=format,
        part=unit.part,
        watch=reading.watch,
        skip=skip,
        note=reading.note_detected,
    )
    for row in rows:
        if isinstance(row, BadRow):
            yield row
            continue
        try:
            yield _book_of(row)
        except UnfitRowError as error:
            yield BadRow(error.fault, str(error), row.number, row.locator, sample_of(str(row.values)))


def _book_of(row: Row) -> _Book:
    text = required_text(row, "text")
    about = {
        name: str(value) for name in ("id", "group", "license", "date", "language", "title", "author", "year")
        if (value := row.values.get(name)) not in (None, "")
    }  # fmt: skip
    year = about.get("year", "")
    about.setdefault("date", year if len(year) == 4 and year.isdigit() else "")
    named = about.get("title") and f"{about['title']}\x1f{about.get('author', '')}"
    return _Book(
        text, about.get("id") or named or digest_bytes(text.encode()), row.locator, about.get("title"), about
    )


def _text(source: BooksSource, unit: Unit, reading: Reading) -> Iterator[_Book | BadRow]:
    """The book of a text file."""
    try:
        with open_bytes(unit.path, reading.watch) as stream:
            data = stream.read(MAX_RECORD_BYTES + 1)
    except DamagedStreamError as error:
        yield BadRow(Fault.DAMAGED_COMPRESSION, str(error), 1, byte_locator(unit.path, 0, 0))
        return
    locator = byte_locator(unit.path, 0, len(data))
    if len(data) > MAX_RECORD_BYTES:
        detail = f"more than the {MAX_RECORD_BYTES:,} bytes of one book"
        yield BadRow(Fault.TOO_LONG, detail, 1, locator, sample_of(data))
        return
    book = read_gutenberg(data)
    if not book.text:
        yield BadRow(Fault.EMPTY_FILE, "there is no text in this file", 0, locator)
        return
    presumed = PUBLIC_DOMAIN if book.public_domain else ""
    about = {
        "date": book.date or "",
        "language": book.language or "",
        "license": source.license or presumed,
    }
    named = book.title and f"{book.title}\x1f{book.author or ''}"
    key = book.number or named or digest_bytes(book.text.encode())
    yield _Book(book.text, key, byte_locator(unit.path, book.start, book.end), book.title, about)


def _documents(source: BooksSource, book: _Book) -> Iterator[Document]:
    doc_id = make_doc_id(source.source_name, book.key)
    chapters = chapters_of(book.text) if source.unit == "chapter" else [Chapter(0, book.text)]
    for chapter in chapters:
        suffix = f"&chapter={chapter.number}" if source.unit == "chapter" else ""
        yield Document(
            doc_id=make_doc_id(source.source_name, book.key + suffix),
            group=book.about.get("group") or doc_id,
            source=source.source_name,
            locator=book.locator + suffix,
            content=Text(chapter.text),
            license=book.about.get("license") or source.license,
            date=book.about.get("date") or None,
            language=book.about.get("language") or None,
        )
