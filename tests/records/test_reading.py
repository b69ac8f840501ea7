"""Every format gives the same rows; every fault is a bad row with a reason, a place and a beginning."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from ontogeny.records import json_array
from ontogeny.records import row as limits
from ontogeny.records.formats import Format, detect_format
from ontogeny.records.reading import SHOWN_COLUMNS, read_rows
from ontogeny.records.row import BadRow, Fault, Row

ROWS = [{"text": "first"}, {"text": 'second, with "quotes"\nand a line'}, {"text": "drei – ≥"}]


def write_jsonl(path: Path) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS), encoding="utf-8")


def write_csv(path: Path, delimiter: str = ",") -> None:
    quoted = ['"' + row["text"].replace('"', '""') + '"' for row in ROWS]
    path.write_text(
        "\n".join([f"n{delimiter}text", *(f"{n}{delimiter}{q}" for n, q in enumerate(quoted))]) + "\n"
    )


def write(path: Path) -> None:
    match detect_format(path):
        case Format.JSONL:
            write_jsonl(path)
        case Format.JSON:
            path.write_text(json.dumps(ROWS, indent=1))
        case Format.CSV:
            write_csv(path)
        case Format.TSV:
            write_csv(path, "\t")
        case Format.PARQUET:
            pq.write_table(pa.Table.from_pylist(ROWS), path)
        case Format.TEXT:
            path.write_text(ROWS[0]["text"])
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(path.read_bytes()))
    if path.suffix == ".zst":
        half = len(path.read_bytes()) // 2  # two frames: some writers append
        first, second = path.read_bytes()[:half], path.read_bytes()[half:]
        path.write_bytes(zstandard.compress(first) + zstandard.compress(second))


@pytest.mark.parametrize(
    "name",
    [
        "a.jsonl",
        "a.ndjson",
        "a.json",
        "a.json.gz",
        "a.jsonl.gz",
        "a.jsonl.zst",
        "a.csv",
        "a.csv.gz",
        "a.tsv",
        "a.parquet",
    ],
)
def test_formats_give_the_same_texts(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    write(path)
    rows = list(read_rows(path))
    assert [isinstance(row, Row) and row.values["text"] for row in rows] == [row["text"] for row in ROWS]


@pytest.mark.parametrize("name", ["a.txt", "a.md", "a.txt.gz", "a.md.zst"])
def test_a_text_file_is_one_row(tmp_path: Path, name: str) -> None:
    write(tmp_path / name)
    (row,) = read_rows(tmp_path / name)
    assert isinstance(row, Row)
    assert row.values == {"text": "first"}
    assert row.locator == f"{tmp_path / name}#bytes=0-5"


def test_the_locator_of_a_json_line_is_its_byte_range(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.gz"
    write(path)
    data = gzip.decompress(path.read_bytes())
    for row, expected in zip(read_rows(path), ROWS, strict=True):
        start, end = row.locator.rpartition("=")[2].split("-")
        assert json.loads(data[int(start) : int(end)]) == expected


def test_columns_are_renamed(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"body": "x", "text": "y", "n": 1}\n{"text": "z"}\n')
    good, bad = read_rows(path, columns={"text": "body"})
    assert isinstance(good, Row)
    assert good.values == {"text": "x", "n": 1}
    assert isinstance(bad, BadRow)
    assert (bad.reason, bad.detail) == (Fault.MISSING_COLUMN, "no column 'body'; there are: text.")


def only_bad(path: Path) -> BadRow:
    (bad,) = [row for row in read_rows(path) if isinstance(row, BadRow)]
    return bad


@pytest.mark.parametrize(
    ("line", "reason", "detail"),
    [
        (b"{broken", Fault.NOT_JSON, "Expecting property name"),
        (b"[" * 100_000, Fault.NOT_JSON, "recursion"),
        (b'{"n": ' + b"9" * 5_000 + b"}", Fault.NOT_JSON, "digits"),
        (b"[1, 2]", Fault.NOT_AN_OBJECT, "expected an object, found list"),
        (b'{"text": "\xff"}', Fault.INVALID_UTF8, "byte 10 of the line (0xff) is not UTF-8"),
        (b'{"text": "\\ud800"}', Fault.INVALID_UNICODE, "half a character"),
    ],
)
def test_a_bad_line_is_named_and_the_others_are_read(
    tmp_path: Path, line: bytes, reason: Fault, detail: str
) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"text": "one"}\n\n' + line + b'\n{"text": "\\u00fc"}\n')
    rows = list(read_rows(path))
    assert [type(row) for row in rows] == [Row, BadRow, Row]
    bad = only_bad(path)
    assert bad.reason is reason
    assert detail in bad.detail
    assert bad.number == 3
    assert bad.locator == f"{path}#bytes=17-{18 + len(line)}"
    assert bad.sample


def test_json_lines_under_the_shorter_suffix(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_jsonl(path)
    assert [isinstance(row, Row) and row.values for row in read_rows(path)] == ROWS


@pytest.mark.parametrize(
    ("data", "reason", "detail"),
    [
        (b'[{"text": "x"}', Fault.NOT_JSON, "the array does not parse"),
        (b'[{"text": "\xff"}]', Fault.INVALID_UTF8, "is not UTF-8"),
        (b'[{"text": "x"}, 3]', Fault.NOT_AN_OBJECT, "expected an object, found int"),
        (b"[]", Fault.EMPTY_FILE, "no row"),
    ],
)
def test_array_faults(tmp_path: Path, data: bytes, reason: Fault, detail: str) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(data)
    bad = only_bad(path)
    assert bad.reason is reason
    assert detail in bad.detail


def test_an_array_beyond_the_bound_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_array, "MAX_ARRAY_BYTES", 10)
    write(tmp_path / "a.json")
    assert "write JSON lines instead" in only_bad(tmp_path / "a.json").detail


def test_a_long_line_is_one_bad_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"text": "' + b"x" * (limits.MAX_RECORD_BYTES + 10) + b'"}\n{"text": "ok"}\n')
    bad, good = read_rows(path)
    assert isinstance(bad, BadRow)
    assert isinstance(good, Row)
    assert bad.reason is Fault.TOO_LONG
    assert "the longest allowed has 16,777,216" in bad.detail
    assert len(bad.sample) == limits.SAMPLE_CHARS


@pytest.mark.parametrize("name", ["a.txt", "a.jsonl", "a.csv", "a.parquet", "a.jsonl.gz", "a.jsonl.zst"])
def test_an_empty_file_is_one_bad_row(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes({".gz": gzip.compress(b""), ".zst": zstandard.compress(b"")}.get(path.suffix, b""))
    bad = only_bad(path)
    assert bad.reason is Fault.EMPTY_FILE
    assert bad.locator == f"{path}#record=0"


@pytest.mark.parametrize("compress", [gzip.compress, zstandard.ZstdCompressor(write_checksum=True).compress])
@pytest.mark.parametrize("harm", ["truncated", "corrupt"])
def test_damaged_compression_is_one_bad_row_after_the_good_ones(
    tmp_path: Path, compress: Callable[[bytes], bytes], harm: str
) -> None:
    path = tmp_path / f"a.jsonl{'.gz' if compress is gzip.compress else '.zst'}"
    data = compress(b"".join(b'{"text": "row %d"}\n' % number for number in range(50_000)))
    middle = len(data) // 2
    path.write_bytes(
        data[:-30] if harm == "truncated" else data[:middle] + b"\xff\x00" * 20 + data[middle + 40 :]
    )
    rows = list(read_rows(path))
    assert isinstance(rows[-1], BadRow)
    assert rows[-1].reason in {Fault.DAMAGED_COMPRESSION, Fault.NOT_JSON, Fault.INVALID_UTF8}
    assert any(row.reason is Fault.DAMAGED_COMPRESSION for row in rows if isinstance(row, BadRow))
    if harm == "truncated":
        assert "truncated" in rows[-1].detail
        assert len(rows) > 10_000


def test_not_gzip_at_all(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl.gz").write_bytes(b'{"text": "plain"}\n')
    assert only_bad(tmp_path / "a.jsonl.gz").reason is Fault.DAMAGED_COMPRESSION


def test_csv_faults(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b'\xef\xbb\xbfid,text\n1,ok\n2\n3,a,b\n4,\xff\n5,"x"y\n\n6,ok\n7,"open\n')
    rows = list(read_rows(path))
    reasons = [row.reason if isinstance(row, BadRow) else row.values["id"] for row in rows]
    assert reasons == [
        "1",
        Fault.WRONG_COLUMN_COUNT,
        Fault.WRONG_COLUMN_COUNT,
        Fault.INVALID_UTF8,
        Fault.NOT_CSV,
        "6",
        Fault.NOT_CSV,
    ]
    assert [row.number for row in rows] == [1, 2, 3, 4, 5, 6, 7]
    assert "1 fields where the header has 2" in rows[1].detail  # type: ignore[union-attr]


@pytest.mark.parametrize("complete", [True, False])
def test_rows_before_damage_are_read_whatever_the_separator(tmp_path: Path, complete: bool) -> None:
    path = tmp_path / "a.csv.gz"
    packed = gzip.compress(b"id;text\n" + b"".join(b"%d;row\n" % number for number in range(30)), mtime=0)
    path.write_bytes(packed if complete else packed[:-4])
    notes: list[str] = []
    rows = list(read_rows(path, note=notes.append))
    assert [row.values["id"] for row in rows if isinstance(row, Row)] == [str(n) for n in range(30)]
    assert [row.reason for row in rows if isinstance(row, BadRow)] == (
        [] if complete else [Fault.DAMAGED_COMPRESSION]
    )
    assert notes == ["separator semicolon"]


def test_no_column_stands_for_another_one_of_its_name(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("text,id,text,,\nfirst,1,second,third,\n")
    notes: list[str] = []
    (row,) = read_rows(path, note=notes.append)
    assert isinstance(row, Row)
    assert row.values == {
        "text (column 1)": "first",
        "id": "1",
        "text (column 3)": "second",
        "(column 4)": "third",
        "(column 5)": "",
    }
    assert notes == ["columns of one name, told apart by number: text"]
    (chosen,) = read_rows(path, columns={"text": "text (column 3)"})
    assert isinstance(chosen, Row)
    assert chosen.values["text"] == "second"
    (bad,) = read_rows(path, columns={"body": "text"})
    assert isinstance(bad, BadRow)
    assert bad.detail.startswith("no column 'text'; there are: text (column 1), id, text (column 3)")


def test_a_long_csv_line_is_one_bad_row(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"id,text\n1," + b"x" * (limits.MAX_RECORD_BYTES + 1) + b"\n2,ok\n")
    bad, good = read_rows(path)
    assert isinstance(bad, BadRow)
    assert bad.reason is Fault.TOO_LONG
    assert isinstance(good, Row)
    assert good.values == {"id": "2", "text": "ok"}


def test_parquet_faults(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    path.write_bytes(b"PAR1 not really")
    assert only_bad(path).reason is Fault.DAMAGED_FILE
    binary = pa.array([b"ok", b"\xff\xfe", b"fine"], type=pa.binary())
    pq.write_table(pa.table({"text": binary.view(pa.string())}), path)
    rows = list(read_rows(path))
    assert [type(row) for row in rows] == [Row, BadRow, Row]
    assert only_bad(path).reason is Fault.INVALID_UTF8
    assert only_bad(path).locator == f"{path}#record=2"


def test_text_faults(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"abc\xfe")
    assert only_bad(path).detail == "byte 3 (0xfe) is not UTF-8"
    path.write_bytes(b"x" * (limits.MAX_RECORD_BYTES + 1))
    bad = only_bad(path)
    assert bad.reason is Fault.TOO_LONG
    assert "split it, or write JSON lines" in bad.detail


def test_a_column_that_is_not_there_names_the_nearest_and_lists_the_others(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"id": 1, "body": "x"}\n')
    (bad,) = read_rows(tmp_path / "a.jsonl", columns={"text": "bdoy"})
    assert isinstance(bad, BadRow) and bad.reason is Fault.MISSING_COLUMN
    assert bad.detail == "no column 'bdoy'; there are: id, body. Did you mean 'body'?"


def test_of_very_many_columns_the_first_are_listed(tmp_path: Path) -> None:
    names = [f"c{number}" for number in range(SHOWN_COLUMNS + 12)]
    (tmp_path / "a.csv").write_text(f"{','.join(names)}\n{','.join(names)}\n")
    (bad,) = read_rows(tmp_path / "a.csv", columns={"text": "words"})
    assert isinstance(bad, BadRow) and bad.detail.endswith(f"c{SHOWN_COLUMNS - 1} and 12 more.")


@pytest.mark.parametrize(("name", "separator"), [("a.csv", ","), ("a.csv", ";"), ("a.tsv", "\t")])
def test_a_header_may_be_given_where_the_file_has_none(tmp_path: Path, name: str, separator: str) -> None:
    path = tmp_path / name
    path.write_text("".join(f"ham{separator}hello {n}\n" for n in range(3)))
    rows = list(read_rows(path, header=["label", "text"]))
    assert [row.values for row in rows if isinstance(row, Row)] == [
        {"label": "ham", "text": f"hello {n}"} for n in range(3)
    ]
    assert [row.number for row in rows] == [1, 2, 3]
    assert list(read_rows(path, header=["label", "text"], skip=2)) == rows[2:]
    (first, *_) = read_rows(path, header=["text"])
    assert isinstance(first, BadRow)
    assert first.detail == "2 fields where the header has 1"


def test_quotes_in_a_file_of_tabs_may_be_letters(tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_text('label\ttext\nham\t"Gimme a few" was ages ago\nspam\twin\nspam\twin\n')
    noted: list[str] = []
    first, *_ = read_rows(tmp_path / "a.tsv", note=noted.append)
    assert isinstance(first, Row)
    assert first.values == {"label": "ham", "text": '"Gimme a few" was ages ago'}
    assert noted == ["quotes are letters like any other"]


def test_a_text_may_be_joined_from_columns(tmp_path: Path) -> None:
    rows = [
        {"title": "One", "body": "two"},
        {"title": None, "body": "two"},
        {"title": 1, "body": "x"},
        {"body": "x"},
    ]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    first, second, third, last = read_rows(tmp_path / "a.jsonl", columns={"text": ["title", "body"]})
    assert isinstance(first, Row) and first.values == {"text": "One\n\ntwo"}
    assert isinstance(second, Row) and second.values == {"text": "two"}
    assert isinstance(third, Row) and third.values == {"text": 1}
    assert isinstance(last, BadRow) and last.detail.startswith("no column 'title'")
