"""Rows of portions in any order, from their memory maps: a block of texts is in memory at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt

from ontogeny.data.decide import Decisions
from ontogeny.data.document import make_doc_id
from ontogeny.data.portions import Portion

if TYPE_CHECKING:
    import pyarrow as pa

Rows: TypeAlias = npt.NDArray[np.int64]
MAX_ROWS = 1 << 16
"""Of a group, however short its texts: what else a document has weighs more than a few words do."""


def in_groups(found: Decisions, places: Rows, group_bytes: int) -> Iterator[Rows]:
    """`places` in their order, cut where the text reaches `group_bytes`, or after `MAX_ROWS`."""
    return (places[part] for part in grouped(sizes_of(found, places), group_bytes))


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
    portions: Sequence[Portion],
    portion: npt.NDArray[np.int32],
    row: npt.NDArray[np.int32],
    table_of: Callable[[Portion], pa.Table],
) -> pa.Table:
    """Row `row[i]` of the table of portion `portion[i]`, for every i."""
    import pyarrow as pa

    tables, order = [], []
    for number, here in by_portion(portion):
        tables.append(table_of(portions[number]).take(row[here]))
        order.append(here)
    return pa.concat_tables(tables).take(np.argsort(np.concatenate(order), kind="stable"))


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
