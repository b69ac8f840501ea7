"""Parquet, in batches. A row whose text is not UTF-8 is bad by itself; a page that does not decode ends the file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ontogeny.records.row import BadRow, Fault, Row, Value, record_locator

if TYPE_CHECKING:
    import pyarrow as pa

BATCH_ROWS = 256
"""Rows decoded at once: enough to amortise a batch, few enough that books stay in memory."""


def read_parquet(path: Path, *, start: int = 0, end: int | None = None) -> Iterator[Row | BadRow]:
    """The rows of a parquet file, all columns; with bounds, those of row groups `start` to `end`, excluded."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    number = 0
    try:
        with pq.ParquetFile(path) as file:
            metadata = file.metadata
            number = sum(metadata.row_group(group).num_rows for group in range(start))
            groups = list(range(start, metadata.num_row_groups if end is None else end))
            for batch in file.iter_batches(batch_size=BATCH_ROWS, row_groups=groups):
                for values in _rows_of(batch):
                    number += 1
                    locator = record_locator(path, number)
                    if isinstance(values, UnicodeDecodeError):
                        yield BadRow(Fault.INVALID_UTF8, str(values), number, locator)
                    else:
                        yield Row(values, number, locator)
    except (pa.ArrowException, OSError) as error:
        yield BadRow(Fault.DAMAGED_FILE, str(error), number + 1, record_locator(path, number + 1))


def group_spans(path: Path, span_bytes: int) -> list[tuple[int, int]]:
    """Spans of row groups that take about `span_bytes` in memory each; none of a file that is no Parquet."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        metadata = pq.read_metadata(path)
    except (pa.ArrowException, OSError):
        return []
    spans: list[tuple[int, int]] = []
    start = size = 0
    for group in range(metadata.num_row_groups):
        size += metadata.row_group(group).total_byte_size
        if size >= span_bytes or group == metadata.num_row_groups - 1:
            spans.append((start, group + 1))
            start, size = group + 1, 0
    return spans


def _rows_of(batch: pa.RecordBatch) -> Iterator[dict[str, Value] | UnicodeDecodeError]:
    """The rows of a batch; row by row only where the batch holds one that does not decode."""
    try:
        yield from batch.to_pylist()
    except UnicodeDecodeError:
        for position in range(batch.num_rows):
            try:
                yield batch.slice(position, 1).to_pylist()[0]
            except UnicodeDecodeError as error:
                yield error
