"""Drawing examples for a classifier: from what was read of sources, and from corpora, the same ones in any order.

A content's lot is a mix of its digest and the seed; those with the smallest lots are drawn, each content once. Lots
pass a portion or a row group at a time, and texts are read of the drawn ones only. The mix matters: a classifier tells
by the digest itself which examples it learns from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ontogeny.data.portions import Portion
from ontogeny.data.sampling import lots_of
from ontogeny.data.texts import Texts
from ontogeny.records.parts import part_paths

if TYPE_CHECKING:
    import pyarrow as pa

TRAIN = "train"
EXAMPLE_BYTES = 1 << 14
"""Of a longer text the beginning is the example, so that a shelf of books is neither slow nor all that is learnt."""

Rows = npt.NDArray[np.int64]
UInt64s = npt.NDArray[np.uint64]


@dataclass(frozen=True)
class Shelf:
    """Documents that may be drawn: those of a portion, or of a row group of a corpus' file."""

    place: Portion | Path
    group: int = 0

    def digests(self) -> tuple[Rows, pa.ChunkedArray[Any]]:
        """The rows that may be drawn, and their digests; of a corpus those to be trained on."""
        import pyarrow.parquet as pq

        if isinstance(self.place, Portion):
            column = self.place.documents(["digest"]).column("digest")
            return np.arange(len(column)), column
        with pq.ParquetFile(self.place) as file:
            table = file.read_row_group(self.group, columns=["digest", "split"])
        rows = np.flatnonzero(np.array(table.column("split").to_pylist()) == TRAIN)
        return rows, table.column("digest").take(rows)

    def texts(self, rows: Rows) -> list[str]:
        """The texts of `rows`, in their order."""
        import pyarrow.parquet as pq

        if isinstance(self.place, Portion):
            table = self.place.documents(["text"])
        else:
            with pq.ParquetFile(self.place) as file:
                table = file.read_row_group(self.group, columns=["text"])
        return [str(text) for text in table.take(rows).column("text").to_pylist()]


@dataclass(frozen=True, eq=False)
class Drawn:
    """Examples of one side, in the order of their lots (k,), and how many documents there were."""

    texts: list[str] = field(default_factory=list)
    lots: UInt64s = field(default_factory=lambda: np.zeros(0, dtype=np.uint64))
    documents: int = 0

    def without(self, other: Drawn) -> Drawn:
        """Those that are not among `other`'s."""
        own = ~np.isin(self.lots, other.lots)
        texts = [text for text, stays in zip(self.texts, own.tolist(), strict=True) if stays]
        return Drawn(texts, self.lots[own], self.documents)

    def as_texts(self) -> Texts:
        """The examples as one batch."""
        return Texts.of([beginning(text) for text in self.texts])


def shelves_of(portions: Sequence[Portion], corpora: Sequence[Path]) -> list[Shelf]:
    """All documents of `portions`, and of the corpora in those folders."""
    import pyarrow.parquet as pq

    groups = [
        Shelf(path, group)
        for corpus in corpora
        for path in part_paths(corpus)
        for group in range(pq.read_metadata(path).num_row_groups)
    ]
    return [*map(Shelf, portions), *groups]


def draw_examples(shelves: Sequence[Shelf], *, most: int, seed: int) -> Drawn:
    """`most` different texts by their lots, or all there are."""
    lots, shelf, row = np.zeros(0, np.uint64), np.zeros(0, np.int64), np.zeros(0, np.int64)
    documents = 0
    for number, each in enumerate(shelves):
        rows, digests = each.digests()
        documents += len(rows)
        here = lots_of(digests, seed) if len(rows) else np.zeros(0, np.uint64)
        lots, shelf, row = (
            np.concatenate([lots, here]),
            np.concatenate([shelf, np.full(len(rows), number)]),
            np.concatenate([row, rows]),
        )
        lots, first = np.unique(lots, return_index=True)  # sorted, and of copies one
        lots, shelf, row = lots[:most], shelf[first][:most], row[first][:most]
    texts = [""] * len(lots)
    for number in np.unique(shelf).tolist():
        places = np.flatnonzero(shelf == number)
        for place, text in zip(places.tolist(), shelves[number].texts(row[places]), strict=True):
            texts[place] = text
    return Drawn(texts, lots, documents)


def beginning(text: str) -> str:
    """The first EXAMPLE_BYTES of a text, no character cut."""
    data = text[:EXAMPLE_BYTES].encode()
    return data[:EXAMPLE_BYTES].decode("utf-8", errors="ignore")
