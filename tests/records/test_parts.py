"""Rows come back in order, in row groups of bounded size, and are the same bytes for the same rows."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from ontogeny.records.parts import part_paths, read_parts, write_single

SCHEMA = pa.schema([("text", pa.string())])
ROWS = [{"text": f"{number:04d}" * 5} for number in range(100)]


def test_rows_come_back_in_order_from_row_groups_and_parts(tmp_path: Path) -> None:
    first, second = tmp_path / "part-00000.parquet", tmp_path / "part-00001.parquet"
    write_single(second, ROWS[80:], SCHEMA)
    write_single(first, iter(ROWS[:80]), SCHEMA, group_bytes=400)
    assert part_paths(tmp_path) == [first, second]
    assert pq.ParquetFile(first).num_row_groups == 4
    assert list(read_parts(tmp_path)) == ROWS


def test_no_rows_still_have_columns(tmp_path: Path) -> None:
    write_single(tmp_path / "dropped.parquet", [], SCHEMA)
    assert pq.read_table(tmp_path / "dropped.parquet").schema == SCHEMA


def test_same_rows_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_single(tmp_path / name, ROWS, SCHEMA)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_only_wanted_columns_are_read(tmp_path: Path) -> None:
    schema = pa.schema([("a", pa.string()), ("b", pa.string())])
    write_single(tmp_path / "part-00000.parquet", [{"a": "x", "b": "y"}], schema)
    assert list(read_parts(tmp_path, ["b"])) == [{"b": "y"}]
