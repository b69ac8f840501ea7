"""Reading that goes on inside a file gives what an uninterrupted one gives, without the work for what lies before."""

from __future__ import annotations

import bz2
import copy
import gzip
import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from pydantic import TypeAdapter

from ontogeny.data.document import Document, Rejected
from ontogeny.data.sources import SOURCES, Source, books, common_crawl, files, mail, stackexchange, wikipedia
from ontogeny.data.sources.files import Reading, Unit
from ontogeny.records.accounting import RowCount
from ontogeny.records.reading import Part
from tests.data.sources import test_stackexchange, test_wikipedia
from tests.data.sources.test_warc import record

ADAPTER: TypeAdapter[Any] = TypeAdapter(Source)


@dataclass(frozen=True)
class Stop:
    """Where a reading may be killed: after a record, `since` records after its place was begun."""

    place: int | None
    since: int
    count: RowCount


def read(source: Any, unit: Unit) -> tuple[list[Document | Rejected], list[Stop], RowCount]:
    """All records of a unit, and what is known after each."""
    reading = Reading(RowCount(source.source_name))
    records: list[Document | Rejected] = []
    stops: list[Stop] = []
    place: int | None = None
    since = 0
    for one in SOURCES[source.type].read(source, unit, reading):
        records.append(one)
        since = since + 1 if reading.place == place else 1
        place = reading.place
        stops.append(Stop(place, since, copy.deepcopy(reading.count)))
    places = [stop.place for stop in stops if stop.place is not None]
    assert places == sorted(places)
    return records, stops, reading.count


def go_on(source: Any, unit: Unit, stop: Stop) -> tuple[list[Document | Rejected], RowCount]:
    """What a reading gives that was killed at `stop`, as the caller of a reader goes on."""
    reading = Reading(RowCount(source.source_name), resume_at=stop.place)
    records = SOURCES[source.type].read(source, unit, reading)
    for _ in range(stop.since):
        next(records)
    reading.count = copy.deepcopy(stop.count)
    return list(records), reading.count


def check(settings: dict[str, Any], path: Path, part: Part | None = None) -> int:
    """Every place of a file; returns how many records it has."""
    source = ADAPTER.validate_python({"path": str(path), "name": "it", **settings})
    unit = Unit(path, path.stat().st_size, part or Part())
    records, stops, count = read(source, unit)
    for done, stop in enumerate(stops, start=1):
        rest, after = go_on(source, unit, stop)
        assert rest == records[done:]
        assert vars(after) == vars(count)
    return len(records)


ROWS = [{"text": f"Text {number}, with ä.", "id": str(number)} for number in range(12)]
LINES = [json.dumps(row).encode() for row in ROWS]
LINES[3:5] = [b"", b"no json", b"   ", b'{"other": 1}', b"\xff\xfe"]
JSONL = b"\n".join(LINES) + b"\n"
CSV = b'id,text\n1,one\n2,"two\nlines"\n\n3,a,b\n4,four\n5,fi"ve\n6,six\n' + b"7,\xff\n8,eight\n"


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz", "a.jsonl.zst"])
@pytest.mark.parametrize("damaged", [False, True], ids=["whole", "damaged"])
def test_json_lines(tmp_path: Path, name: str, damaged: bool) -> None:
    packed = {".gz": gzip.compress, ".zst": zstandard.compress}.get(Path(name).suffix, bytes)(JSONL)
    path = tmp_path / name
    path.write_bytes(packed[:-9] if damaged else packed)
    assert check({"type": "jsonl"}, path) >= (1 if damaged else 13)


def test_parts_of_json_lines(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(JSONL)
    assert check({"type": "jsonl"}, path, Part(100, 400)) > 3


def test_json_arrays(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps([*ROWS, 3, {"text": 5}]))
    assert check({"type": "jsonl"}, path) == 14


def test_csv(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(CSV)
    assert check({"type": "csv"}, path) == 8


def test_parquet_and_its_parts(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    table = pa.table({"text": [f"Text {number}" for number in range(700)]})
    pq.write_table(table, path, row_group_size=300)
    source = ADAPTER.validate_python({"type": "parquet", "path": str(path), "name": "it"})
    for part in (Part(), Part(1, 3)):
        unit = Unit(path, path.stat().st_size, part)
        records, stops, _ = read(source, unit)
        for done in (1, 255, 256, 299, 300, 301, len(records)):
            assert go_on(source, unit, stops[done - 1])[0] == records[done:]


def test_dialogue(tmp_path: Path) -> None:
    rows = [
        {"prompt": "Why?", "completion": "So."},
        {"other": 1},
        {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]},
    ]
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    assert check({"type": "dialogue"}, path) == 3


@pytest.mark.parametrize("unit", ["book", "chapter"])
def test_books(tmp_path: Path, unit: str) -> None:
    text = "".join(f"CHAPTER {number}\n\n{'Words of a book. ' * 40}\n\n" for number in ("I", "II", "III"))
    path = tmp_path / "books.jsonl"
    path.write_text("\n".join(json.dumps({"text": f"{title} {text}", "title": title}) for title in "abc"))
    assert check({"type": "books", "unit": unit}, path) == (9 if unit == "chapter" else 3)
    single = tmp_path / "book.txt"
    single.write_text(text)
    assert check({"type": "books", "unit": unit}, single) == (3 if unit == "chapter" else 1)


def crawl(pack: Callable[[bytes], bytes]) -> list[bytes]:
    pages = []
    for number in range(6):
        pages.append(pack(record(kind="request", body=b"GET")))
        html = f"<html><body><p>Hello there, friend number {number}: a paragraph of text.</p></body></html>"
        pages.append(pack(record(html.encode(), status="404 No" if number == 2 else "200 OK")))
        pages.append(pack(record(kind="metadata", body=b"fetched")))
    return pages


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_web_archives(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    path = tmp_path / "a.warc.gz"
    path.write_bytes(b"".join(crawl(pack)))
    assert check({"type": "warc"}, path) == 6


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_damaged_web_archives(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    choose = random.Random(11)
    whole = b"".join(crawl(pack))
    path = tmp_path / "a.warc.gz"
    for _ in range(60):
        data = bytearray(whole)
        for _ in range(choose.randrange(1, 4)):
            place = choose.randrange(len(data))
            match choose.randrange(3):
                case 0:
                    data[place] ^= 1 << choose.randrange(8)
                case 1:
                    del data[place : place + choose.randrange(200)]
                case _:
                    data[place:place] = choose.randbytes(choose.randrange(100))
        path.write_bytes(data)
        check({"type": "warc"}, path)


@pytest.mark.parametrize("name", ["dump.xml", "dump.xml.bz2", "dump.xml.gz"])
@pytest.mark.parametrize("damaged", [False, True], ids=["whole", "damaged"])
def test_dumps(tmp_path: Path, name: str, damaged: bool) -> None:
    pages = [test_wikipedia.page(number=number, ns=number % 3) for number in range(1, 8)]
    posts = "".join(test_stackexchange.row(number, score=str(number % 3)) for number in range(1, 9))
    threads = posts + "".join(
        test_stackexchange.row(number, 2, more=f'ParentId="{number % 9}"') for number in range(10, 30)
    )
    packed = {".bz2": bz2.compress, ".gz": gzip.compress}.get(Path(name).suffix, bytes)
    path = tmp_path / name
    for settings, data in (
        ({"type": "wikipedia"}, test_wikipedia.dump(*pages)),
        ({"type": "stackexchange"}, f"<posts>{posts}</posts>".encode()),
        ({"type": "stackexchange", "unit": "thread"}, f"<posts>{threads}</posts>".encode()),
    ):
        path.write_bytes(packed(data)[:-30] if damaged else packed(data))
        assert check(settings, path) >= 1


LETTER = (
    "From a@b.org Thu Jan 01 00:00:00 2015\nSubject: {0}\nMessage-ID: <{0}@b.org>\n\n"
    "Body {0}.\n\nFrom here on.\n\n"
)


@pytest.mark.parametrize("name", ["a.mbox", "a.mbox.gz", "a.mbox.bz2", "a.mbox.zst"])
@pytest.mark.parametrize("damaged", [False, True], ids=["whole", "damaged"])
def test_mail(tmp_path: Path, name: str, damaged: bool) -> None:
    noise = random.Random(2).randbytes(400_000).hex()  # so that a compressed file is damaged within
    letters = (LETTER.format(number) + noise[number * 99_999 :][:99_999] for number in range(5))
    data = "\n\n".join(letters).encode()
    packed = {".gz": gzip.compress, ".bz2": bz2.compress, ".zst": zstandard.compress}
    data = packed.get(Path(name).suffix, bytes)(data)
    path = tmp_path / name
    path.write_bytes(data[:-5] if damaged else data)
    assert check({"type": "mail"}, path) >= 3


def test_an_index_of_common_crawl(tmp_path: Path) -> None:
    path = tmp_path / "index.jsonl"
    path.write_text("no json\n\n[]\n" + json.dumps({"filename": "a"}) + "\n{}\n")
    assert check({"type": "common-crawl"}, path) == 4


def counted(monkeypatch: pytest.MonkeyPatch, module: Any, name: str) -> list[object]:
    """The calls of `module.name` from now on."""
    calls: list[object] = []
    original = getattr(module, name)

    def call(*arguments: object, **options: object) -> object:
        calls.append(arguments)
        return original(*arguments, **options)

    monkeypatch.setattr(module, name, call)
    return calls


def wiki_bytes() -> bytes:
    return test_wikipedia.dump(*(test_wikipedia.page(number=number) for number in range(1, 10)))


def post_bytes() -> bytes:
    return f"<posts>{''.join(test_stackexchange.row(number) for number in range(1, 10))}</posts>".encode()


def index_bytes() -> bytes:
    return b'{"filename": "a", "offset": "-1", "length": "2"}\n' * 9


CASES: Sequence[tuple[str, str, Callable[[], bytes], Any, str]] = [
    ("wikipedia", "a.xml.bz2", lambda: bz2.compress(wiki_bytes()), wikipedia, "plain_text"),
    ("stackexchange", "a.xml", post_bytes, stackexchange, "fragment_text"),
    ("warc", "a.warc.gz", lambda: b"".join(crawl(gzip.compress)), None, ""),
    ("mail", "a.mbox", lambda: "".join(map(LETTER.format, range(9))).encode(), mail, "_document"),
    ("common-crawl", "a.jsonl", index_bytes, common_crawl, "_outcome"),
    ("jsonl", "a.jsonl.gz", lambda: gzip.compress(JSONL), files, "_document"),
    ("books", "a.jsonl", lambda: b'{"text": "a book"}\n' * 9, books, "_book_of"),
]


@pytest.mark.parametrize(("type", "name", "data", "module", "work"), CASES, ids=[case[0] for case in CASES])
def test_what_lies_before_costs_no_work(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    type: str,
    name: str,
    data: Callable[[], bytes],
    module: Any,
    work: str,
) -> None:
    from ontogeny.data.sources import pages

    path = tmp_path / name
    path.write_bytes(data())
    source = ADAPTER.validate_python({"type": type, "path": str(path), "name": "it"})
    unit = Unit(path, path.stat().st_size)
    records, stops, _ = read(source, unit)
    calls = counted(monkeypatch, module or pages, work or "extract_page")
    go_on(source, unit, stops[-3])
    assert len(calls) <= 3 < len(records)


def test_an_archive_is_read_from_the_record_on(tmp_path: Path) -> None:
    data = bytearray(b"".join(crawl(gzip.compress)))
    path = tmp_path / "a.warc.gz"
    path.write_bytes(data)
    source = ADAPTER.validate_python({"type": "warc", "path": str(path), "name": "it"})
    unit = Unit(path, len(data))
    whole, stops, _ = read(source, unit)
    begin = stops[3].place
    assert begin is not None
    data[3:begin] = bytes(begin - 3)  # the first bytes say what kind of file it is
    path.write_bytes(data)
    assert go_on(source, unit, stops[3])[0] == whole[4:]
