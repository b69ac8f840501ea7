"""What a file is, told from its name."""

from __future__ import annotations

from pathlib import Path

import pytest

from ontogeny.core.errors import RecipeError
from ontogeny.core.remote import RemoteFile
from ontogeny.records.formats import Format, bare_name, detect_format


@pytest.mark.parametrize(
    ("name", "format"),
    [
        ("a.jsonl", Format.JSONL),
        ("a.b.jsonl.gz", Format.JSONL),
        ("A.CSV", Format.CSV),
        ("a.tsv.zst", Format.TSV),
        ("a.parquet", Format.PARQUET),
        ("README.md", Format.TEXT),
    ],
)
def test_the_suffix_decides(name: str, format: Format) -> None:
    assert detect_format(Path(name)) is format


def test_an_unknown_suffix_names_the_nearest_and_what_there_is() -> None:
    with pytest.raises(RecipeError) as error:
        detect_format(Path("data/a.jsnl"))
    assert "cannot tell the format from the suffix '.jsnl'. Did you mean '.jsonl'?" in str(error.value)
    assert "data/a.jsnl" in str(error.value)
    assert ".parquet" in str(error.value)


def test_the_bare_name_has_no_format_and_no_compression() -> None:
    assert bare_name(Path("x/books.2020.jsonl.gz")) == "books.2020"
    assert bare_name(Path("x/dewiki.xml.bz2")) == "dewiki"
    assert bare_name(Path("x/crawl.WARC.GZ")) == "crawl"
    assert bare_name(RemoteFile("https://x.org/a/notes.csv.zst?raw=1")) == "notes"
