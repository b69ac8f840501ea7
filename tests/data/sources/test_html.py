"""HTML files: encodings, sizes, hazards and modes."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from pydantic import ValidationError

from ontogeny.data.document import Document, Rejected
from ontogeny.data.sources.html import HtmlSource, read_html
from ontogeny.data.sources.pages import charset_of
from tests.data.sources.unit_reading import read_unit, reasons, texts

TEXT = "Größe und Übermaß: ein ganzer Satz über schöne Bücher."
PAGE = f'<html><head><meta charset="{{}}"></head><body><article><p>{TEXT}</p></article></body></html>'


def read(data: bytes, folder: Path, name: str = "a.html", **settings: object) -> list[Document | Rejected]:
    path = folder / name
    path.write_bytes(data)
    source = HtmlSource.model_validate({"type": "html", "path": str(path), "name": "pages", **settings})
    return read_unit(source, read_html, path)[0]


@pytest.mark.parametrize("encoding", ["utf-8", "windows-1252", "iso-8859-15", "utf-16"])
def test_encodings_are_told_from_the_page(tmp_path: Path, encoding: str) -> None:
    assert texts(read(PAGE.format(encoding).encode(encoding), tmp_path)) == [TEXT]


def test_a_page_that_lies_about_being_utf8_is_read_all_the_same(tmp_path: Path) -> None:
    assert texts(read(PAGE.format("utf-8").encode("windows-1252"), tmp_path)) == [TEXT]


@pytest.mark.parametrize("mode", ["fast", "quality", "union"])
def test_every_mode_finds_the_text_and_says_how(tmp_path: Path, mode: str) -> None:
    (document,) = read(PAGE.format("utf-8").encode(), tmp_path, extract=mode)
    assert isinstance(document, Document)
    assert texts([document]) == [TEXT]
    assert document.extractor == ("resiliparse" if mode == "fast" else "trafilatura")
    assert document.group == document.doc_id


def test_pages_may_be_compressed_and_damage_is_counted(tmp_path: Path) -> None:
    packed = gzip.compress(PAGE.format("utf-8").encode())
    assert texts(read(packed, tmp_path, "a.html.gz")) == [TEXT]
    assert reasons(read(packed[:-20], tmp_path, "a.html.gz")) == ["damaged_compression"]
    assert reasons(read(b"", tmp_path)) == ["empty_file"]


def test_what_only_has_the_name_of_a_page_is_a_bad_row(tmp_path: Path) -> None:
    path = tmp_path / "a.html"
    path.write_bytes(b"%PDF-1.4\n" + bytes(200))
    _, reading = read_unit(HtmlSource(type="html", path=str(path)), read_html, path)
    assert [row.detail for row in reading.count.first_bad] == ["no HTML: it begins as a PDF does"]


@pytest.mark.parametrize("mode", ["fast", "union"])
def test_ten_thousand_nested_tags_are_refused(tmp_path: Path, mode: str) -> None:
    assert reasons(read(b"<div>" * 10_000 + b"text", tmp_path, extract=mode)) == ["nested_too_deeply"]


def test_of_a_page_of_200_mb_only_the_beginning_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.html"
    with path.open("wb") as file:
        file.truncate(200 << 20)
    (record,) = read_unit(HtmlSource(type="html", path=str(path)), read_html, path)[0]
    assert isinstance(record, Rejected)
    assert record.reason == "page_too_large"
    assert record.detail == "more than the 5,242,880 bytes that `max_page_bytes` allows"


def test_modes_are_checked() -> None:
    with pytest.raises(ValidationError, match="'fast', 'quality' or 'union'"):
        HtmlSource.model_validate({"type": "html", "path": "a", "extract": "best"})


def test_charsets_are_read_from_what_the_server_said() -> None:
    assert charset_of('text/html; charset="GB2312"') == "GB2312"
    assert charset_of(None) is None
