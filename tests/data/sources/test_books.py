"""Books: Gutenberg's text without its notices, rows with their columns, chapters in the order of the book."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from ontogeny.data.document import Document, Rejected, make_doc_id
from ontogeny.data.gutenberg import chapters_of, read_gutenberg
from ontogeny.data.sources.books import BooksSource, book_units, read_books
from tests.data.sources.unit_reading import read_unit, reasons, shared, texts

HEADER = """The Project Gutenberg eBook of Émile

Title: Émile
       or On Education

Author: Jean-Jacques Rousseau

Release Date: June 27, 2008 [eBook #11]

Language: French

*** START OF THE PROJECT GUTENBERG EBOOK ÉMILE ***

Produced by A. B. and
the team

"""
FOOTER = (
    "\n\nEnd of the Project Gutenberg EBook of Émile\n\n"
    "*** END OF THE PROJECT GUTENBERG EBOOK ÉMILE ***\nlicence\n"
)
BODY = "Émile, a book.\n\nIts words."
CHAPTERS = "".join(f"CHAPTER {number}\n\n{'Words of a chapter. ' * 40}\n\n" for number in ("I", "II", "III"))


def read(data: bytes, folder: Path, name: str, **settings: object) -> list[Document | Rejected]:
    path = folder / name
    path.write_bytes(data)
    source = BooksSource.model_validate({"type": "books", "path": str(path), "name": "shelf", **settings})
    (unit,) = book_units(source)
    return read_unit(source, read_books, unit.path)[0]


@pytest.mark.parametrize("encoding", ["utf-8", "windows-1252", "utf-8-sig"])
@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_the_notices_go_and_the_locator_leads_to_the_book(tmp_path: Path, encoding: str, ends: str) -> None:
    data = (HEADER + BODY + FOOTER).replace("\n", ends).encode(encoding)
    (document,) = read(data, tmp_path, "11.txt")
    assert isinstance(document, Document)
    assert texts([document]) == [BODY]
    assert document.doc_id == document.group == make_doc_id("shelf", "11")
    assert (document.date, document.language, document.license) == ("2008-06-27", "fr", "public-domain")
    start, end = map(int, document.locator.rpartition("=")[2].split("-"))
    assert data[start:end].decode(encoding.removesuffix("-sig")).strip().replace(ends, "\n") == BODY


def test_a_licence_is_told_only_where_something_says_it(tmp_path: Path) -> None:
    def license_of(data: bytes, name: str, **settings: object) -> str | None:
        (document,) = read(data, tmp_path, name, **settings)
        assert isinstance(document, Document)
        return document.license

    copyrighted = "This is a COPYRIGHTED Project Gutenberg eBook, Details Below\n" + HEADER + BODY + FOOTER
    row = json.dumps({"text": BODY}).encode()
    assert license_of(BODY.encode(), "a.txt") is None
    assert license_of(copyrighted.encode(), "b.txt") is None
    assert license_of(row, "c.jsonl") is None
    assert license_of((HEADER + BODY).encode(), "d.txt", license="CC0-1.0") == "CC0-1.0"
    assert license_of(row, "c.jsonl", license="CC0-1.0") == "CC0-1.0"
    own = json.dumps({"text": BODY, "license": "MIT"}).encode()
    assert license_of(own, "e.jsonl", license="CC0-1.0") == "MIT"


def test_older_notices_and_none_at_all() -> None:
    old = "Title: A\n\n*END*THE SMALL PRINT! FOR PUBLIC DOMAIN ETEXTS*Ver.04.29.93*END*\n\nBook.\n\n"
    old += "End of Project Gutenberg's A\n"
    assert (read_gutenberg(old.encode()).text, read_gutenberg(old.encode()).title) == ("Book.", "A")
    assert read_gutenberg(b"Just a book.").text == "Just a book."


@pytest.mark.parametrize(
    ("line", "date"),
    [
        ("Release Date: June, 1998 [Etext #1]", "1998-06"),
        ("Release Date: 2003", "2003"),
        ("Release Date: 2003-04-05", "2003-04-05"),
        ("Original Publication: London: Smith, 1847\nRelease Date: June, 1998", "1847"),
        ("Release Date: unknown", None),
    ],
)
def test_dates_of_headers(line: str, date: str | None) -> None:
    text = f"{line}\n\n*** START OF THIS PROJECT GUTENBERG EBOOK X ***\nwords"
    assert read_gutenberg(text.encode()).date == date


def test_chapters_are_documents_of_one_group(tmp_path: Path) -> None:
    contents = "CONTENTS\n\nCHAPTER I\nCHAPTER II\nCHAPTER III\n\n"
    records = read((HEADER + contents + CHAPTERS + FOOTER).encode(), tmp_path, "11.txt", unit="chapter")
    assert [text.split("\n")[0] for text in texts(records)] == ["CONTENTS", "CHAPTER II", "CHAPTER III"]
    assert len({record.group for record in records if isinstance(record, Document)}) == 1
    assert len({record.doc_id for record in records if isinstance(record, Document)}) == 3
    assert records[2].locator.endswith("&chapter=2")


def test_markdown_headings_begin_chapters_and_short_ends_stay_with_the_last() -> None:
    text = "".join(f"## Part {number}\n\n{'Words. ' * 100}\n\n" for number in range(3)) + "## The End\n\nfin"
    assert [chapter.number for chapter in chapters_of(text)] == [0, 1, 2]
    assert chapters_of(text)[-1].text.endswith("fin")


def test_rows_are_books_known_by_title_and_author(tmp_path: Path) -> None:
    rows = [{"title": "A", "author": "B", "year": 1847, "text": "words"}, {"text": 5}, {"title": "C"}]
    data = "".join(json.dumps(row) + "\n" for row in rows).encode()
    records = read(gzip.compress(data), tmp_path, "books.jsonl.gz")
    assert reasons(records) == ["wrong_type", "missing_column"]
    assert isinstance(records[0], Document)
    assert (records[0].doc_id, records[0].date) == (make_doc_id("shelf", "A\x1fB"), "1847")


def test_files_that_hold_no_book_are_counted(tmp_path: Path) -> None:
    assert reasons(read(b"", tmp_path, "a.txt")) == ["empty_file"]
    assert reasons(read(gzip.compress(b"words")[:-4], tmp_path, "a.txt.gz")) == ["damaged_compression"]
    assert reasons(read(b"x" * ((16 << 20) + 1), tmp_path, "b.txt")) == ["record_too_long"]


def test_the_real_shelf() -> None:
    path = shared("books") / "books.jsonl.gz"
    source = BooksSource(type="books", path=str(path), unit="chapter")
    records, _ = read_unit(source, read_books, path)
    assert len(records) > 5_000 and not reasons(records)
    assert len({record.group for record in records if isinstance(record, Document)}) == 220
