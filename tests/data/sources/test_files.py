"""Sources of files: rows become documents with ids, groups, licences and dates; what does not is counted."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import get_args

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import TypeAdapter, ValidationError

from ontogeny.core.errors import DataError, RecipeError
from ontogeny.data.document import Document, Rejected, Text, digest_content, make_doc_id
from ontogeny.data.sources import SOURCES, Source, files_read, read_source, units_read
from ontogeny.data.sources.files import Reading
from ontogeny.records.accounting import RowCount

ADAPTER: TypeAdapter[Source] = TypeAdapter(Source)


def source(**settings: object) -> Source:
    return ADAPTER.validate_python(settings)


def read(made: Source, max_bad_fraction: float = 1.0) -> tuple[list[Document | Rejected], Reading]:
    reading = Reading(RowCount(made.source_name))
    records = [record for unit in units_read(made) for record in read_source(made, unit, reading)]
    reading.count.check(max_bad_fraction)
    return records, reading


def write_rows(path: Path, rows: Iterable[Mapping[str, object]]) -> Path:
    rows = list(rows)
    match path.suffix:
        case ".jsonl":
            path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        case ".parquet":
            pq.write_table(pa.Table.from_pylist(rows), path)
        case suffix:
            separator = "\t" if suffix == ".tsv" else ","
            lines = [separator.join(rows[0]), *(separator.join(map(str, row.values())) for row in rows)]
            path.write_text("\n".join(lines) + "\n")
    return path


FULL = {
    "id": "7",
    "text": "words",
    "group": "g",
    "date": "2001-02-03T10:00:00",
    "license": "CC0-1.0",
    "language": "en",
}


@pytest.mark.parametrize("name", ["a.jsonl", "a.parquet", "a.csv", "a.tsv"])
def test_what_rows_say_about_themselves_is_used(tmp_path: Path, name: str) -> None:
    path = write_rows(tmp_path / name, [FULL])
    kind = "csv" if name == "a.tsv" else path.suffix[1:]
    ((document,), reading) = read(source(type=kind, path=str(path), name="mine"))
    assert isinstance(document, Document)
    assert (document.doc_id, document.group, document.source) == (make_doc_id("mine", "7"), "g", "mine")
    assert (document.license, document.date, document.language) == ("CC0-1.0", "2001-02-03", "en")
    assert document.content == Text("words")
    assert reading.count.good == 1
    assert reading.detected == [path.suffix[1:]]


def test_text_files_are_one_document_each_known_by_their_content(tmp_path: Path) -> None:
    for name in ("a.txt", "b.md", "c.rst"):
        (tmp_path / name).write_text(f"content of {name}")
    (documents, _) = read(source(type="text", path=f"{tmp_path}/*.*", name="mine", license="CC0-1.0"))
    for document, name in zip(documents, ("a.txt", "b.md", "c.rst"), strict=True):
        assert isinstance(document, Document)
        assert (
            document.doc_id
            == make_doc_id("mine", digest_content(Text(f"content of {name}")))
            == document.group
        )
        assert document.license == "CC0-1.0"
        assert document.locator == f"{tmp_path}/{name}#bytes=0-{len(f'content of {name}')}"


def test_an_id_or_the_content_and_never_the_file_decides_the_doc_id(tmp_path: Path) -> None:
    rows = [{"text": "one"}, {"text": "two", "id": 2}]
    write_rows(tmp_path / "whole.jsonl", rows)
    for number, row in enumerate(rows):
        write_rows(tmp_path / f"part-{number}.jsonl", [row])
    whole, _ = read(source(type="jsonl", path=f"{tmp_path}/whole.jsonl", name="x"))
    parts, _ = read(source(type="jsonl", path=f"{tmp_path}/part-*.jsonl", name="x"))
    assert [d.doc_id for d in whole if isinstance(d, Document)] == [
        d.doc_id for d in parts if isinstance(d, Document)
    ]


def test_columns_can_be_named(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "a.jsonl", [{"body": "words", "thread": 5, "when": "1999"}])
    ((document,), _) = read(
        source(type="jsonl", path=str(path), columns={"text": "body", "group": "thread", "date": "when"})
    )
    assert isinstance(document, Document)
    assert (document.content, document.group, document.date) == (Text("words"), "5", "1999")


@pytest.mark.parametrize(
    ("row", "reason", "detail"),
    [
        ({"body": "x"}, "missing_column", "no column 'text'; there are: body."),
        ({"texts": "x"}, "missing_column", "Did you mean 'texts'?"),
        ({"text": 3}, "wrong_type", "column 'text' holds int, not text"),
        ({"text": None}, "wrong_type", "column 'text' holds NoneType, not text"),
        ({"text": "x", "id": [1]}, "wrong_type", "column 'id' holds list, not text or a whole number"),
    ],
)
def test_rows_that_do_not_fit_are_rejected(
    tmp_path: Path, row: dict[str, object], reason: str, detail: str
) -> None:
    path = write_rows(tmp_path / "a.jsonl", [row])
    ((record,), reading) = read(source(type="jsonl", path=str(path)))
    assert isinstance(record, Rejected)
    assert record.reason == reason
    assert detail in record.detail
    assert record.sample
    assert reading.count.bad == 1


@pytest.mark.parametrize(
    ("value", "expected"), [("2001-02", "2001-02"), (1999, "1999"), ("June 1999", None), (19990101, None)]
)
def test_dates_are_iso_or_none(tmp_path: Path, value: object, expected: str | None) -> None:
    path = write_rows(tmp_path / "a.jsonl", [{"text": "x", "date": value}])
    ((document,), _) = read(source(type="jsonl", path=str(path)))
    assert isinstance(document, Document)
    assert document.date == expected


def test_too_many_bad_rows_stop_the_source_with_file_and_row(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "web.jsonl", [{"text": "x"}] * 50 + [{"body": "x"}])
    read(source(type="jsonl", path=str(path)), max_bad_fraction=0.02)
    with pytest.raises(DataError) as error:
        read(source(type="jsonl", path=str(path)), max_bad_fraction=0.01)
    assert f"{path}#bytes=" in str(error.value)
    assert "(row 51): missing_column" in str(error.value)
    assert "1 of 51 rows" in str(error.value)


def test_a_file_of_another_format_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(b"")
    with pytest.raises(RecipeError, match="a parquet file in a source of type jsonl") as error:
        read(source(type="jsonl", path=f"{tmp_path}/a.parquet"))
    assert "write `type: parquet`" in str(error.value)
    (tmp_path / "a.tsv").write_bytes(b"")
    with pytest.raises(RecipeError, match="write `type: csv`"):
        files_read(source(type="jsonl", path=f"{tmp_path}/a.tsv"))


def test_files_read_are_listed_and_missing_ones_refused(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "a.jsonl", [FULL])
    assert files_read(source(type="jsonl", path=str(path))) == [path]
    with pytest.raises(RecipeError, match=r"Did you mean 'a.jsonl'\?"):
        files_read(source(type="jsonl", path=f"{tmp_path}/b.jsonl"))


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("./books.v2.jsonl.gz", "books.v2"),
        ("./books/*.txt", "books"),
        ("*.txt", "files"),
        ("./a.[mt]*", "a"),
        ("./[[]x]/*.txt", "x"),
        ("web-*.csv", "web"),
        ("s3://bucket/books/*.jsonl.gz", "books"),
        ("https://example.org/data/notes.jsonl.gz?download=1", "notes"),
    ],
)
def test_a_source_is_named_after_its_files(path: str, name: str) -> None:
    kind = "csv" if path.endswith("csv") else "text" if path.endswith("txt") else "jsonl"
    assert source(type=kind, path=path).source_name == name


@pytest.mark.parametrize(
    ("type", "path", "name"),
    [
        ("wikipedia", "dewiki-pages.xml.bz2", "dewiki-pages"),
        ("stackexchange", "coffee/Posts.xml", "Posts"),
        ("warc", "crawl/*.warc.gz", "crawl"),
        ("wet", "a.WARC.wet.GZ", "a.WARC"),
        ("html", "pages/*.html", "pages"),
    ],
)
def test_names_of_dumps_and_archives_keep_no_suffix_either(type: str, path: str, name: str) -> None:
    assert source(type=type, path=path).source_name == name


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"type": "jsnol", "path": "x"}, "does not match any of the expected tags"),
        ({"type": "jsonl"}, "path"),
        ({"type": "jsonl", "path": "x", "licence": "y"}, "licence"),
        (
            {"type": "jsonl", "path": "x", "columns": {"txt": "body"}},
            r"'txt' is no column of ours. Did you mean 'text'\?",
        ),
        ({"type": "text", "path": "x", "columns": {"id": "n"}}, "a text file has no columns to name"),
        ({"type": "text", "path": "x", "name": "a/b"}, "name"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(settings: dict[str, object], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        ADAPTER.validate_python(settings)


def test_the_table_knows_every_type() -> None:
    sources = get_args(get_args(Source)[0])
    kinds = {kind for each in sources for kind in get_args(each.model_fields["type"].annotation)}
    assert set(SOURCES) == kinds


def test_an_archive_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl.zip").write_bytes(b"PK")
    with pytest.raises(RecipeError, match=r"\.zip files are not read as they are") as caught:
        read(source(type="jsonl", path=str(tmp_path / "*")))
    assert "unpack it" in str(caught.value.hint)


def test_a_packed_parquet_file_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "a.parquet.gz").write_bytes(b"x")
    with pytest.raises(RecipeError, match="a Parquet file is compressed within"):
        read(source(type="parquet", path=str(tmp_path / "*")))
