"""Candidates for near copies: pairs of documents whose signatures share a band.

One band at a time: the key of each document's band and its place are packed into one 64-bit integer, those whose key
seems to occur twice are sorted in place, and equal keys are neighbours. That is 12 bytes a document, and no more than
one portion's signatures at once. A key keeps 64 bits less those of the place (40 of them for ten million documents);
the few pairs that this brings together by chance are refused when they are verified, like all others that are not
duplicates.

Documents are called by their place in the order of preference (0 is the best), so that nothing depends on the order
in which they were read. In a bucket of many, each is paired with the best few and with its neighbour, never with all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import numpy.typing as npt
from numba import njit

from ontogeny.data.signals.minhash import band_keys

LEADERS = 4
"""Documents of a bucket that all others are paired with."""

PLACE_BITS = np.uint64(32)
"""Pairs are packed as better << 32 | worse: 2^32 documents at most."""

PLACE_MASK = np.uint64(0xFFFFFFFF)

Pairs = npt.NDArray[np.uint64]
"""(m,) pairs of places, packed, sorted, unique."""

Blocks = Callable[[], Iterable[npt.NDArray[np.uint32]]]
"""Gives the signatures of all documents anew, (n_i, k) at a time, in the order of the rows."""


def band_pairs(signatures: Blocks, places: npt.NDArray[np.uint32], *, bands: int, rows: int) -> Pairs:
    """Pairs of documents that share at least one band.

    `places` (n,) is each row's place in the order of preference.
    """
    count = len(places)
    packed = np.empty(count, dtype=np.uint64)
    place_mask = np.uint64((1 << count.bit_length()) - 1)
    pairs = np.empty(0, dtype=np.uint64)
    for band in range(bands):
        row = filled = 0
        for block in signatures():
            keys = np.empty(len(block), dtype=np.uint64)
            band_keys(block, band, rows, keys)
            filled = _pack(keys, places[row : row + len(block)], place_mask, packed, filled)
            row += len(block)
        found = packed[: _keep_repeated(packed[:filled], place_mask)]
        found.sort()
        fresh = _pairs_of_buckets(found, place_mask, _count_pairs(found, place_mask))
        fresh.sort()
        pairs = merged(pairs, fresh)
    return pairs


def merged(left: Pairs, right: Pairs) -> Pairs:
    """All pairs of both."""
    if not len(right):
        return left
    both = np.empty(len(left) + len(right), dtype=np.uint64)  # what stays unused is never touched
    return both[: _merge(left, right, both)]


@njit(cache=True, nogil=True)
def _merge(left: Pairs, right: Pairs, both: Pairs) -> int:
    """Write the union to `both`; how many pairs it has."""
    count = a = b = 0
    while a < len(left) or b < len(right):
        if b == len(right) or (a < len(left) and left[a] <= right[b]):
            both[count] = left[a]
            b += b < len(right) and left[a] == right[b]
            a += 1
        else:
            both[count] = right[b]
            b += 1
        count += 1
    return count


@njit(cache=True, nogil=True)
def _pack(
    keys: npt.NDArray[np.uint64],
    places: npt.NDArray[np.uint32],
    place_mask: np.uint64,
    packed: npt.NDArray[np.uint64],
    filled: int,
) -> int:
    """Append key and place of each document that has words."""
    for number in range(len(keys)):
        if keys[number] != 0:
            packed[filled] = (keys[number] & ~place_mask) | np.uint64(places[number])
            filled += 1
    return filled


@njit(cache=True, nogil=True)
def _keep_repeated(packed: npt.NDArray[np.uint64], place_mask: np.uint64) -> int:
    """Move those forward whose key occurs twice, and a few others, and say how many: most documents are alone."""
    bits = 6  # of a set of which at most one in eight is taken; the highest of a key choose the place
    while 1 << bits < 8 * len(packed):
        bits += 1
    seen, twice = np.zeros(1 << bits - 6, dtype=np.uint64), np.zeros(1 << bits - 6, dtype=np.uint64)
    shift = np.uint64(64 - bits)
    for value in packed:
        bit = (value & ~place_mask) >> shift
        word, which = bit >> np.uint64(6), np.uint64(1) << (bit & np.uint64(63))
        twice[word] |= seen[word] & which
        seen[word] |= which
    kept = 0
    for value in packed:
        bit = (value & ~place_mask) >> shift
        if twice[bit >> np.uint64(6)] >> (bit & np.uint64(63)) & np.uint64(1):
            packed[kept] = value
            kept += 1
    return kept


@njit(cache=True, nogil=True)
def _bucket_end(packed: npt.NDArray[np.uint64], place_mask: np.uint64, start: int) -> int:
    key, end = packed[start] & ~place_mask, start + 1
    while end < len(packed) and packed[end] & ~place_mask == key:
        end += 1
    return end


@njit(cache=True, nogil=True)
def _count_pairs(packed: npt.NDArray[np.uint64], place_mask: np.uint64) -> int:
    count = start = 0
    while start < len(packed):
        end = _bucket_end(packed, place_mask, start)
        for member in range(1, end - start):
            count += min(member, LEADERS + 1)
        start = end
    return count


@njit(cache=True, nogil=True)
def _pairs_of_buckets(packed: npt.NDArray[np.uint64], place_mask: np.uint64, count: int) -> Pairs:
    """`packed` is sorted: within a bucket, the best come first."""
    pairs = np.empty(count, dtype=np.uint64)
    made = start = 0
    while start < len(packed):
        end = _bucket_end(packed, place_mask, start)
        for member in range(start + 1, end):
            worse = packed[member] & place_mask
            for leader in range(start, min(member, start + LEADERS)):
                pairs[made] = (packed[leader] & place_mask) << PLACE_BITS | worse
                made += 1
            if member > start + LEADERS:
                pairs[made] = (packed[member - 1] & place_mask) << PLACE_BITS | worse
                made += 1
        start = end
    return pairs
