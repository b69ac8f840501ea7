"""Files as units: all that a source names, and none of another kind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ontogeny.core.errors import RecipeError
from ontogeny.data.sources.books import BooksSource
from ontogeny.data.sources.docx import DocxSource
from ontogeny.data.sources.html import HtmlSource
from ontogeny.data.sources.mail import MailSource
from ontogeny.data.sources.pdf import PdfSource
from ontogeny.data.sources.warc import WarcSource
from ontogeny.data.sources.whole_files import whole_files


def test_files_are_units_whatever_their_suffix(tmp_path: Path) -> None:
    for name in ("b.htm", "a.xhtml"):
        (tmp_path / name).write_bytes(b"x" * 256)
    units = whole_files(HtmlSource(type="html", path=f"{tmp_path}/*"))
    assert [(unit.path.name, unit.size_bytes) for unit in units] == [("a.xhtml", 256), ("b.htm", 256)]
    with pytest.raises(RecipeError, match="no such file"):
        whole_files(HtmlSource(type="html", path=f"{tmp_path}/*.none"))


@pytest.mark.parametrize(
    ("source", "name", "suffix"),
    [
        (HtmlSource, "rows.jsonl", ".jsonl"),
        (HtmlSource, "rows.jsonl.gz", ".jsonl"),
        (HtmlSource, "letter.PDF", ".pdf"),
        (MailSource, "page.html", ".html"),
        (BooksSource, "page.html", ".html"),
    ],
)
def test_a_file_of_another_kind_is_refused(tmp_path: Path, source: Any, name: str, suffix: str) -> None:
    (tmp_path / name).write_bytes(b"x")
    kind = source.model_fields["type"].annotation.__args__[0]
    with pytest.raises(RecipeError, match=f"`type: {kind}` does not read {suffix} files") as caught:
        whole_files(source(type=kind, path=str(tmp_path / "*")))
    assert caught.value.where == str(tmp_path / name)


@pytest.mark.parametrize("name", ["page", "page.htm", "page.html.gz", "page.php", "page.txt"])
def test_a_suffix_that_says_nothing_else_is_read(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"x")
    assert len(whole_files(HtmlSource(type="html", path=str(tmp_path / "*")))) == 1


@pytest.mark.parametrize(
    ("source", "name", "suffix"),
    [(WarcSource, "a.warc.bz2", ".bz2"), (PdfSource, "a.pdf.gz", ".gz"), (DocxSource, "a.docx.xz", ".xz")],
)
def test_what_a_reader_does_not_unpack_is_refused(
    tmp_path: Path, source: Any, name: str, suffix: str
) -> None:
    (tmp_path / name).write_bytes(b"x")
    kind = source.model_fields["type"].annotation.__args__[0]
    with pytest.raises(RecipeError, match=rf"`type: {kind}` does not read \{suffix} files") as caught:
        whole_files(source(type=kind, path=str(tmp_path / "*")))
    assert "unpack it" in str(caught.value.hint)


@pytest.mark.parametrize("name", ["a.warc.gz", "a.warc.zst", "a.warc"])
def test_web_archives_are_read_as_crawlers_pack_them(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"x")
    assert len(whole_files(WarcSource(type="warc", path=str(tmp_path / "*")))) == 1
