"""Parquet, in batches. A row whose text is not UTF-8 is bad by itself; a page that does not decode ends the file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING

from ontogeny.core.remote import AnyPath, RemoteFile
from ontogeny.records.row import BadRow, Fault, Row, Value, record_locator

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

BATCH_ROWS = 256
"""Rows decoded at once: enough to amortise a batch, few enough that books stay in memory."""


def read_parquet(
    path: AnyPath, *, start: int = 0, end: int | None = None, skip: int = 0
) -> Iterator[Row | BadRow]:
    """The rows of a parquet file, all columns; with bounds, those of row groups `start` to `end`, excluded.

    The first `skip` of these rows are passed over, whole row groups of them unread.
    """
    import pyarrow as pa

    if path.stat().st_size == 0:
        return  # of no kind, rather than a damaged Parquet file
    number = 0
    try:
        with _open(path) as file:
            rows = [file.metadata.row_group(group).num_rows for group in range(file.metadata.num_row_groups)]
            end = len(rows) if end is None else end
            first = number = sum(rows[:start]) + skip
            while start < end and sum(rows[: start + 1]) <= first:
                start += 1
            left = first - sum(rows[:start])
            for batch in file.iter_batches(batch_size=BATCH_ROWS, row_groups=list(range(start, end))):
                wanted = batch.slice(min(left, batch.num_rows))
                left -= batch.num_rows - wanted.num_rows
                for values in _rows_of(wanted):
                    number += 1
                    locator = record_locator(path, number)
                    if isinstance(values, UnicodeDecodeError):
                        yield BadRow(Fault.INVALID_UTF8, str(values), number, locator)
                    else:
                        yield Row(values, number, locator)
    except (pa.ArrowException, OSError) as error:
        yield BadRow(Fault.DAMAGED_FILE, str(error), number + 1, record_locator(path, number + 1))


def group_spans(path: AnyPath, span_bytes: int) -> list[tuple[int, int]]:
    """Spans of row groups that take about `span_bytes` in memory each; none of a file that is no Parquet."""
    import pyarrow as pa

    try:
        with _open(path) as file:
            metadata = file.metadata
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


@contextmanager
def _open(path: AnyPath) -> Iterator[pq.ParquetFile]:
    import pyarrow.parquet as pq

    # Arrow opens files of the disk itself, which is quicker.
    opened = path.open() if isinstance(path, RemoteFile) else nullcontext(path)
    with opened as source, pq.ParquetFile(source) as file:
        yield file


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
