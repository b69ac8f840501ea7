"""Near-duplicate removal as a whole: hashes propose, words decide, the best copy stays.

The result depends on the documents only, not on the order in which they come or how they are cut into portions: within,
a document is called by its place in the order of preference. Equal digests are equal documents, and exact copies are
gone before; where two rows have one digest all the same, the first counts as the better.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from ontogeny.data.dedup.containment import SampleBlocks, sample_pairs
from ontogeny.data.dedup.lsh import LEADERS, PLACE_BITS, PLACE_MASK, Blocks, Pairs, band_pairs, merged
from ontogeny.data.dedup.near import NearDedup
from ontogeny.data.dedup.settle import KEPT, Settled, proposals, settle
from ontogeny.data.dedup.verify import ShinglesOf, Verified, verify

MAX_ROUNDS = 16
"""Rounds of comparing documents that stay with copies found meanwhile; the first few find nearly all."""


@dataclass(frozen=True, eq=False)
class Copies:
    """What tells n documents apart and which copy is the better, row by row.

    `digests` (n, 2) uint64 are the halves of their content digests, `priority` (n,) float64 is high for the better,
    `size_bytes` (n,) int64 is the size of the text.
    """

    digests: npt.NDArray[np.uint64]
    priority: npt.NDArray[np.float64]
    size_bytes: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.digests)


@dataclass(frozen=True, eq=False)
class NearDuplicates:
    """What becomes of n documents, (n,) each.

    `keeper` is the row of the copy that stays instead, -1 for documents that stay. `jaccard` is the similarity to it,
    `contained` the share of the document's words that it holds too; both are nan for documents that stay. `cluster`
    numbers the documents that are linked by verified pairs, in the order of their best members, -1 outside any.
    """

    keeper: npt.NDArray[np.int64]
    jaccard: npt.NDArray[np.float32]
    contained: npt.NDArray[np.float32]
    cluster: npt.NDArray[np.int64]

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


def preference(
    settings: NearDedup, size_bytes: npt.NDArray[np.int64], score: npt.NDArray[np.float64] | None
) -> npt.NDArray[np.float64]:
    """The `priority` that `settings.keep` asks for; `score` (n,) is the column it names."""
    if settings.keep == "first":
        return np.zeros(len(size_bytes))
    if settings.keep == "score":
        assert score is not None, "the caller resolves the name of the column"
        return np.nan_to_num(np.asarray(score, dtype=np.float64), nan=-np.inf)
    return size_bytes.astype(np.float64)


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

    Memory: at most 64 bytes a document, and 16 a candidate pair; beside them a fixed budget, for the samples in hand
    (`containment.MEMORY_BYTES`, the rest waits on disk) and a block of compared texts. A document has about as many
    verified pairs as there are copies that stay for it, not as its cluster has members.
    """
    row_of = _best_first(settings, copies)
    place_of = np.empty(len(copies), dtype=np.uint32)
    place_of[row_of] = np.arange(len(copies), dtype=np.uint32)
    pairs = band_pairs(signatures, place_of, bands=settings.bands, rows=settings.rows)
    if samples is not None and settings.containment is not None:
        pairs = merged(pairs, sample_pairs(samples, place_of, sample_every=settings.sample_every))

    def compare(some: Pairs) -> Verified:
        return verify(some, settings, row_of=row_of, size_bytes=copies.size_bytes, shingles_of=shingles_of)

    def size_of(places: npt.NDArray[np.uint32]) -> npt.NDArray[np.int64]:
        return copies.size_bytes[row_of[places]]

    now = _first_of_each(pairs, np.zeros(len(copies), dtype=np.uint32))
    waiting, verified = pairs[~now], compare(pairs[now])
    for _ in range(MAX_ROUNDS):
        settled, verified, waiting = _settle_all(verified, waiting, compare, size_of)
        fresh = np.setdiff1d(proposals(verified, settled), pairs, assume_unique=True)
        if not len(fresh):
            break
        pairs = merged(pairs, fresh)
        verified = verified.and_also(compare(fresh))
    else:
        settled, verified, waiting = _settle_all(verified, waiting, compare, size_of)
    labels = _components(verified, settled.members)
    better, worse = (np.searchsorted(settled.members, places) for places in _ends(waiting))
    linked = verified.and_also(compare(waiting[labels[better] != labels[worse]]))
    return _in_rows(verified, settled, _components(linked, settled.members), row_of)


@njit(cache=True, nogil=True)
def _first_of_each(pairs: Pairs, counts: npt.NDArray[np.uint32]) -> npt.NDArray[np.bool_]:
    """Which pairs to compare first: of a document with many candidates, the pair with the best of them only.

    In a crowd of copies that is all it takes. `counts` (n,) are zeros.
    """
    first = np.empty(len(pairs), dtype=np.bool_)
    for number in range(len(pairs)):
        worse = pairs[number] & PLACE_MASK
        first[number] = counts[worse] == 0
        counts[worse] += 1
    for number in range(len(pairs)):
        first[number] |= counts[pairs[number] & PLACE_MASK] <= LEADERS
    return first


def _settle_all(
    verified: Verified,
    waiting: Pairs,
    compare: Callable[[Pairs], Verified],
    size_of: Callable[[npt.NDArray[np.uint32]], npt.NDArray[np.int64]],
) -> tuple[Settled, Verified, Pairs]:
    """Settle, and compare what of `waiting` can change the outcome, until nothing can.

    The outcome is that of comparing all: the first turn looks only at pairs of which one stands it, the others only at
    pairs of which one stays or stood it.
    """
    while True:
        settled = settle(verified, size_of)
        better, worse = _ends(waiting)
        now = settled.matter(better) | settled.matter(worse)
        if not now.any():
            return settled, verified, waiting
        verified, waiting = verified.and_also(compare(waiting[now])), waiting[~now]


def _ends(pairs: Pairs) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint32]]:
    return (pairs >> PLACE_BITS).astype(np.uint32), (pairs & PLACE_MASK).astype(np.uint32)


def _best_first(settings: NearDedup, copies: Copies) -> npt.NDArray[np.uint32]:
    """The rows in the order of preference."""
    keys: list[npt.NDArray[Any]] = [copies.digests[:, 1], copies.digests[:, 0]]
    if settings.keep != "first":
        keys += [-copies.size_bytes, -copies.priority]
    return np.lexsort(keys).astype(np.uint32)


def _in_rows(
    verified: Verified,
    settled: Settled,
    cluster: npt.NDArray[np.int64],
    row_of: npt.NDArray[np.uint32],
) -> NearDuplicates:
    """The outcome by row instead of by place; `cluster` (k,) is that of each member."""
    count = len(row_of)
    result = NearDuplicates(
        keeper=np.full(count, KEPT),
        jaccard=np.full(count, np.nan, dtype=np.float32),
        contained=np.full(count, np.nan, dtype=np.float32),
        cluster=np.full(count, -1, dtype=np.int64),
    )
    gone = settled.keeper != KEPT
    places, why = settled.members[gone], settled.pair[gone]
    rows = row_of[places]
    result.keeper[rows] = row_of[settled.keeper[gone]]
    result.jaccard[rows] = verified.jaccard[why]
    result.contained[rows] = np.where(
        verified.worse[why] == places, verified.worse_share[why], verified.better_share[why]
    )
    result.cluster[row_of[settled.members]] = cluster
    return result


def _components(verified: Verified, members: npt.NDArray[np.uint32]) -> npt.NDArray[np.int64]:
    """The cluster of each of `members`, numbered in the order of their best ones."""
    better, worse = (np.searchsorted(members, places) for places in (verified.better, verified.worse))
    best = np.arange(len(members))
    _link(better, worse, best)
    _, numbers = np.unique(best, return_inverse=True)
    return numbers


@njit(cache=True, nogil=True)
def _link(better: npt.NDArray[np.int64], worse: npt.NDArray[np.int64], best: npt.NDArray[np.int64]) -> None:
    """Put the first member that each is linked with, however far, into `best` (n,), where they stand themselves.

    A forest of which every tree hangs from its first member; paths are halved on the way (Tarjan and van Leeuwen 1984).
    """
    for number in range(len(better)):
        one, other = better[number], worse[number]
        while best[one] != one:
            best[one] = best[best[one]]
            one = best[one]
        while best[other] != other:
            best[other] = best[best[other]]
            other = best[other]
        best[max(one, other)] = min(one, other)
    for member in range(len(best)):
        best[member] = best[best[member]]  # those before it are done
