"""Every source reads from a store what it reads from the disk, byte for byte, and says where it came from."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from pydantic import TypeAdapter

from ontogeny.core.errors import DataError
from ontogeny.core.files import digest_file
from ontogeny.core.remote import RemoteFile
from ontogeny.data.document import Document, Rejected
from ontogeny.data.sources import Source, files_read, read_source, units_read
from ontogeny.data.sources.files import Reading
from ontogeny.data.step import CURATE
from ontogeny.lineage.external import external_digests
from ontogeny.records.accounting import RowCount
from tests.core.web_server import Site, serving
from tests.data.conftest import run_step
from tests.data.sources import test_documents, test_stackexchange, test_wikipedia
from tests.data.sources.test_resume import LETTER, crawl

ADAPTER: TypeAdapter[Any] = TypeAdapter(Source)
ROWS = b"".join(json.dumps({"text": f"Text {number}"}).encode() + b"\n" for number in range(40))


def parquet() -> bytes:
    file = io.BytesIO()
    pq.write_table(pa.table({"text": [f"Text {number}" for number in range(900)]}), file, row_group_size=400)
    return file.getvalue()


def docx() -> bytes:
    return test_documents.archive(word__document_xml=test_documents.body("<w:t>One</w:t>"))


PAGES = test_wikipedia.dump(*(test_wikipedia.page(number=number) for number in range(1, 5)))
POSTS = f"<posts>{test_stackexchange.row(1)}{test_stackexchange.row(2)}</posts>".encode()
FILES: list[tuple[str, str, bytes]] = [
    ("text", "a.txt", "Wörter.".encode()),
    ("jsonl", "a.jsonl", ROWS),
    ("jsonl", "a.jsonl.gz", gzip.compress(ROWS)),
    ("jsonl", "a.jsonl.zst", zstandard.compress(ROWS)),
    ("jsonl", "cut.jsonl.gz", gzip.compress(ROWS)[:-20]),
    ("jsonl", "a.json", json.dumps([{"text": "a"}, {"text": "b"}]).encode()),
    ("csv", "a.csv", b'text,id\n"two\nlines",1\nx,2\n'),
    ("parquet", "a.parquet", parquet()),
    ("parquet", "cut.parquet", parquet()[:-40]),
    ("books", "book.txt", b"CHAPTER I\n\nWords."),
    ("books", "books.jsonl", b'{"text": "Words.", "title": "T"}\n'),
    ("dialogue", "a.jsonl", b'{"prompt": "Why?", "completion": "So."}\n'),
    ("html", "a.html", b"<html><body><p>A paragraph of ordinary text, long enough.</p></body></html>"),
    ("warc", "a.warc.gz", b"".join(crawl(gzip.compress))),
    ("wet", "a.warc", b"".join(crawl(bytes))),
    ("common-crawl", "a.jsonl", b'{"filename": "a"}\n'),
    ("wikipedia", "a.xml", PAGES),
    ("wikipedia", "a.xml.bz2", bz2.compress(PAGES)),
    ("stackexchange", "Posts.xml", POSTS),
    ("docx", "a.docx", docx()),
    ("docx", "none.docx", b"no archive"),
    ("mail", "a.mbox", "".join(map(LETTER.format, range(3))).encode()),
]


def read(type: str, path: str) -> list[Document | Rejected]:
    source = ADAPTER.validate_python({"type": type, "path": path, "name": "it"})
    reading = Reading(RowCount("it"))
    units = pickle.loads(pickle.dumps(units_read(source)))  # as they come to a worker
    return [record for unit in units for record in read_source(source, unit, reading)]


@pytest.mark.parametrize(("type", "name", "data"), FILES, ids=[f"{type}-{name}" for type, name, _ in FILES])
def test_a_store_gives_what_the_disk_gives(tmp_path: Path, type: str, name: str, data: bytes) -> None:
    (tmp_path / name).write_bytes(data)
    fsspec.filesystem("memory").pipe_file(f"/store/{name}", data)
    here, there = read(type, str(tmp_path / name)), read(type, f"memory:///store/{name}")
    assert here
    assert [moved(record, f"{tmp_path}/", "memory:///store/") for record in here] == there


def moved(record: Document | Rejected, before: str, after: str) -> Document | Rejected:
    if isinstance(record, Rejected):
        record = replace(record, detail=record.detail.replace(before, after))
    return replace(record, locator=record.locator.replace(before, after))


def test_a_pdf_is_read_from_a_store_too(tmp_path: Path) -> None:
    fsspec.filesystem("memory").pipe_file("/store/a.pdf", b"no PDF")
    (record,) = read("pdf", "memory:///store/a.pdf")
    assert isinstance(record, Rejected)
    assert record.locator == "memory:///store/a.pdf#bytes=0-6"


def test_large_lines_and_tables_come_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ontogeny.data.sources.files.UNIT_BYTES", 200)
    store = fsspec.filesystem("memory")
    store.pipe_file("/store/a.jsonl", ROWS)
    store.pipe_file("/store/a.parquet", parquet())
    for name, rows in (("jsonl", 40), ("parquet", 900)):
        source = ADAPTER.validate_python({"type": name, "path": f"memory:///store/a.{name}"})
        assert len(units_read(source)) > 2
        assert len(read(name, f"memory:///store/a.{name}")) == rows


def test_a_failing_store_is_no_damage_of_the_file() -> None:
    for type, name, data in FILES:
        file = RemoteFile(f"memory:///store/cut-{name}")
        fsspec.filesystem("memory").pipe_file(f"/store/cut-{name}", data)
        source = ADAPTER.validate_python({"type": type, "path": file.url, "name": "it"})
        units = units_read(source)
        fsspec.filesystem("memory").pipe_file(f"/store/cut-{name}", b"")
        with pytest.raises(DataError, match=r"the file ends after \d+ of"):
            list(read_source(source, units[0], Reading(RowCount("it"))))


def test_digests_of_remote_files_are_remembered_by_their_marks(tmp_path: Path) -> None:
    with serving(Site({"a.jsonl": ROWS})) as site:
        source = ADAPTER.validate_python({"type": "jsonl", "path": f"{site.address}*.jsonl"})
        (file,) = files_read(source)
        before = external_digests([file], tmp_path)
        assert before == {f"{site.address}a.jsonl": digest_file(file)}
        site.requests.clear()
        external_digests(files_read(source), tmp_path)
        assert ("GET", "a.jsonl") not in {request[:2] for request in site.requests}
        site.files["a.jsonl"] = ROWS[:-1]
        assert external_digests(files_read(source), tmp_path) != before


def test_a_corpus_is_the_same_from_the_disk_and_from_a_web_server(tmp_path: Path) -> None:
    """Two processes, each with its own connections."""
    (tmp_path / "a.jsonl").write_bytes(ROWS)
    (tmp_path / "a.warc.gz").write_bytes(b"".join(crawl(gzip.compress)))
    sites = {name: (tmp_path / name).read_bytes() for name in ("a.jsonl", "a.warc.gz")}
    with serving(Site(sites)) as site:
        made = [
            run_step(CURATE, {"sources": sources(where)}, tmp_path / str(workers), workers=workers)
            for where, workers in ((f"{tmp_path}/", 1), (site.address, 2))
        ]
    rows, remote = ([{**row, "locator": None} for row in one.rows()] for one in made)
    assert rows == remote and len(rows) > 40
    assert all(str(row["locator"]).startswith(site.address) for row in made[1].rows())


def sources(where: str) -> list[dict[str, object]]:
    return [
        {"type": "jsonl", "path": f"{where}a.jsonl", "name": "notes"},
        {"type": "warc", "path": f"{where}*.warc.gz", "name": "web"},
    ]
