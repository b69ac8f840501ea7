"""Candidates for documents inside longer ones, and for copies with many small edits, which no band finds.

Of each document the shingles whose hash lies below 2^32 / `sample_every` are kept (FracMinHash, Irber et al. 2022): the
same shingles in every document, so that of an excerpt's samples all stand among those of the whole. The `PROBES`
smallest of a document are looked up among the samples of all; where another document has `MIN_SHARED` of them, the two
are a candidate.

One range of hashes is looked at at a time, as many ranges as the memory given needs: a bit says which hashes are looked
up, another which of these occur twice, and only samples of those are sorted. A hash that more than `MAX_SHARING`
documents have (a licence, a menu, a turn of phrase) pairs them with the best few only. Where the hits are more than the
memory given, they wait on disk.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numba import njit

from ontogeny.data.dedup.lsh import AT_ONCE, LEADERS
from ontogeny.data.dedup.spill import PLACE_BITS, PLACE_MASK, Pairs, SortedPairs
from ontogeny.data.signals.shingles import BLOCK_WORDS, folding_table, next_shingles
from ontogeny.data.texts import Texts

PROBES = 16
"""Samples looked up for a document: one with half its shingles changed shares 2 or more with probability 99.97%."""

MIN_SHARED = 0.2
"""Share of a document's probes that another must have: far below what is removed, above turns of phrase."""

MAX_SHARING = 32
"""Documents under one hash that are still paired with each other."""

MEMORY_BYTES = 256 << 20
"""What one range of samples may take while it is sorted."""

HITS_BYTES = 64 << 20
"""What hits may take before they wait on disk."""

SAMPLE_BYTES = 8

HASH_RANGE = 1 << 32


@dataclass(frozen=True, eq=False)
class Samples:
    """The sampled shingles of n documents: those of document i are `values[offsets[i]:offsets[i + 1]]`, ascending."""

    values: npt.NDArray[np.uint32]
    offsets: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.offsets) - 1


SampleBlocks = Callable[[], Iterable[Samples]]
"""Gives the samples of all documents anew, portion by portion, in the order of the rows."""


def sample_shingles(texts: Texts, *, n_gram: int, sample_every: int) -> Samples:
    """The sampled shingles of `texts`, without repeats."""
    values, offsets = _samples(
        texts.data, texts.offsets, folding_table(), n_gram, np.uint32((HASH_RANGE - 1) // sample_every)
    )
    return Samples(values, offsets)


@njit(cache=True, nogil=True)
def _samples(
    data: npt.NDArray[np.uint8],
    offsets: npt.NDArray[np.int64],
    table: npt.NDArray[np.uint32],
    n_gram: int,
    highest: np.uint32,
) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.int64]]:
    words = np.empty(n_gram + BLOCK_WORDS, dtype=np.uint64)
    places = np.empty((2, BLOCK_WORDS), dtype=np.int64)
    state = np.empty(2, dtype=np.uint64)
    shingles = np.empty(BLOCK_WORDS, dtype=np.uint64)
    values = np.empty(BLOCK_WORDS, dtype=np.uint32)
    bounds = np.zeros(len(offsets), dtype=np.int64)
    total = 0
    for text in range(len(offsets) - 1):
        words[:n_gram] = 0
        state[:] = 0
        position, end, first = offsets[text], offsets[text + 1], total
        while position < end:
            position, made = next_shingles(data, position, end, table, n_gram, words, places, state, shingles)
            if total + made > len(values):
                larger = np.empty(2 * len(values) + made, dtype=np.uint32)
                larger[:total] = values[:total]
                values = larger
            for number in range(made):
                value = np.uint32(shingles[number])
                if value <= highest:
                    values[total] = value
                    total += 1
        values[first:total].sort()
        kept = first
        for number in range(first, total):
            if number == first or values[number] != values[kept - 1]:
                values[kept] = values[number]
                kept += 1
        total = kept
        bounds[text + 1] = total
    return values[:total].copy(), bounds


def sample_pairs(
    samples: SampleBlocks,
    places: npt.NDArray[np.uint32],
    *,
    sample_every: int,
    memory_bytes: int = MEMORY_BYTES,
    old: int = 0,
) -> Iterator[Pairs]:
    """Pairs of documents of which one has at least `MIN_SHARED` of the other's probes, as those of `band_pairs`.

    The documents at the first `old` places have no probes: what they lie in does not matter.
    """
    total = sum(len(block.values) for block in samples())
    highest = (HASH_RANGE - 1) // sample_every
    ranges = max(1, -(-2 * total * SAMPLE_BYTES // memory_bytes))
    bounds = np.linspace(0, highest + 1, ranges + 1).astype(np.int64)
    bits = _bits_for(min(PROBES * len(places), total // ranges), (highest + 1) // ranges)
    probes = np.zeros(len(places), dtype=np.uint8)
    hits = SortedPairs(repeats=True, memory_bytes=min(memory_bytes, HITS_BYTES))
    for low, high in itertools.pairwise(bounds.tolist()):
        for some in _hits_of_range(samples, places, low, high, probes, bits, old):
            hits.add(some)
    for block in hits.blocks():
        yield _shared_enough(block, probes, MIN_SHARED)


def _hits_of_range(
    samples: SampleBlocks,
    places: npt.NDArray[np.uint32],
    low: int,
    high: int,
    probes: npt.NDArray[np.uint8],
    bits: int,
    old: int,
) -> Iterator[Pairs]:
    """Every probe of a document that another one has too, as (the document's place, the other's), for one range.

    Each set has so many `bits`.
    """
    asked = np.zeros(bits // 64, dtype=np.uint64)
    seen, twice = np.zeros_like(asked), np.zeros_like(asked)
    parts, row = [np.empty(0, dtype=np.uint64)], 0
    for block in samples():
        here = places[row : row + len(block)]
        _ask(block.values, block.offsets, here, low, high, old, probes, asked)
        row += len(block)
    for block in samples():
        _see(block.values, low, high, asked, seen, twice)
    row = 0
    for block in samples():
        here = places[row : row + len(block)]
        parts.append(_pack_samples(block.values, block.offsets, here, low, high, old, twice))
        row += len(block)
    packed = np.concatenate(parts)
    del parts, asked, seen, twice
    packed.sort()
    state = np.zeros(2, dtype=np.int64)
    while state[1] < len(packed):
        hits = np.empty(min(AT_ONCE, MAX_SHARING * len(packed)), dtype=np.uint64)
        yield hits[: _hits(packed, state, hits)].copy()


def _bits_for(count: int, span: int) -> int:
    """Bits of a set of `count` hashes out of `span`, a power of two: at most one in eight will be set."""
    return int(1 << max(6, min(8 * count, span).bit_length()))


@njit(cache=True, nogil=True)
def _ask(
    values: npt.NDArray[np.uint32],
    offsets: npt.NDArray[np.int64],
    places: npt.NDArray[np.uint32],
    low: int,
    high: int,
    old: int,
    probes: npt.NDArray[np.uint8],
    asked: npt.NDArray[np.uint64],
) -> None:
    """Put the probes in [low, high) into the set `asked`; counts `probes` by place."""
    mask = np.uint32(64 * len(asked) - 1)
    for text in range(len(offsets) - 1):
        if places[text] < old:
            continue
        for number in range(offsets[text], min(offsets[text + 1], offsets[text] + PROBES)):
            if low <= values[number] < high:
                probes[places[text]] += 1
                bit = values[number] & mask
                asked[bit >> 6] |= np.uint64(1) << np.uint64(bit & 63)


@njit(cache=True, nogil=True)
def _see(
    values: npt.NDArray[np.uint32],
    low: int,
    high: int,
    asked: npt.NDArray[np.uint64],
    seen: npt.NDArray[np.uint64],
    twice: npt.NDArray[np.uint64],
) -> None:
    """Put the samples in [low, high) that are in the set `asked` into `seen`, those that were there into `twice`."""
    mask = np.uint32(64 * len(asked) - 1)
    for value in values:
        bit = value & mask
        place, which = bit >> 6, np.uint64(1) << np.uint64(bit & 63)
        if asked[place] & which and low <= value < high:
            twice[place] |= seen[place] & which
            seen[place] |= which


@njit(cache=True, nogil=True)
def _pack_samples(
    values: npt.NDArray[np.uint32],
    offsets: npt.NDArray[np.int64],
    places: npt.NDArray[np.uint32],
    low: int,
    high: int,
    old: int,
    chosen: npt.NDArray[np.uint64],
) -> npt.NDArray[np.uint64]:
    """Samples in [low, high) and in the set `chosen`, as hash << 33 | place << 1 | whether it is a probe.

    Samples lie below 2^31, since at least every second shingle is left out.
    """
    packed = np.empty(len(values), dtype=np.uint64)
    filled, mask = 0, np.uint32(64 * len(chosen) - 1)
    for text in range(len(offsets) - 1):
        for number in range(offsets[text], offsets[text + 1]):
            value = values[number]
            bit = value & mask
            if chosen[bit >> 6] >> np.uint64(bit & 63) & 1 and low <= value < high:
                probe = number - offsets[text] < PROBES and places[text] >= old
                packed[filled] = np.uint64(value) << 33 | np.uint64(places[text]) << 1 | np.uint64(probe)
                filled += 1
    return packed[:filled].copy()


@njit(cache=True, nogil=True)
def _partners_end(packed: npt.NDArray[np.uint64], start: int) -> int:
    """Where those end of the group that begins at `start` that all its probes are paired with."""
    end = start + 1
    while end < len(packed) and packed[end] >> 33 == packed[start] >> 33:
        end += 1
        if end - start > MAX_SHARING:
            return start + LEADERS
    return end


@njit(cache=True, nogil=True)
def _hits(packed: npt.NDArray[np.uint64], state: npt.NDArray[np.int64], hits: Pairs) -> int:
    """Write hits until `hits` is full; how many. `state` is where a group begins and which of its members is next."""
    made, start, member = 0, state[0], state[1]
    partners = _partners_end(packed, start)
    while member < len(packed) and made + MAX_SHARING <= len(hits):
        if packed[member] >> 33 != packed[start] >> 33:
            start, partners = member, _partners_end(packed, member)
        if packed[member] & 1:
            place = (packed[member] >> 1) & PLACE_MASK
            for other in range(start, partners):
                if other != member:
                    hits[made] = place << PLACE_BITS | ((packed[other] >> 1) & PLACE_MASK)
                    made += 1
        member += 1
    state[0], state[1] = start, member
    return made


@njit(cache=True, nogil=True)
def _shared_enough(hits: Pairs, probes: npt.NDArray[np.uint8], min_shared: float) -> Pairs:
    """Of sorted `hits`, the pairs that occur often enough; better place first, unsorted, perhaps twice."""
    pairs = np.empty(len(hits), dtype=np.uint64)
    made = start = 0
    while start < len(hits):
        end = start + 1
        while end < len(hits) and hits[end] == hits[start]:
            end += 1
        place, other = hits[start] >> PLACE_BITS, hits[start] & PLACE_MASK
        if end - start >= min_shared * probes[place]:
            pairs[made] = min(place, other) << PLACE_BITS | max(place, other)
            made += 1
        start = end
    return pairs[:made].copy()
