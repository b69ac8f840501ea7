"""Compressed streams are read whole or with a fault; none unfolds without end; archives are refused by name."""

from __future__ import annotations

import bz2
import gzip
import lzma
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import pytest
import zstandard

from ontogeny.core.errors import RecipeError
from ontogeny.records import compressed
from ontogeny.records.compressed import DamagedStreamError, is_compressed, open_bytes, refuse_archive
from ontogeny.records.reading import read_rows
from ontogeny.records.row import BadRow, Fault, Row

TEXT = bytes(range(256)) * 1_000
PACKERS: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".zst": zstandard.compress,
    ".xz": lzma.compress,
}
ROW = b'{"text": "one row, and the same once more"}\n'


@pytest.mark.parametrize("suffix", ["", *PACKERS])
def test_what_was_packed_is_read(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    path.write_bytes(PACKERS.get(suffix, bytes)(TEXT))
    watched: list[BinaryIO] = []
    with open_bytes(path, watched.append) as stream:
        assert stream.read() == TEXT
        assert watched[0].tell() == path.stat().st_size
    assert is_compressed(path) == bool(suffix)


@pytest.mark.parametrize("suffix", PACKERS)
def test_a_truncated_stream_is_a_fault_behind_what_it_holds(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    path.write_bytes(PACKERS[suffix](TEXT)[:-6])
    with pytest.raises(DamagedStreamError, match="ends before its end: the file is truncated"):
        read_through(path)


@pytest.mark.parametrize("suffix", PACKERS)
def test_a_stream_of_another_kind_is_a_fault(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    path.write_bytes(b"no compressed stream at all, but text")
    with pytest.raises(DamagedStreamError, match="corrupt"):
        read_through(path)


@pytest.mark.parametrize("suffix", PACKERS)
def test_an_empty_file_is_empty_whatever_its_suffix(tmp_path: Path, suffix: str) -> None:
    (tmp_path / f"a.jsonl{suffix}").write_bytes(b"")
    assert [row.reason for row in read_rows(tmp_path / f"a.jsonl{suffix}") if isinstance(row, BadRow)] == [
        Fault.EMPTY_FILE
    ]


@pytest.mark.parametrize("suffix", PACKERS)
@pytest.mark.parametrize("name", ["a.jsonl", "a.csv", "a.txt"])
def test_rows_of_every_compression(tmp_path: Path, name: str, suffix: str) -> None:
    path = tmp_path / f"{name}{suffix}"
    text = {"a.jsonl": '{"text": "é"}\n', "a.csv": "text,n\né,1\n", "a.txt": "é"}[name]
    path.write_bytes(PACKERS[suffix](text.encode()))
    (row,) = read_rows(path)
    assert isinstance(row, Row) and row.values["text"] == "é"


@pytest.mark.parametrize("suffix", PACKERS)
def test_rows_before_a_place_of_damage_are_read(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.jsonl{suffix}"
    lines = b"".join(b'{"text": "%d"}\n' % (number * 7919**3) for number in range(60_000))
    packed = PACKERS[suffix](lines)
    path.write_bytes(packed[: len(packed) * 3 // 4])
    *rows, last = read_rows(path)
    assert len(rows) > 1_000 and all(isinstance(row, Row) for row in rows)
    assert isinstance(last, BadRow) and last.reason is Fault.DAMAGED_COMPRESSION
    assert last.number == len(rows) + 1


@pytest.mark.parametrize("name", ["a.jsonl.gz", "a.json.gz"])
def test_rows_of_a_small_truncated_file_are_read(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(gzip.compress(ROW * 3)[:-4])
    *rows, last = read_rows(tmp_path / name)
    assert len(rows) == 3 and isinstance(last, BadRow) and last.reason is Fault.DAMAGED_COMPRESSION


@pytest.mark.parametrize("suffix", PACKERS)
def test_a_bomb_is_a_fault(tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compressed, "UNCHECKED_BYTES", 1 << 20)
    path = tmp_path / f"a{suffix}"
    path.write_bytes(PACKERS[suffix](bytes(16 << 20)))
    with pytest.raises(
        DamagedStreamError, match="unfolds more than 1,000 times, as archive bombs do; unpack"
    ):
        read_through(path)


def test_a_bomb_of_rows_is_a_bad_row_behind_the_first_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.jsonl.zst"
    path.write_bytes(zstandard.compress(ROW * (4 << 20 >> 5)))
    assert all(isinstance(row, Row) for row in read_rows(path))  # little harm, whatever the ratio
    monkeypatch.setattr(compressed, "UNCHECKED_BYTES", 1 << 20)
    *rows, last = read_rows(path)
    assert len(rows) > 23_000 and isinstance(last, BadRow)
    assert last.reason is Fault.DAMAGED_COMPRESSION and "unfolds" in last.detail


@pytest.mark.parametrize("suffix", [".gz", ".bz2"])
def test_repetitive_text_is_no_bomb(tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compressed, "UNCHECKED_BYTES", 0)
    path = tmp_path / f"a{suffix}"
    text = b"".join(
        b'{"id": %d, "text": "%s"}\n' % (number, b"a form letter " * 20) for number in range(9_000)
    )
    path.write_bytes(PACKERS[suffix](text))
    assert len(text) > 50 * path.stat().st_size
    read_through(path)


def test_an_xz_file_does_not_get_what_memory_it_asks_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compressed, "MAX_WINDOW_BYTES", 1 << 20)
    (tmp_path / "a.xz").write_bytes(lzma.compress(TEXT, preset=6))
    with pytest.raises(DamagedStreamError, match="Memory usage limit exceeded"):
        read_through(tmp_path / "a.xz")


@pytest.mark.parametrize("name", ["a.zip", "a.jsonl.ZIP", "a.tar", "a.tar.gz", "a.tgz", "a.txt.lz4", "a.7z"])
def test_archives_are_refused_by_name(tmp_path: Path, name: str) -> None:
    with pytest.raises(RecipeError, match="files are not read as they are") as caught:
        refuse_archive(tmp_path / name)
    assert caught.value.where == str(tmp_path / name) and "unpack it" in str(caught.value.hint)


@pytest.mark.parametrize(
    "name", ["a.jsonl", "pt.br.jsonl", "star.jsonl.gz", "a.tar.jsonl", "zip", "a.txt.xz"]
)
def test_other_names_are_not(name: str) -> None:
    try:
        refuse_archive(Path(name))
    except RecipeError as error:
        pytest.fail(f"{name} is refused: {error}")


@pytest.mark.parametrize("padding", [b"", bytes(100_000)])
@pytest.mark.parametrize("suffix", [".bz2", ".xz", ".gz"])
def test_streams_of_one_file_follow_each_other(tmp_path: Path, suffix: str, padding: bytes) -> None:
    path = tmp_path / f"a{suffix}"
    path.write_bytes(b"".join(streams(suffix)) + padding)
    with open_bytes(path) as stream:
        assert stream.read() == b"a" * 200_000 + b"b" * 200_000 + b"c" * 200_000


@pytest.mark.parametrize("suffix", [".bz2", ".xz"])
@pytest.mark.parametrize(
    "harm",
    [
        lambda second: b"XX" + second[2:],
        lambda second: second[:4] + b"XX" + second[6:],
        lambda second: second[:-8] + b"XX" + second[-6:],
        lambda second: b"# a comment",
    ],
)
def test_a_damaged_later_stream_is_no_end(
    tmp_path: Path, harm: Callable[[bytes], bytes], suffix: str
) -> None:
    path = tmp_path / f"a{suffix}"
    first, second, third = streams(suffix)
    path.write_bytes(first + harm(second) + third)
    with pytest.raises(DamagedStreamError, match=r"corrupt .* in stream 2 of the file"):
        read_through(path)
    with open_bytes(path) as stream:
        assert stream.read(150_000) == b"a" * 150_000


def streams(suffix: str) -> list[bytes]:
    return [PACKERS[suffix](bytes([letter]) * 200_000) for letter in b"abc"]


def read_through(path: Path) -> None:
    with open_bytes(path) as stream:
        while stream.read(1 << 20):
            pass
