"""The documents of a corpus in its order, a group at a time, from portions that have a few of them each.

    portions -> [runs of many portions each, where there are many] -> blocks -> groups

Nearly all bytes of a document are its text. Texts are read from where they lie in their files, each once and straight
into its group; pages of a memory map would count as ours until all of it is given back. The other columns are taken
through memory maps, many rows at once: it is the number of pieces that costs.
"""

from __future__ import annotations

import itertools
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ontogeny.core.errors import DataError
from ontogeny.data.decide import Decisions
from ontogeny.data.fetch import Rows, by_portion, gather, sizes_of
from ontogeny.data.portions import DOCUMENTS, TEXT, Portion, read_table
from ontogeny.data.texts import Texts
from ontogeny.records.parts import GROUP_BYTES

if TYPE_CHECKING:
    import pyarrow as pa

MAX_ROWS = 1 << 16
"""Of a group, however short its texts: what else a document has weighs more than a few words do."""

AT_ONCE = 1 << 21
"""Documents whose places are worked out together: some sixty bytes of each, for so many and no more."""

BLOCK_BYTES = 32 << 20
"""What documents say that is read at once: each file is opened once for so much, not for every group."""

MANY_PORTIONS, RUN_PORTIONS = 256, 128
"""From more than so many portions a block would take a few rows of each, so they are merged first, some at a time."""


@dataclass(frozen=True)
class Store:
    """What holds documents, a portion or a run of many: `table` gives their columns, but texts are in `text_file`.

    Without a `text_file` the table holds all there is.
    """

    table: Callable[[], pa.Table]
    text_file: str | None


@dataclass(frozen=True, eq=False)
class Whereabouts:
    """Where n documents are, (n,) each: the number of the store, the row in its table, and their content's bytes.

    Where the store has a file of texts, theirs begins there at `start`.
    """

    store: npt.NDArray[np.int32]
    row: npt.NDArray[np.int32]
    start: npt.NDArray[np.int64]
    size: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.store)

    def __getitem__(self, which: slice | Rows) -> Whereabouts:
        return Whereabouts(self.store[which], self.row[which], self.start[which], self.size[which])


def in_groups(
    found: Decisions,
    places: Rows,
    group_bytes: int,
    table_of: Callable[[Portion], pa.Table],
    *,
    scratch: Path,
) -> Iterator[tuple[Rows, pa.Table]]:
    """The documents at `places` in their order, cut where their content reaches `group_bytes`, or after `MAX_ROWS`.

    `table_of` gives the columns of a portion but `text`, which comes last. `scratch` holds all of it once more
    meanwhile, where there are many portions.

    Raises:
        DataError: a portion is damaged.
    """
    has_text = bool(found.portions) and TEXT in found.portions[0].documents().column_names
    for start in range(0, len(places), AT_ONCE):
        some = places[start : start + AT_ONCE]
        where = _whereabouts(found, some, has_text=has_text)
        stores = [
            Store(partial(table_of, portion), f"{portion.folder}/{DOCUMENTS}" if has_text else None)
            for portion in found.portions
        ]
        with tempfile.TemporaryDirectory(dir=scratch, prefix="runs-") as folder:
            if np.count_nonzero(np.bincount(where.store)) > MANY_PORTIONS:  # of those that hold any of these
                stores, where = _in_runs(stores, where, Path(folder))
            for part, table in _gathered(stores, where, group_bytes):
                yield some[part], table


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


def _whereabouts(found: Decisions, places: Rows, *, has_text: bool) -> Whereabouts:
    store, row = found.portion[places], found.row[places]
    if not has_text:
        return Whereabouts(store, row, np.zeros(len(places), dtype=np.int64), sizes_of(found, places))
    start, end = np.empty((2, len(places)), dtype=np.int64)
    for number, here in by_portion(store):
        bounds = found.portions[number].text_bounds()
        start[here], end[here] = bounds[row[here]], bounds[row[here] + 1]
    return Whereabouts(store, row, start, end - start)


def _in_runs(stores: Sequence[Store], where: Whereabouts, folder: Path) -> tuple[list[Store], Whereabouts]:
    """Stores in `folder` that hold the documents of many others each, in their order, and where each is now."""
    runs: list[Store] = []
    moved = Whereabouts(
        np.empty_like(where.store), np.empty_like(where.row), np.empty_like(where.start), where.size
    )
    for first in range(0, len(stores), RUN_PORTIONS):
        here = np.flatnonzero((where.store >= first) & (where.store < first + RUN_PORTIONS))
        if len(here):
            moved.store[here], moved.row[here] = len(runs), np.arange(len(here), dtype=np.int32)
            moved.start[here] = np.cumsum(where.size[here]) - where.size[here]
            groups = _gathered(stores, where[here], GROUP_BYTES)
            runs.append(_written(folder / f"{len(runs):05d}", (table for _, table in groups)))
    return runs, moved


def _written(path: Path, tables: Iterator[pa.Table]) -> Store:
    """The rows of `tables`, one at least, in two files: texts, one after the other, and the other columns."""
    import pyarrow as pa

    columns, texts = path.with_suffix(".arrow"), path.with_suffix(".text")
    first = next(tables)
    has_text = TEXT in first.column_names
    names = [name for name in first.column_names if name != TEXT]
    with ExitStack() as files:
        sink = files.enter_context(pa.OSFile(str(columns), "wb"))
        writer = files.enter_context(pa.ipc.new_file(sink, first.select(names).schema))
        text_file = files.enter_context(texts.open("wb"))
        for table in itertools.chain([first], tables):
            writer.write_table(table.select(names))
            if has_text:
                text_file.write(Texts.of_arrow(table.column(TEXT)).data.data)
    return Store(partial(read_table, columns), str(texts) if has_text else None)


def _gathered(
    stores: Sequence[Store], where: Whereabouts, group_bytes: int
) -> Iterator[tuple[slice, pa.Table]]:
    """The documents that are `where`, a group at a time, with their slice of all."""
    has_text = any(store.text_file is not None for store in stores)
    weight, most = (np.ones_like(where.size), MAX_ROWS) if has_text else (where.size, BLOCK_BYTES)
    for block in _blocks(grouped(where.size, group_bytes), weight, most):
        first, here = block[0].start, where[block[0].start : block[-1].stop]
        table = gather(stores, here.store, here.row, lambda store: store.table())
        for groups in _blocks(iter(block), where.size, BLOCK_BYTES):
            start = groups[0].start
            texts = _read_texts(stores, where[start : groups[-1].stop]) if has_text else []
            for part in groups:
                rows = table.slice(part.start - first, part.stop - part.start)
                if has_text:
                    column = _as_column(texts[part.start - start : part.stop - start])
                    rows = rows.append_column(TEXT, column)
                yield part, rows


def _blocks(groups: Iterator[slice], weight: Rows, most: int) -> Iterator[list[slice]]:
    """`groups` in lists of about so much `weight`, of which (n,) each row has its own."""
    block: list[slice] = []
    for part in groups:
        block.append(part)
        if int(weight[block[0].start : part.stop].sum()) >= most:
            yield block
            block = []
    if block:
        yield block


def _read_texts(stores: Sequence[Store], where: Whereabouts) -> list[bytes]:
    """The texts that are `where`, read file by file, each file from its beginning on."""
    texts = [b""] * len(where)
    for number, here in by_portion(where.store):
        path = stores[number].text_file
        assert path is not None, "all of them have texts or none has"
        here = here[np.argsort(where.start[here])]
        descriptor = os.open(path, os.O_RDONLY)
        try:
            ends = zip(here.tolist(), where.start[here].tolist(), where.size[here].tolist(), strict=True)
            for place, start, size in ends:
                texts[place] = os.pread(descriptor, size, start)
                if len(texts[place]) != size:
                    raise DataError(
                        f"the file ends at byte {start + len(texts[place]):,}, within a text",
                        where=path,
                        hint="remove its folder: what it held is then read again",
                    )
        finally:
            os.close(descriptor)
    return texts


def _as_column(texts: Sequence[bytes]) -> pa.Array[pa.StringScalar]:
    offsets = np.zeros(len(texts) + 1, dtype=np.int64)
    np.cumsum([len(text) for text in texts], out=offsets[1:])
    return Texts(np.frombuffer(b"".join(texts), dtype=np.uint8), offsets).to_arrow_strings()
