"""Rows out: parquet parts of bounded size, named `part-00000.parquet` and on, or one file of a given name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ontogeny.records.external_sort import Stored, batches, text_bytes

if TYPE_CHECKING:
    import pyarrow as pa

PART_BYTES = 256 << 20
"""Text of one part: large enough that a terabyte is thousands of files, small enough to read one on a laptop."""

GROUP_BYTES = 8 << 20
"""Text of one row group: what a reader holds at once."""

COMPRESSION: Literal["zstd"] = "zstd"


def write_parts(
    folder: Path,
    rows: Iterable[Stored],
    schema: pa.Schema,
    *,
    part_bytes: int = PART_BYTES,
    group_bytes: int = GROUP_BYTES,
) -> list[Path]:
    """Write `rows` in their order as parts in `folder`; at least one part, even without rows."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    paths: list[Path] = []
    groups = batches(rows, group_bytes)
    pending = next(groups, [])
    while pending or not paths:
        path = folder / f"part-{len(paths):05d}.parquet"
        size = 0
        with pq.ParquetWriter(path, schema, compression=COMPRESSION) as writer:
            while pending and size < part_bytes:
                writer.write_table(pa.Table.from_pylist(pending, schema=schema))
                size += text_bytes(pending)
                pending = next(groups, [])
        paths.append(path)
    return paths


def write_single(
    path: Path, rows: Iterable[Stored], schema: pa.Schema, *, group_bytes: int = GROUP_BYTES
) -> None:
    """Write `rows` in their order as the one file `path`."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    with pq.ParquetWriter(path, schema, compression=COMPRESSION) as writer:
        for group in batches(rows, group_bytes):
            writer.write_table(pa.Table.from_pylist(group, schema=schema))


def part_paths(folder: Path) -> list[Path]:
    """The parts in `folder`, in order."""
    return sorted(folder.glob("part-*.parquet"))


def read_parts(folder: Path, columns: list[str] | None = None) -> Iterator[Stored]:
    """The rows of all parts in `folder`, in order, one row group in memory."""
    import pyarrow.parquet as pq

    for path in part_paths(folder):
        with pq.ParquetFile(path) as file:
            for group in range(file.num_row_groups):
                yield from file.read_row_group(group, columns=columns).to_pylist()
