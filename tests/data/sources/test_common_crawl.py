"""Common Crawl by index and range, from a server on this machine: pages, and every way a request can fail."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from pydantic import ValidationError

from ontogeny.core.errors import DataError
from ontogeny.data.document import Document, Rejected
from ontogeny.data.sources.common_crawl import CommonCrawlSource, read_common_crawl
from ontogeny.data.step import CURATE
from tests.data.conftest import run_step
from tests.data.sources.test_warc import PLAIN_TEXT, record
from tests.data.sources.unit_reading import read_unit, reasons, texts

FIRST, SECOND = gzip.compress(record()), gzip.compress(record(status="404 Not Found"))
FAILURES = {"gone": 404, "busy": 503}


class Archive(BaseHTTPRequestHandler):
    """Answers ranges of one archive; some names fail in ways of their own."""

    requests: list[str]

    def do_GET(self) -> None:
        name = self.path.rpartition("/")[2]
        self.requests.append(name)
        if name in FAILURES:
            self.send_error(FAILURES[name])
            return
        start, end = map(int, self.headers["Range"].removeprefix("bytes=").split("-"))
        data = (FIRST + SECOND)[start : end + 1]
        self.send_response(200 if name == "whole" else 206)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        extra = b"more than asked" if name == "long" else b""
        self.wfile.write(data[:-3] if name == "short" else data + extra)

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@pytest.fixture
def server() -> Iterator[tuple[str, list[str]]]:
    requests: list[str] = []
    handler = type("Handler", (Archive,), {"requests": requests})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}", requests
        running.shutdown()
        thread.join()


def read(lines: list[str], folder: Path, address: str, **settings: object) -> list[Document | Rejected]:
    path = folder / "index.jsonl"
    path.write_text("".join(f"{line}\n" for line in lines))
    source = CommonCrawlSource.model_validate(
        {"type": "common-crawl", "path": str(path), "base_url": address, "retry_seconds": 0, **settings}
    )
    return read_unit(source, read_common_crawl, path)[0]


def entry(name: str = "crawl/a.warc.gz", start: int = 0, length: int = len(FIRST)) -> str:
    return json.dumps({"filename": name, "offset": str(start), "length": str(length)})


def test_records_are_fetched_by_their_range(tmp_path: Path, server: tuple[str, list[str]]) -> None:
    cdxj = f"org,example)/ 20200809010203 {entry(start=len(FIRST), length=len(SECOND))}"
    records = read([entry(), cdxj], tmp_path, server[0])
    assert texts(records) == [PLAIN_TEXT]
    assert reasons(records) == ["http_status"]
    assert records[0].locator == f"{server[0]}/crawl/a.warc.gz#offset=0-{len(FIRST)}"


@pytest.mark.parametrize(
    ("name", "detail", "requests"),
    [
        ("gone", "the server answered 404", 1),
        ("busy", "the server answered 503", 2),
        ("whole", "the server does not answer ranges", 1),
    ],
)
def test_a_request_that_fails_counts_and_is_repeated_where_it_may_help(
    tmp_path: Path, server: tuple[str, list[str]], name: str, detail: str, requests: int
) -> None:
    (failed, found) = read([entry(name), entry()], tmp_path, server[0], attempts=2)
    assert isinstance(failed, Rejected) and failed.reason == "not_fetched"
    assert failed.detail == f"{server[0]}/{name}: {detail}"
    assert server[1].count(name) == requests
    assert isinstance(found, Document)


def test_what_cannot_be_fetched_is_told_where_nothing_is_left(tmp_path: Path) -> None:
    (tmp_path / "index.jsonl").write_text('{"filename": "a", "offset": 0, "length": 10}\n')
    source = {"type": "common-crawl", "path": f"{tmp_path}/index.jsonl", "base_url": "http://127.0.0.1:9/"}
    settings = {"sources": [{**source, "attempts": 1}], "max_bad_fraction": 1}
    with pytest.raises(
        DataError, match=r"dropped as not_fetched, the first since: http://127\.0\.0\.1:9/a"
    ) as error:
        run_step(CURATE, settings, tmp_path / "out")
    assert "see that the addresses answer" in str(error.value)


def test_a_body_cut_short_counts(tmp_path: Path, server: tuple[str, list[str]]) -> None:
    (failed,) = read([entry("short")], tmp_path, server[0], attempts=1, timeout_seconds=5)
    assert isinstance(failed, Rejected) and failed.reason == "not_fetched"


def test_a_server_that_is_not_there_counts(tmp_path: Path) -> None:
    assert reasons(read([entry()], tmp_path, "http://127.0.0.1:9", attempts=1)) == ["not_fetched"]


def test_lines_that_name_no_record_count(tmp_path: Path) -> None:
    lines = [
        "no json",
        "[]",
        "{}",
        entry(length=0),
        entry(length=1 << 40),
        entry("http://elsewhere.org/a"),
        entry(start=-1),
    ]
    found = reasons(read(lines, tmp_path, "http://127.0.0.1:9"))
    assert found == ["not_json", "not_an_object", "missing_column", *["wrong_type"] * 4]


def test_an_empty_index_counts(tmp_path: Path) -> None:
    assert reasons(read([], tmp_path, "http://127.0.0.1:9")) == ["empty_file"]


def test_only_web_addresses_are_read() -> None:
    with pytest.raises(ValidationError, match="'file:///etc/' is no http or https address"):
        CommonCrawlSource.model_validate({"type": "common-crawl", "path": "a", "base_url": "file:///etc/"})
