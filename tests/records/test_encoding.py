"""UTF-16 and UTF-32 are read as what they say, in every format; what does not decode is one bad row."""

from __future__ import annotations

import codecs
import gzip
import json
from pathlib import Path

import pytest

from ontogeny.records.formats import Format
from ontogeny.records.reading import WHOLE, parts_of, read_rows
from ontogeny.records.row import BadRow, Fault, Row

TEXTS = ["first", "drei – ≥ \U0001f600", "Ċ and ഊ hold bytes of line ends"]
ENCODED = {
    "utf-16": lambda text: text.encode("utf-16"),
    "utf-16-be": lambda text: codecs.BOM_UTF16_BE + text.encode("utf-16-be"),
    "utf-32": lambda text: text.encode("utf-32"),
    "utf-32-be": lambda text: codecs.BOM_UTF32_BE + text.encode("utf-32-be"),
    "utf-8-sig": lambda text: text.encode("utf-8-sig"),
}
FILES = {
    "a.jsonl": "".join(json.dumps({"text": text}, ensure_ascii=False) + "\r\n" for text in TEXTS),
    "a.json": json.dumps([{"text": text} for text in TEXTS], ensure_ascii=False),
    "a.csv": "id,text\n" + "".join(f"1,{text}\n" for text in TEXTS),
    "a.tsv": "id\ttext\n" + "".join(f"1\t{text}\n" for text in TEXTS),
    "a.csv.gz": "id;text\n" + "".join(f"1;{text}\n" for text in TEXTS),
}


@pytest.mark.parametrize("encoding", ENCODED)
@pytest.mark.parametrize("name", FILES)
def test_the_byte_order_mark_decides(tmp_path: Path, name: str, encoding: str) -> None:
    path = tmp_path / name
    data = ENCODED[encoding](FILES[name])
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    notes: list[str] = []
    rows = list(read_rows(path, note=notes.append))
    assert [isinstance(row, Row) and row.values["text"] for row in rows] == TEXTS
    assert [note for note in notes if "UTF" in note] == (
        [] if encoding == "utf-8-sig" else [encoding[:6].upper()]
    )
    if encoding != "utf-8-sig":
        assert [row.locator for row in rows] == [f"{path}#record={number}" for number in (1, 2, 3)]
        assert [row.locator for row in read_rows(path, skip=2)] == [f"{path}#record=3"]


@pytest.mark.parametrize("encoding", ENCODED)
def test_a_text_file(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "a.txt").write_bytes(ENCODED[encoding]("\n".join(TEXTS)))
    (row,) = read_rows(tmp_path / "a.txt")
    assert isinstance(row, Row)
    assert row.values == {"text": "\n".join(TEXTS)}


@pytest.mark.parametrize(("name", "format"), [("a.csv", None), ("a.txt", None), ("a", Format.LINES)])
def test_an_encoding_that_was_told(tmp_path: Path, name: str, format: Format | None) -> None:
    said = {
        "a.csv": "label,text\nspam,caf\xe9 \u20ac\n",
        "a.txt": "caf\xe9 \u20ac",
        "a": "spam caf\xe9 \u20ac\n",
    }[name]
    (tmp_path / name).write_bytes(said.encode("windows-1252"))
    (bad,) = read_rows(tmp_path / name, format=format)
    assert isinstance(bad, BadRow) and bad.reason is Fault.INVALID_UTF8
    notes: list[str] = []
    (row,) = read_rows(tmp_path / name, format=format, encoding="windows-1252", note=notes.append)
    assert isinstance(row, Row) and row.values["text"] == "caf\xe9 \u20ac"
    assert notes == ["windows-1252"]


@pytest.mark.parametrize(("encoding", "broken"), [("utf-16", b"\x00\xd8"), ("utf-32", b"\xff\xff\xff\x7f")])
def test_what_does_not_decode_is_one_bad_row(tmp_path: Path, encoding: str, broken: bytes) -> None:
    path = tmp_path / "a.jsonl"
    lines = [f'{{"text": "{text}"}}\n'.encode(f"{encoding}-le") for text in ("one", "two", "three", "four")]
    lines[1] = lines[1].replace("w".encode(f"{encoding}-le"), broken)
    path.write_bytes(
        "\ufeff".encode(f"{encoding}-le") + b"".join(lines) + b"{"
    )  # and half a character at the end
    rows = list(read_rows(path))
    assert [row.reason if isinstance(row, BadRow) else row.values["text"] for row in rows] == [
        "one",
        Fault.INVALID_UTF8,
        "three",
        "four",
        Fault.INVALID_UTF8,
    ]


def test_only_utf8_is_read_in_parts(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(ENCODED["utf-16"](FILES["a.jsonl"]))
    assert parts_of(path, Format.JSONL, part_bytes=50) == [WHOLE]
    path.write_text(FILES["a.jsonl"])
    assert len(parts_of(path, Format.JSONL, part_bytes=50)) > 1
