"""Near-duplicate removal as a whole: hashes propose, words decide, the best copy stays.

The result depends on the documents only, not on the order in which they come or how they are cut into portions: within,
a document is called by its place in the order of preference. Equal digests are equal documents, and exact copies are
gone before; where two rows have one digest all the same, the first counts as the better.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ontogeny.data.dedup.containment import SampleBlocks, sample_pairs
from ontogeny.data.dedup.lsh import Blocks, Pairs, band_pairs, merged
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

    Memory: 32 bytes a document, about 40 a pair of copies, and what one block of compared texts takes.
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

    verified = compare(pairs)
    settled = settle(verified, size_of)
    for _ in range(MAX_ROUNDS):
        fresh = np.setdiff1d(proposals(verified, settled), pairs, assume_unique=True)
        if not len(fresh):
            break
        pairs = merged(pairs, fresh)
        verified = verified.and_also(compare(fresh))
        settled = settle(verified, size_of)
    return _in_rows(verified, settled, row_of)


def _best_first(settings: NearDedup, copies: Copies) -> npt.NDArray[np.uint32]:
    """The rows in the order of preference."""
    keys: list[npt.NDArray[Any]] = [copies.digests[:, 1], copies.digests[:, 0]]
    if settings.keep != "first":
        keys += [-copies.size_bytes, -copies.priority]
    return np.lexsort(keys).astype(np.uint32)


def _in_rows(verified: Verified, settled: Settled, row_of: npt.NDArray[np.uint32]) -> NearDuplicates:
    """The outcome by row instead of by place."""
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
    result.cluster[row_of[settled.members]] = _components(verified, settled.members)
    return result


def _components(verified: Verified, members: npt.NDArray[np.uint32]) -> npt.NDArray[np.int64]:
    """The cluster of each of `members`, numbered in the order of their best ones."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    if not len(members):
        return np.empty(0, dtype=np.int64)
    links = np.searchsorted(members, verified.better), np.searchsorted(members, verified.worse)
    graph = coo_array((np.ones(len(verified), dtype=np.int8), links), shape=(len(members), len(members)))
    _, labels = connected_components(graph, directed=False)
    _, first, numbered = np.unique(labels, return_index=True, return_inverse=True)
    numbers: npt.NDArray[np.int64] = np.argsort(np.argsort(first))[numbered]
    return numbers
