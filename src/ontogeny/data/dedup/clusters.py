"""Near-duplicate removal as a whole: hashes propose, words decide, the best copy stays.

The result depends on the documents only, not on the order in which they come or how they are cut into portions: within,
a document is called by its place in the order of preference. Equal digests are equal documents, and exact copies are
gone before; where two rows have one digest all the same, the first counts as the better.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from ontogeny.data.dedup.comparison import Comparison
from ontogeny.data.dedup.containment import SampleBlocks, sample_pairs
from ontogeny.data.dedup.lsh import Blocks, band_pairs
from ontogeny.data.dedup.near import NearDedup
from ontogeny.data.dedup.settle import KEPT, BySize
from ontogeny.data.dedup.spill import Pairs, SortedPairs, Spool
from ontogeny.data.dedup.verify import ShinglesOf, verify
from ontogeny.data.order import sort_by

Rows = npt.NDArray[np.int32]

SIGN = np.uint64(1 << 63)


@dataclass(frozen=True, eq=False)
class Copies:
    """What tells n documents apart and which copy is the better, row by row.

    `rank` (n,) int32 is each one's position in the order of content digests, `size_bytes` (n,) uint32 the size of its
    text, and `score` (n,) float64 the column that `NearDedup.score` names, where it names one. The last `old` rows are
    documents of corpora made before: better than all others, and settled among themselves.
    """

    rank: npt.NDArray[np.int32]
    size_bytes: npt.NDArray[np.uint32]
    score: npt.NDArray[np.float64] | None = None
    old: int = 0

    def __len__(self) -> int:
        return len(self.rank)


@dataclass(frozen=True, eq=False)
class NearDuplicates:
    """What becomes of n documents, (n,) each.

    `keeper` is the row of the copy that stays instead, -1 for documents that stay. `jaccard` is the similarity to it,
    `contained` the share of the document's words that it holds too; both are nan for documents that stay. `cluster`
    numbers the documents that are linked by verified pairs, in the order of their best members, -1 outside any.
    """

    keeper: npt.NDArray[np.int32]
    jaccard: npt.NDArray[np.float32]
    contained: npt.NDArray[np.float32]
    cluster: npt.NDArray[np.int32]

    @property
    def cluster_size(self) -> npt.NDArray[np.int64]:
        """Documents in the cluster of each, 1 outside any; (n,)."""
        inside = self.cluster >= 0
        size = np.ones(len(self.cluster), dtype=np.int64)
        size[inside] = np.bincount(self.cluster[inside])[self.cluster[inside]] if inside.any() else 1
        return size

    @property
    def removed(self) -> npt.NDArray[np.bool_]:
        """Documents that go, (n,)."""
        return self.keeper >= 0


def find_near_duplicates(
    settings: NearDedup,
    copies: Copies,
    *,
    signatures: Blocks,
    samples: SampleBlocks | None,
    shingles_of: ShinglesOf,
) -> NearDuplicates:
    """Which of `copies` are near or contained copies of which.

    `signatures` (`signals.minhash`) and `samples` (`dedup.containment`) come portion by portion in the order of the
    rows, as often as asked; without `samples`, documents inside longer ones are not looked for. `shingles_of` reads
    the texts of candidates only.

    Memory: at most 48 bytes a document, whatever resembles what; beside them a fixed budget, for pairs
    (`spill.MEMORY_BYTES` a store, the rest waits on disk), for samples (`containment.MEMORY_BYTES`) and for a block of
    compared texts.
    """
    row_of = best_first(settings, copies)
    candidates = _candidates(settings, row_of, signatures, samples, copies.old)
    size_bytes = _at(copies.size_bytes, row_of)
    comparison = Comparison(
        candidates,
        lambda some: verify(some, settings, row_of=row_of, size_bytes=size_bytes, shingles_of=shingles_of),
        BySize.of(size_bytes, copies.old),
        copies.old,
    )
    keeper = comparison.keepers()
    cluster = _in_rows(_numbered(comparison.linked()), row_of)
    jaccard, contained = np.full((2, len(copies)), np.nan, dtype=np.float32)
    for some in comparison.verified.blocks():
        better, worse = some["better"], some["worse"]
        _explain(worse, better, some["jaccard"], some["worse_share"], keeper, jaccard, contained)
        _explain(better, worse, some["jaccard"], some["better_share"], keeper, jaccard, contained)
    jaccard, contained = _in_rows(jaccard, row_of), _in_rows(contained, row_of)
    _name_rows(keeper, row_of)
    return NearDuplicates(_in_rows(keeper, row_of), jaccard, contained, cluster)


def best_first(settings: NearDedup, copies: Copies) -> Rows:
    """The rows in the order of preference, as `settings.keep` has it; old ones before all others."""
    rows = np.arange(len(copies), dtype=np.int32)
    if not len(rows):
        return rows
    sort_by(rows, copies.rank.view(np.uint32))
    if settings.keep != "first":
        sort_by(rows, ~copies.size_bytes)
    if settings.keep == "score":
        assert copies.score is not None, "the caller resolves the name of the column"
        words = _descending(copies.score).view(np.uint32)
        for word in (words[::2], words[1::2]):  # of a number in memory the lower half comes first
            sort_by(rows, word)
    if copies.old:
        fresh = np.ones(len(rows), dtype=np.uint32)
        fresh[-copies.old :] = 0
        sort_by(rows, fresh)
    return rows


def _descending(score: npt.NDArray[np.float64]) -> npt.NDArray[np.uint64]:
    """Numbers that sort as `score` does from the highest on; what is not a number comes last."""
    number = score + 0.0  # a copy, without a negative zero
    number[np.isnan(number)] = -np.inf
    bits = number.view(np.uint64)
    positive = bits < SIGN
    np.invert(bits, out=bits, where=positive)
    np.bitwise_and(bits, ~SIGN, out=bits, where=positive)
    return bits


def _candidates(
    settings: NearDedup, row_of: Rows, signatures: Blocks, samples: SampleBlocks | None, old: int
) -> Spool[np.uint64]:
    """Pairs of places that hashes propose, as better << 32 | worse, in ascending order.

    The documents at the first `old` places are paired with others only.
    """
    place_of = np.empty(len(row_of), dtype=np.uint32)
    _invert(row_of, place_of)
    every = SortedPairs()
    _add_all(every, band_pairs(signatures, place_of, bands=settings.bands, rows=settings.rows, old=old))
    if samples is not None and settings.containment is not None:
        _add_all(every, sample_pairs(samples, place_of, sample_every=settings.sample_every, old=old))
    candidates = Spool[np.uint64](np.uint64)
    for pairs in every.blocks():
        candidates.add(pairs)
    return candidates


def _add_all(every: SortedPairs, found: Iterable[Pairs]) -> None:
    for pairs in found:
        every.add(pairs)


@njit(cache=True, nogil=True)
def _invert(row_of: Rows, place_of: npt.NDArray[np.uint32]) -> None:
    for place in range(len(row_of)):
        place_of[row_of[place]] = place


@njit(cache=True, nogil=True)
def _at(column: npt.NDArray[np.uint32], rows: Rows) -> npt.NDArray[np.uint32]:
    """`column[rows]`; numpy makes a copy of `rows` in 64 bits first."""
    taken = np.empty_like(column)
    for number in range(len(rows)):
        taken[number] = column[rows[number]]
    return taken


@njit(cache=True, nogil=True)
def _in_rows(by_place: npt.NDArray[Any], row_of: Rows) -> npt.NDArray[Any]:
    """What stands at each place, by row."""
    by_row = np.empty_like(by_place)
    for place in range(len(row_of)):
        by_row[row_of[place]] = by_place[place]
    return by_row


@njit(cache=True, nogil=True)
def _name_rows(keeper: Rows, row_of: Rows) -> None:
    """Name keepers by their rows instead of by their places."""
    for place in range(len(keeper)):
        if keeper[place] != KEPT:
            keeper[place] = row_of[keeper[place]]


@njit(cache=True, nogil=True)
def _explain(
    gone: npt.NDArray[np.uint32],
    stays: npt.NDArray[np.uint32],
    similarity: npt.NDArray[np.float32],
    share: npt.NDArray[np.float32],
    keeper: Rows,
    jaccard: npt.NDArray[np.float32],
    contained: npt.NDArray[np.float32],
) -> None:
    """Note the measures of the pairs for which documents go, at their places."""
    for number in range(len(gone)):
        place = gone[number]
        if keeper[place] == stays[number]:
            jaccard[place], contained[place] = similarity[number], share[number]


@njit(cache=True, nogil=True)
def _numbered(best: Rows) -> Rows:
    """The number of each document's cluster, in the order of their best members; `best` (n,) is that member's place.

    Documents that are linked with none have -1. In the memory of `best`: a cluster's first member comes before all
    others, which look its number up.
    """
    alone = np.ones(len(best), dtype=np.bool_)
    for place in range(len(best)):
        if best[place] != place:
            alone[place] = alone[best[place]] = False
    count = np.int32(0)
    for place in range(len(best)):
        if alone[place]:
            best[place] = -1
        elif best[place] == place:
            best[place] = count
            count += 1
        else:
            best[place] = best[best[place]]
    return best
