"""Parts hold the rows in order, are bounded, and are the same bytes for the same rows."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from ontogeny.records.parts import part_paths, read_parts, write_parts, write_single

SCHEMA = pa.schema([("text", pa.string())])
ROWS = [{"text": f"{number:04d}" * 5} for number in range(100)]


def test_rows_come_back_in_order_from_bounded_parts(tmp_path: Path) -> None:
    paths = write_parts(tmp_path, iter(ROWS), SCHEMA, part_bytes=400, group_bytes=100)
    assert [path.name for path in paths[:2]] == ["part-00000.parquet", "part-00001.parquet"]
    assert part_paths(tmp_path) == paths
    assert len(paths) == 5
    assert pq.ParquetFile(paths[0]).num_row_groups == 4
    assert list(read_parts(tmp_path)) == ROWS


def test_no_rows_still_make_a_part_with_columns(tmp_path: Path) -> None:
    (path,) = write_parts(tmp_path, [], SCHEMA)
    assert pq.read_table(path).schema == SCHEMA
    write_single(tmp_path / "dropped.parquet", [], SCHEMA)
    assert pq.read_table(tmp_path / "dropped.parquet").num_rows == 0


def test_same_rows_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        write_parts(tmp_path / name, ROWS, SCHEMA)
        write_single(tmp_path / name / "single.parquet", ROWS, SCHEMA)
    for file in ("part-00000.parquet", "single.parquet"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_only_wanted_columns_are_read(tmp_path: Path) -> None:
    schema = pa.schema([("a", pa.string()), ("b", pa.string())])
    write_parts(tmp_path, [{"a": "x", "b": "y"}], schema)
    assert list(read_parts(tmp_path, ["b"])) == [{"b": "y"}]
