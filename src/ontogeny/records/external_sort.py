"""Sorting more rows than memory holds: sorted runs on disk, merged as they are read.

Rows are collected until they fill the budget, sorted, and written as a run (Arrow IPC); `merged` reads all runs at
once, one batch of each in memory. When there are many runs, they are first merged into one, so that open files stay
few. Small inputs never touch the disk. Everything lies in a folder of its own, emptied at the start.
"""

from __future__ import annotations

import heapq
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from ontogeny.records.row import Value

if TYPE_CHECKING:
    import pyarrow as pa

MEMORY_BYTES = 64 << 20
"""Payload of one run. Python objects take about twice that; 256 runs of it are 16 GB merged in one pass."""

BATCH_BYTES = 1 << 20
"""Payload of one batch of a run: what the merge holds of each run."""

MAX_RUNS = 256
"""Runs merged at once; each is an open file, and 1,024 of them is a common limit of a process."""

ROW_OVERHEAD_BYTES = 1_000
"""What a row costs beyond its text, measured on rows of the corpus schema."""

Stored: TypeAlias = dict[str, Value]
Key: TypeAlias = Callable[[Stored], tuple[str, ...]]


class ExternalSort:
    """Collects rows of `schema`, gives them back in the order of `key`."""

    def __init__(
        self, folder: Path, schema: pa.Schema, key: Key, *, memory_bytes: int = MEMORY_BYTES
    ) -> None:
        self._folder, self._schema, self._key, self._memory_bytes = folder, schema, key, memory_bytes
        self._pending: list[Stored] = []
        self._pending_bytes = 0
        self._runs: list[Path] = []
        self._written = 0
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)

    def add(self, row: Stored, *, size_bytes: int) -> None:
        """Take in one row whose text has about `size_bytes`."""
        self._pending.append(row)
        self._pending_bytes += size_bytes + ROW_OVERHEAD_BYTES
        if self._pending_bytes >= self._memory_bytes:
            self._runs.append(self._write(sorted(self._pending, key=self._key)))
            self._pending, self._pending_bytes = [], 0
        if len(self._runs) >= MAX_RUNS:
            merged = self._write(self._merge(self._runs))
            for run in self._runs:
                run.unlink()
            self._runs = [merged]

    def merged(self) -> Iterator[Stored]:
        """All rows, sorted."""
        last = sorted(self._pending, key=self._key)
        return heapq.merge(self._merge(self._runs), last, key=self._key)

    def _merge(self, runs: list[Path]) -> Iterator[Stored]:
        return heapq.merge(*(self._read(run) for run in runs), key=self._key)

    def _write(self, rows: Iterable[Stored]) -> Path:
        import pyarrow as pa

        path = self._folder / f"run-{self._written:05d}.arrow"
        self._written += 1
        with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_stream(sink, self._schema) as writer:
            for batch in batches(rows, BATCH_BYTES):
                writer.write_batch(pa.RecordBatch.from_pylist(batch, schema=self._schema))
        return path

    def _read(self, run: Path) -> Iterator[Stored]:
        import pyarrow as pa

        with pa.OSFile(str(run), "rb") as source, pa.ipc.open_stream(source) as reader:
            for batch in reader:
                yield from batch.to_pylist()


def batches(rows: Iterable[Stored], limit_bytes: int) -> Iterator[list[Stored]]:
    """`rows` in lists of about `limit_bytes` of text, at least one row each."""
    batch: list[Stored] = []
    size = 0
    for row in rows:
        batch.append(row)
        size += text_bytes(row)
        if size >= limit_bytes:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def text_bytes(value: Value) -> int:
    """About how many bytes the strings inside `value` have."""
    if isinstance(value, str):
        return len(value)
    if isinstance(value, Mapping):
        return sum(map(text_bytes, value.values()))
    if isinstance(value, list | tuple):
        return sum(map(text_bytes, value))
    return 0
