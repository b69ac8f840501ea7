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

from collections.abc import Callable, Iterable, Iterator

import numpy as np
import numpy.typing as npt
from numba import njit

from ontogeny.data.dedup.spill import PLACE_BITS, Pairs
from ontogeny.data.signals.minhash import band_keys

LEADERS = 4
"""Documents of a bucket that all others are paired with."""

AT_ONCE = 1 << 18
"""Pairs that are made at once."""

Blocks = Callable[[], Iterable[npt.NDArray[np.uint32]]]
"""Gives the signatures of all documents anew, (n_i, k) at a time, in the order of the rows."""


def band_pairs(
    signatures: Blocks, places: npt.NDArray[np.uint32], *, bands: int, rows: int, old: int = 0
) -> Iterator[Pairs]:
    """Pairs of documents that share at least one band, as better << 32 | worse, in no order, some repeatedly.

    `places` (n,) is each row's place in the order of preference. Of the first `old` places none is the worse.
    """
    count = len(places)
    keyed = np.empty(count, dtype=np.uint64)
    place_mask = np.uint64((1 << count.bit_length()) - 1)
    for band in range(bands):
        row = filled = 0
        for block in signatures():
            keys = np.empty(len(block), dtype=np.uint64)
            band_keys(block, band, rows, keys)
            filled = _pack(keys, places[row : row + len(block)], place_mask, keyed, filled)
            row += len(block)
        found = keyed[: _keep_repeated(keyed[:filled], place_mask, old)]
        found.sort()
        state = np.zeros(2, dtype=np.int64)
        while state[1] < len(found):
            pairs = np.empty(min(AT_ONCE, (LEADERS + 1) * len(found)), dtype=np.uint64)
            yield pairs[: _pairs_of_buckets(found, place_mask, state, pairs, old)].copy()


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
def _keep_repeated(packed: npt.NDArray[np.uint64], place_mask: np.uint64, old: int) -> int:
    """Move those forward whose key occurs twice, and a few others, and say how many: most documents are alone.

    Keys of which none is a document's behind the first `old` places are left out.
    """
    bits = 6  # of a set of which at most one in eight is taken; the highest of a key choose the place
    while 1 << bits < 8 * len(packed):
        bits += 1
    seen, twice = np.zeros(1 << bits - 6, dtype=np.uint64), np.zeros(1 << bits - 6, dtype=np.uint64)
    fresh = seen if old == 0 else np.zeros_like(seen)
    shift = np.uint64(64 - bits)
    for value in packed:
        bit = (value & ~place_mask) >> shift
        word, which = bit >> np.uint64(6), np.uint64(1) << (bit & np.uint64(63))
        twice[word] |= seen[word] & which
        seen[word] |= which
        if value & place_mask >= old:
            fresh[word] |= which
    twice &= fresh
    kept = 0
    for value in packed:
        bit = (value & ~place_mask) >> shift
        if twice[bit >> np.uint64(6)] >> (bit & np.uint64(63)) & np.uint64(1):
            packed[kept] = value
            kept += 1
    return kept


@njit(cache=True, nogil=True)
def _pairs_of_buckets(
    packed: npt.NDArray[np.uint64],
    place_mask: np.uint64,
    state: npt.NDArray[np.int64],
    pairs: Pairs,
    old: int,
) -> int:
    """Write pairs until `pairs` is full; how many. `packed` is sorted: within a bucket, the best come first.

    `state` is where the bucket begins and which of its members is next.
    """
    made, start, member = 0, state[0], state[1]
    while member < len(packed) and made + LEADERS < len(pairs):
        if (packed[member] ^ packed[start]) & ~place_mask != 0:
            start = member
        worse = packed[member] & place_mask
        leaders = min(member, start + LEADERS) if worse >= old else start
        for leader in range(start, leaders):
            pairs[made] = (packed[leader] & place_mask) << PLACE_BITS | worse
            made += 1
        if worse >= old and member > start + LEADERS:
            pairs[made] = (packed[member - 1] & place_mask) << PLACE_BITS | worse
            made += 1
        member += 1
    state[0], state[1] = start, member
    return made
