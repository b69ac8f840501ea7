"""WARC and WET: pages with their place, address, day and host; everything else left out or counted with its reason."""

from __future__ import annotations

import gzip
import random
from pathlib import Path

import pytest

from ontogeny.data.document import Document, Rejected
from ontogeny.data.sources.files import Reading
from ontogeny.data.sources.warc import WarcSource, read_warc
from tests.data.sources.unit_reading import read_unit, reasons, shared, texts

HTML = b"<html><body><p>Hello there, friend: this is a paragraph of ordinary text.</p></body></html>"
PLAIN_TEXT = "Hello there, friend: this is a paragraph of ordinary text."


def record(
    body: bytes = HTML,
    *,
    status: str = "200 OK",
    headers: str = "Content-Type: text/html; charset=utf-8\r\n",
    kind: str = "response",
    extra: str = "",
    length: int | None = None,
    url: str = "http://www.Example.org:80/a",
) -> bytes:
    block = f"HTTP/1.1 {status}\r\n{headers}\r\n".encode() + body if kind in ("response", "revisit") else body
    size = len(block) if length is None else length
    mime = "application/http; msgtype=response" if kind == "response" else "text/plain"
    head = (
        f"WARC/1.0\r\nWARC-Type: {kind}\r\nWARC-Record-ID: <urn:uuid:{len(body)}-{status[:3]}>\r\n"
        f"WARC-Date: 2020-08-09T01:02:03Z\r\nWARC-Target-URI: {url}\r\n{extra}"
        f"Content-Type: {mime}\r\nContent-Length: {size}\r\n\r\n"
    )
    return head.encode() + block + b"\r\n\r\n"


def read(data: bytes, folder: Path, **settings: object) -> tuple[list[Document | Rejected], Reading]:
    path = folder / "x.warc.gz"
    path.write_bytes(data)
    source = WarcSource.model_validate({"type": "warc", "path": str(path), "name": "web", **settings})
    return read_unit(source, read_warc, path)


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_a_page_knows_its_address_day_host_and_place(tmp_path: Path, pack: type[bytes]) -> None:
    first, second = pack(record(kind="warcinfo", body=b"about")), pack(record())
    records, _ = read(first + second + pack(record(kind="request", body=b"GET")), tmp_path)
    (document,) = records
    assert isinstance(document, Document)
    assert texts(records) == [PLAIN_TEXT]
    assert (document.url, document.date, document.group) == (
        "http://www.Example.org:80/a",
        "2020-08-09",
        "example.org",
    )
    assert document.extractor == "resiliparse"
    assert document.extract_score is not None and document.extract_score > 1
    assert document.locator == f"{tmp_path}/x.warc.gz#offset={len(first)}-{len(first) + len(second)}"


def test_conversions_are_text_already(tmp_path: Path) -> None:
    records, _ = read(record(b"Words of a page.\n", kind="conversion"), tmp_path)
    assert texts(records) == ["Words of a page."]
    assert isinstance(records[0], Document) and records[0].extractor == "crawler"


GZIPPED = "Content-Type: text/html\r\nContent-Encoding: gzip\r\n"
CHUNKED = "Content-Type: text/html\r\nTransfer-Encoding: chunked\r\n"
CHUNKS = b"%x\r\n%s\r\n0\r\n\r\n" % (len(HTML), HTML)


@pytest.mark.parametrize(
    ("body", "headers"), [(gzip.compress(HTML), GZIPPED), (HTML, GZIPPED), (CHUNKS, CHUNKED), (HTML, CHUNKED)]
)
def test_transfer_and_content_encodings_are_undone_where_they_are_still_there(
    tmp_path: Path, body: bytes, headers: str
) -> None:
    assert texts(read(record(body, headers=headers), tmp_path)[0]) == [PLAIN_TEXT]


LEFT_OUT = {
    "http_status": record(status="404 Not Found"),
    "not_html": record(headers="Content-Type: application/pdf\r\n"),
    "truncated": record(extra="WARC-Truncated: length\r\n"),
    "revisit": record(b"", kind="revisit"),
    "page_too_large": record(b"<p>" + b"x" * 20_000),
    "no_text": record(b"<html></html>"),
    "damaged_page": record(b"\x1f\x8bnothing", headers=GZIPPED),
    "nested_too_deeply": record(b"<i>" * 6_000),
}


@pytest.mark.parametrize("reason", LEFT_OUT)
def test_what_is_left_out_says_why_and_the_next_page_is_read(tmp_path: Path, reason: str) -> None:
    limit = 10_000 if reason == "page_too_large" else 1 << 20
    records, reading = read(LEFT_OUT[reason] + record(), tmp_path, max_page_bytes=limit)
    assert reasons(records) == [reason]
    assert texts(records) == [PLAIN_TEXT]
    assert reading.count.bad == 0


def test_bombs_of_both_kinds_are_cut_short(tmp_path: Path) -> None:
    zeros = bytes(50 << 20)
    data = record(gzip.compress(zeros), headers=GZIPPED) + record()
    records, _ = read(data, tmp_path)
    assert reasons(records) == ["page_too_large"] and texts(records) == [PLAIN_TEXT]
    records, _ = read(gzip.compress(record(zeros)) + gzip.compress(record()), tmp_path)
    assert reasons(records) == ["page_too_large"] and texts(records) == [PLAIN_TEXT]


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_a_record_that_ends_early_is_counted(tmp_path: Path, pack: type[bytes]) -> None:
    noise = random.Random(0).randbytes(5_000)
    records, reading = read(pack(record()) + pack(record(noise))[:-1000], tmp_path)
    assert texts(records) == [PLAIN_TEXT]
    assert reasons(records) == ["damaged_file"]
    assert reading.count.bad == 1


def test_one_flipped_bit_costs_one_record(tmp_path: Path) -> None:
    noise = random.Random(0).randbytes(500)
    parts = [gzip.compress(part) for part in (record(), record(noise), record(HTML + b" "))]
    parts[1] = parts[1][:200] + bytes([parts[1][200] ^ 255]) + parts[1][201:]
    records, _ = read(b"".join(parts), tmp_path)
    assert (texts(records), reasons(records)) == ([PLAIN_TEXT] * 2, ["damaged_file"])


@pytest.mark.parametrize("between", [b"garbage" * 10, record(length=10**13)])
def test_what_is_no_record_is_counted_and_stepped_over(tmp_path: Path, between: bytes) -> None:
    records, reading = read(record() + between + b"\r\n\r\n" + record(), tmp_path)
    assert texts(records) == [PLAIN_TEXT] * 2
    assert reading.count.bad == 1


@pytest.mark.parametrize(("data", "reason"), [(b"", "empty_file"), (b"<p>no archive", "damaged_file")])
def test_files_without_records_are_counted(tmp_path: Path, data: bytes, reason: str) -> None:
    assert reasons(read(data, tmp_path)[0]) == [reason]


def test_nothing_that_happens_to_bytes_escapes(tmp_path: Path) -> None:
    chance = random.Random(7)
    whole = (
        gzip.compress(record()) * 2 + record(headers=CHUNKED, body=CHUNKS) + gzip.compress(record(HTML * 9))
    )
    for _ in range(60):
        data = bytearray(whole[: chance.randrange(1, len(whole))])
        for _ in range(3):
            data[chance.randrange(len(data))] = chance.randrange(256)
        records, reading = read(bytes(data), tmp_path)
        assert len(records) == reading.count.good + reading.count.bad > 0


def test_real_archives_give_their_pages() -> None:
    folder = shared("web-archives")
    for name, pages in (("commoncrawl-2020-08.warc.gz", 16), ("research-sites-2024.warc.gz", 22)):
        source = WarcSource(type="warc", path=str(folder / name))
        records, reading = read_unit(source, read_warc, folder / name)
        assert len(texts(records)) == pages
        assert reading.count.bad == 0
        assert set(reasons(records)) <= {"not_html"}


def test_a_real_locator_leads_back_to_the_record() -> None:
    path = shared("web-archives") / "whirlwind.warc.gz"
    records, _ = read_unit(WarcSource(type="warc", path=str(path)), read_warc, path)
    start, end = map(int, records[0].locator.rpartition("=")[2].split("-"))
    assert gzip.decompress(path.read_bytes()[start:end]).startswith(b"WARC/1.0\r\nWARC-Type: response")
