"""Rows of portions in any order, from their memory maps: a group of texts is in memory at a time."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from ontogeny.data.decide import Decisions
from ontogeny.data.document import make_doc_id
from ontogeny.data.portions import Portion, read_table
from ontogeny.records.parts import GROUP_BYTES

if TYPE_CHECKING:
    import pyarrow as pa

Rows: TypeAlias = npt.NDArray[np.int64]
Store = TypeVar("Store")
MAX_ROWS = 1 << 16
"""Of a group, however short its texts: what else a document has weighs more than a few words do."""
AT_ONCE = 1 << 21
"""Documents whose places are worked out together: some sixty bytes of each, for so many and no more."""

BLOCK_BYTES = 32 << 20
"""Text that is copied out of its portions at once: each of them is opened once for so much, not for every group."""


MANY_PORTIONS, RUN_PORTIONS = 128, 64
"""From more than so many portions a block would take a few rows of each, so they are merged first, some at a time."""


def in_groups(
    found: Decisions,
    places: Rows,
    group_bytes: int,
    table_of: Callable[[Portion], pa.Table],
    *,
    scratch: Path,
) -> Iterator[tuple[Rows, pa.Table]]:
    """The documents at `places` in their order, cut where the text reaches `group_bytes`, or after `MAX_ROWS`.

    `scratch` holds the texts once more meanwhile, where there are many portions.
    """
    for start in range(0, len(places), AT_ONCE):
        yield from _in_groups(found, places[start : start + AT_ONCE], group_bytes, table_of, scratch)


def _in_groups(
    found: Decisions, places: Rows, group_bytes: int, table_of: Callable[[Portion], pa.Table], scratch: Path
) -> Iterator[tuple[Rows, pa.Table]]:
    sizes = sizes_of(found, places)
    where = found.portion[places], found.row[places]
    with tempfile.TemporaryDirectory(dir=scratch, prefix="runs-") as folder:
        if len(found.portions) > MANY_PORTIONS:
            runs, number, row = _in_runs(found.portions, *where, sizes, table_of, Path(folder))
            groups = gather_groups(runs, number, row, sizes, group_bytes, read_table)
        else:
            groups = gather_groups(found.portions, *where, sizes, group_bytes, table_of)
        for part, table in groups:
            yield places[part], table


def _in_runs(
    stores: Sequence[Store],
    number: npt.NDArray[np.int32],
    row: npt.NDArray[np.int32],
    sizes: Rows,
    table_of: Callable[[Store], pa.Table],
    folder: Path,
) -> tuple[list[Path], npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """Files in `folder` that hold the rows of many stores each, in their order, and where row i is: file and row."""
    import pyarrow as pa

    runs: list[Path] = []
    number_of, row_of = np.empty_like(number), np.empty_like(row)
    for start in range(0, len(stores), RUN_PORTIONS):
        here = np.flatnonzero((number >= start) & (number < start + RUN_PORTIONS))
        number_of[here], row_of[here] = len(runs), np.arange(len(here), dtype=np.int32)
        groups = gather_groups(stores, number[here], row[here], sizes[here], GROUP_BYTES, table_of)
        if (first := next(groups, None)) is not None:
            runs.append(folder / f"{len(runs):05d}.arrow")
            schema = first[1].schema
            with pa.OSFile(str(runs[-1]), "wb") as sink, pa.ipc.new_file(sink, schema) as writer:
                for _, table in itertools.chain([first], groups):
                    writer.write_table(table)
    return runs, number_of, row_of


def gather_groups(
    stores: Sequence[Store],
    number: npt.NDArray[np.int32],
    row: npt.NDArray[np.int32],
    sizes: Rows,
    group_bytes: int,
    table_of: Callable[[Store], pa.Table],
) -> Iterator[tuple[slice, pa.Table]]:
    """As `gather`, a group at a time, with the rows that it is made of; `sizes` (n,) are those of the texts."""
    for groups in _blocks(grouped(sizes, group_bytes), sizes):
        block = slice(groups[0].start, groups[-1].stop)
        numbers, rows = number[block], np.empty(block.stop - block.start, dtype=np.int64)
        tables: dict[int, pa.Table] = {}
        for which, here in by_portion(numbers):
            wanted = row[block][here]
            first, last = int(wanted.min()), int(wanted.max())
            stretch = table_of(stores[which]).slice(first, last - first + 1)
            tables[which] = stretch.take(
                wanted - first
            )  # a copy: whole portions would stay in memory by their maps
            rows[here] = np.arange(len(here))
        for part in groups:
            here_ = slice(part.start - block.start, part.stop - block.start)
            yield part, gather(tables, numbers[here_], rows[here_], _itself)


def _blocks(groups: Iterator[slice], sizes: Rows) -> Iterator[list[slice]]:
    """`groups` in lists of about BLOCK_BYTES."""
    block: list[slice] = []
    for part in groups:
        block.append(part)
        if int(sizes[block[0].start : part.stop].sum()) >= BLOCK_BYTES:
            yield block
            block = []
    if block:
        yield block


def _itself(table: pa.Table) -> pa.Table:
    return table


def grouped(sizes: Rows, group_bytes: int) -> Iterator[slice]:
    """Parts of texts with these `sizes` (n,), cut at `group_bytes` or `MAX_ROWS`; at least one text each."""
    ends = np.cumsum(sizes)
    start = 0
    while start < len(sizes):
        before = ends[start - 1] if start else 0
        end = max(start + 1, int(np.searchsorted(ends, before + group_bytes, side="right")))
        end = min(end, start + MAX_ROWS)
        yield slice(start, end)
        start = end


def sizes_of(found: Decisions, places: Rows) -> Rows:
    """The bytes of each document at `places`, (n,)."""
    values = np.empty(len(places), dtype=np.int64)
    for number, here in by_portion(found.portion[places]):
        of_portion = found.portions[number].documents(["size_bytes"]).column(0).to_numpy()
        values[here] = of_portion[found.row[places[here]]]
    return values


def sources_of(found: Decisions, places: Rows) -> tuple[npt.NDArray[np.int32], list[str]]:
    """The position of each document's source in the names, (n,), and the names in the order of the alphabet."""
    numbers = np.empty(len(places), dtype=np.int32)
    names: dict[str, int] = {}
    for number, here in by_portion(found.portion[places]):
        column = found.portions[number].documents(["source"]).column(0).take(found.row[places[here]])
        numbers[here] = [names.setdefault(str(name), len(names)) for name in column.to_pylist()]
    order = sorted(names)
    return np.array([order.index(name) for name in names], dtype=np.int32)[numbers], order


def fetch(found: Decisions, places: Rows, table_of: Callable[[Portion], pa.Table]) -> pa.Table:
    """The documents at `places`, in their order."""
    return gather(found.portions, found.portion[places], found.row[places], table_of)


def gather(
    stores: Mapping[int, Store] | Sequence[Store],
    number: npt.NDArray[np.int32],
    row: npt.NDArray[Any],
    table_of: Callable[[Store], pa.Table],
) -> pa.Table:
    """Row `row[i]` of the table of store (a portion) `number[i]`, for every i."""
    import pyarrow as pa

    tables = []
    order = np.empty(len(row), dtype=np.int64)
    start = 0
    for which, here in by_portion(number):
        table, rows = table_of(stores[which]), row[here]
        first, last = int(rows.min()), int(rows.max())
        if last - first + 1 == len(
            rows
        ):  # rows that follow each other, as in a stretch of digests, are not copied
            table, rows = table.slice(first, len(rows)), rows - first
        else:
            table, rows = table.take(rows), np.arange(len(rows))
        order[here] = start + rows
        tables.append(table)
        start += len(table)
    return pa.concat_tables(tables).take(order)


def by_portion(numbers: npt.NDArray[np.int32]) -> Iterator[tuple[int, Rows]]:
    """Each portion's number in `numbers` (n,), and where in it that stands."""
    order = np.argsort(numbers, kind="stable")
    starts = np.flatnonzero(np.diff(numbers[order], prepend=-1))
    for here in np.split(order, starts[1:]) if len(order) else []:
        yield int(numbers[here[0]]), here


def with_ids(table: pa.Table, renamed: npt.NDArray[np.bool_]) -> pa.Table:
    """`table` with the ids that documents have in the corpus: of those `renamed`, one of id and digest."""
    import pyarrow as pa

    if not renamed.any():
        return table
    ids, digests = (table.column(name).to_pylist() for name in ("doc_id", "digest"))
    for row in np.flatnonzero(renamed):
        ids[row] = make_doc_id(str(ids[row]), str(digests[row]))
    return table.set_column(table.column_names.index("doc_id"), "doc_id", pa.array(ids, pa.string()))
