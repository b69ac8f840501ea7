"""Candidates compared by their words: what two documents share, in the order of the text.

Hashes propose; nothing is removed for them. Of a pair this measures the Jaccard similarity of the two sets of shingles,
and for each of the two the share of its words that stand in shingles of the other (scattered edits leave it high) and
the longest run of words that do not (a passage of its own).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numba import njit

from ontogeny.data.dedup.lsh import PLACE_BITS, PLACE_MASK, Pairs
from ontogeny.data.dedup.near import NearDedup

ShinglesOf = Callable[[npt.NDArray[np.int64]], list[npt.NDArray[np.uint64]]]
"""Gives the shingles of the documents at ascending rows, each in the order of its text (`signals.shingles`)."""

BLOCK_BYTES = 32 << 20
"""Text compared at once: its shingles and their order take about three times that."""

MEASURES = 7
"""Of a pair: Jaccard; then words, share in the other and longest own run of the worse, and of the better document."""


@dataclass(frozen=True, eq=False)
class Verified:
    """Pairs of places (`better`, `worse`), (m,) each, of which at least one document may go for the other.

    `worse_goes` and `better_goes` say which. The shares are of a document's words that stand in the other too.
    """

    better: npt.NDArray[np.uint32]
    worse: npt.NDArray[np.uint32]
    jaccard: npt.NDArray[np.float32]
    worse_share: npt.NDArray[np.float32]
    better_share: npt.NDArray[np.float32]
    worse_goes: npt.NDArray[np.bool_]
    better_goes: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.better)

    def and_also(self, other: Verified) -> Verified:
        """The pairs of both."""
        return Verified(
            *(
                np.concatenate([getattr(self, name), getattr(other, name)])
                for name in self.__dataclass_fields__
            )
        )


def verify(
    pairs: Pairs,
    settings: NearDedup,
    *,
    row_of: npt.NDArray[np.uint32],
    size_bytes: npt.NDArray[np.int64],
    shingles_of: ShinglesOf,
) -> Verified:
    """The pairs of `pairs` that are duplicates by the words of their texts.

    `row_of` (n,) is the row at each place, `size_bytes` (n,) the size of each row's text.
    """
    parts = [_measured(np.empty((0, MEASURES), dtype=np.float32), np.empty(0, dtype=np.uint64), settings)]
    for block in _blocks(pairs, row_of, size_bytes):
        measures = _measure_block(block, settings.n_gram, row_of, shingles_of)
        parts.append(_measured(measures, block, settings))
    return Verified(
        *(np.concatenate([getattr(part, name) for part in parts]) for name in Verified.__dataclass_fields__)
    )


def _blocks(
    pairs: Pairs, row_of: npt.NDArray[np.uint32], size_bytes: npt.NDArray[np.int64]
) -> Iterator[Pairs]:
    """`pairs` in runs whose texts have about `BLOCK_BYTES`, and at least one pair."""
    better, worse = pairs >> PLACE_BITS, pairs & PLACE_MASK
    fresh = np.ones(len(pairs), dtype=np.bool_)
    np.not_equal(better[1:], better[:-1], out=fresh[1:])
    sizes = size_bytes[row_of[worse]] + np.where(fresh, size_bytes[row_of[better]], 0)
    blocks = np.cumsum(sizes) // BLOCK_BYTES
    yield from np.split(pairs, np.flatnonzero(np.diff(blocks)) + 1) if len(pairs) else []


def _measure_block(
    pairs: Pairs, n_gram: int, row_of: npt.NDArray[np.uint32], shingles_of: ShinglesOf
) -> npt.NDArray[np.float32]:
    better, worse = row_of[pairs >> PLACE_BITS], row_of[pairs & PLACE_MASK]
    rows = np.unique(np.concatenate([better, worse])).astype(np.int64)
    texts = shingles_of(rows)
    offsets = np.zeros(len(texts) + 1, dtype=np.int64)
    np.cumsum([len(text) for text in texts], out=offsets[1:])
    order = np.concatenate([np.argsort(text) for text in texts])
    ascending = np.concatenate(
        [text[order[start:end]] for text, start, end in zip(texts, offsets[:-1], offsets[1:], strict=True)]
    )
    measures = np.empty((len(pairs), MEASURES), dtype=np.float32)
    left, right = np.searchsorted(rows, better), np.searchsorted(rows, worse)
    _compare_all(left, right, ascending, order, offsets, n_gram, measures)
    return measures


@njit(cache=True, nogil=True)
def _compare_all(
    left: npt.NDArray[np.int64],
    right: npt.NDArray[np.int64],
    ascending: npt.NDArray[np.uint64],
    order: npt.NDArray[np.int64],
    offsets: npt.NDArray[np.int64],
    n_gram: int,
    measures: npt.NDArray[np.float32],
) -> None:
    """Write the measures of each pair to `measures` (m, MEASURES); `right` holds the worse documents."""
    longest = np.max(offsets[1:] - offsets[:-1])
    shared_left, shared_right = np.empty(longest, dtype=np.bool_), np.empty(longest, dtype=np.bool_)
    for pair in range(len(left)):
        a, b = offsets[left[pair]], offsets[right[pair]]
        a_end, b_end = offsets[left[pair] + 1], offsets[right[pair] + 1]
        both, either = _mark_shared(ascending, order, a, a_end, b, b_end, shared_left, shared_right)
        measures[pair, 0] = both / max(either, 1)
        measures[pair, 1], measures[pair, 4] = b_end - b + n_gram - 1, a_end - a + n_gram - 1
        measures[pair, 2], measures[pair, 3] = _coverage(shared_right[: b_end - b], n_gram)
        measures[pair, 5], measures[pair, 6] = _coverage(shared_left[: a_end - a], n_gram)


@njit(cache=True, nogil=True)
def _mark_shared(
    ascending: npt.NDArray[np.uint64],
    order: npt.NDArray[np.int64],
    a: int,
    a_end: int,
    b: int,
    b_end: int,
    shared_left: npt.NDArray[np.bool_],
    shared_right: npt.NDArray[np.bool_],
) -> tuple[int, int]:
    """Mark the shingles, in the order of the text, that both have; the sizes of intersection and union."""
    shared_left[: a_end - a] = False
    shared_right[: b_end - b] = False
    both = either = 0
    while a < a_end and b < b_end:
        either += 1
        value, other = ascending[a], ascending[b]
        least = min(value, other)
        both += value == other
        while a < a_end and ascending[a] == least:
            shared_left[order[a]] = other == value
            a += 1
        while b < b_end and ascending[b] == least:
            shared_right[order[b]] = other == value
            b += 1
    for number in range(a, a_end):
        either += number == a or ascending[number] != ascending[number - 1]
    for number in range(b, b_end):
        either += number == b or ascending[number] != ascending[number - 1]
    return both, either


@njit(cache=True, nogil=True)
def _coverage(shared: npt.NDArray[np.bool_], n_gram: int) -> tuple[float, int]:
    """The share of a document's words that stand in a shared shingle, and the longest run of those that do not.

    Shingle i holds the words i to i + n_gram - 1. A document of one shingle may have had fewer words; no matter.
    """
    words = len(shared) + n_gram - 1
    covered = longest = 0
    covered_to = 0
    for number in range(len(shared)):
        if shared[number]:
            longest = max(longest, number - covered_to)
            covered += n_gram - max(0, covered_to - number)
            covered_to = number + n_gram
    return covered / words, max(longest, words - covered_to)


def _measured(measures: npt.NDArray[np.float32], pairs: Pairs, settings: NearDedup) -> Verified:
    jaccard, _, worse_share, _, _, better_share, _ = measures.T
    worse_goes = _may_go(settings, jaccard, *measures.T[1:4])
    better_goes = _may_go(settings, jaccard, *measures.T[4:7])
    chosen = worse_goes | better_goes
    return Verified(
        better=(pairs[chosen] >> PLACE_BITS).astype(np.uint32),
        worse=(pairs[chosen] & PLACE_MASK).astype(np.uint32),
        jaccard=jaccard[chosen],
        worse_share=worse_share[chosen],
        better_share=better_share[chosen],
        worse_goes=worse_goes[chosen],
        better_goes=better_goes[chosen],
    )


def _may_go(
    settings: NearDedup,
    jaccard: npt.NDArray[np.float32],
    words: npt.NDArray[np.float32],
    share: npt.NDArray[np.float32],
    own: npt.NDArray[np.float32],
) -> npt.NDArray[np.bool_]:
    """Whether a document says nothing that the other of its pair does not say."""
    goes = jaccard >= settings.jaccard
    if settings.containment is not None:
        goes |= (share >= settings.containment) & (words >= settings.min_contained_words)
    if settings.max_own_words is not None:
        goes &= own <= settings.max_own_words
    return goes
