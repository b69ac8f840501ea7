"""Rows as parquet: parts of bounded size, named `part-00000.parquet` and on, or one file of a given name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

from ontogeny.records.row import Value

if TYPE_CHECKING:
    import pyarrow as pa

PART_BYTES = 256 << 20
"""Text of one part: large enough that a terabyte is thousands of files, small enough to read one on a laptop."""

GROUP_BYTES = 8 << 20
"""Text of one row group: what a reader holds at once."""

COMPRESSION: Literal["zstd"] = "zstd"

Stored: TypeAlias = dict[str, Value]
"""A row of a parquet file."""


def write_single(
    path: Path, rows: Iterable[Stored], schema: pa.Schema, *, group_bytes: int = GROUP_BYTES
) -> None:
    """Write `rows` in their order as the one file `path`."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    with pq.ParquetWriter(path, schema, compression=COMPRESSION) as writer:
        for group in _batches(rows, group_bytes):
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


def _batches(rows: Iterable[Stored], limit_bytes: int) -> Iterator[list[Stored]]:
    """`rows` in lists of about `limit_bytes` of text, at least one row each."""
    batch: list[Stored] = []
    size = 0
    for row in rows:
        batch.append(row)
        size += _text_bytes(row)
        if size >= limit_bytes:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _text_bytes(value: Value) -> int:
    """About how many bytes the strings inside `value` have."""
    if isinstance(value, str):
        return len(value)
    if isinstance(value, Mapping):
        return sum(map(_text_bytes, value.values()))
    if isinstance(value, list | tuple):
        return sum(map(_text_bytes, value))
    return 0
