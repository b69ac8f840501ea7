"""MinHash signatures of word shingles (Broder 1997), in bands for locality-sensitive hashing.

datatrove's parameters: 5-grams, 14 bands of 8 hashes (`pipeline/dedup/minhash.py`, v0.10). A pair of Jaccard similarity
s shares a band with probability 1 - (1 - s^8)^14: 56% at 0.7, 92% at 0.8, 99.6% at 0.9.

A shingle is hashed once; its low 32 bits are then permuted 112 times by (a x + b) mod 2^32 with odd a, a bijection, of
which the smallest value stays. The x are already random, so that a linear permutation behaves as a random one
(Mitzenmacher and Vadhan 2008); a test holds the estimates to the binomial spread. A text without words has the largest
value everywhere.
"""

from __future__ import annotations

import functools

import numpy as np
import numpy.typing as npt
from numba import njit

from ontogeny.core.seeds import numpy_generator
from ontogeny.data.signals.shingles import BLOCK_WORDS, folding_table, mixed, next_shingles
from ontogeny.data.texts import Texts

N_GRAM, BANDS, ROWS = 5, 14, 8
"""datatrove's defaults, and FineWeb's (Penedo et al. 2024, section 3.4)."""

EMPTY = np.uint32(0xFFFFFFFF)
"""Every hash of a text without words."""

SEED = 1
UNROLLED = 8  # shingles a pass over the signature: its 112 minima are loaded and stored once for all of them


@functools.cache
def permutations(count: int) -> npt.NDArray[np.uint32]:
    """The odd factors and the summands of `count` permutations, (2, count)."""
    drawn = numpy_generator(SEED, "minhash").integers(0, 1 << 32, size=(2, count), dtype=np.uint32)
    drawn[0] |= np.uint32(1)
    return drawn


@njit(cache=True, nogil=True)
def _signatures(
    data: npt.NDArray[np.uint8],
    offsets: npt.NDArray[np.int64],
    table: npt.NDArray[np.uint32],
    factors: npt.NDArray[np.uint32],
    summands: npt.NDArray[np.uint32],
    n_gram: int,
    signatures: npt.NDArray[np.uint32],
) -> None:
    words = np.empty(n_gram + BLOCK_WORDS, dtype=np.uint64)
    places = np.empty((2, BLOCK_WORDS), dtype=np.int64)
    state = np.empty(2, dtype=np.uint64)
    shingles = np.empty(BLOCK_WORDS, dtype=np.uint64)
    narrow = np.empty(BLOCK_WORDS + UNROLLED, dtype=np.uint32)
    for text in range(len(offsets) - 1):
        words[:n_gram] = 0
        state[:] = 0
        position, end = offsets[text], offsets[text + 1]
        while position < end:
            position, made = next_shingles(data, position, end, table, n_gram, words, places, state, shingles)
            for number in range(made):
                narrow[number] = np.uint32(shingles[number])
            for number in range(made, made + UNROLLED):  # the last again: minima do not mind
                narrow[number] = narrow[made - 1]
            if made > 0:
                _take_minima(narrow, made, factors, summands, signatures[text])


@njit(cache=True, nogil=True)
def _take_minima(
    shingles: npt.NDArray[np.uint32],
    count: int,
    factors: npt.NDArray[np.uint32],
    summands: npt.NDArray[np.uint32],
    signature: npt.NDArray[np.uint32],
) -> None:
    """Lower each value of `signature` (k,) to the least that its permutation makes of the first `count` shingles.

    Eight shingles a turn, written out, so that LLVM turns the loop over permutations into vector instructions.
    """
    for first in range(0, count, UNROLLED):
        x0, x1, x2, x3 = shingles[first], shingles[first + 1], shingles[first + 2], shingles[first + 3]
        x4, x5, x6, x7 = shingles[first + 4], shingles[first + 5], shingles[first + 6], shingles[first + 7]
        for k in range(len(signature)):
            a, b = factors[k], summands[k]
            low = min(np.uint32(a * x0 + b), np.uint32(a * x1 + b))
            low = min(low, min(np.uint32(a * x2 + b), np.uint32(a * x3 + b)))
            low = min(low, min(np.uint32(a * x4 + b), np.uint32(a * x5 + b)))
            low = min(low, min(np.uint32(a * x6 + b), np.uint32(a * x7 + b)))
            signature[k] = min(signature[k], low)


def minhash_of(
    texts: Texts, *, n_gram: int = N_GRAM, bands: int = BANDS, rows: int = ROWS
) -> npt.NDArray[np.uint32]:
    """The signature of each text, (n, bands * rows); band i is columns i * rows to (i + 1) * rows."""
    factors, summands = permutations(bands * rows)
    signatures = np.full((len(texts), bands * rows), EMPTY, dtype=np.uint32)
    _signatures(texts.data, texts.offsets, folding_table(), factors, summands, n_gram, signatures)
    return signatures


@njit(cache=True, nogil=True)
def band_keys(signatures: npt.NDArray[np.uint32], band: int, rows: int, keys: npt.NDArray[np.uint64]) -> None:
    """Write to `keys` (n,) the hash of one band of each of `signatures` (n, k); 0 where the text had no words."""
    for text in range(len(signatures)):
        key, empty = np.uint64(band + 1), True
        for column in range(band * rows, (band + 1) * rows):
            value = signatures[text, column]
            empty = empty and value == EMPTY
            key = mixed(key + np.uint64(value))
        keys[text] = np.uint64(0) if empty else key | np.uint64(1)
