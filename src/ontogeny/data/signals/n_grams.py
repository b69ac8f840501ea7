"""How much of a text is repeated runs of words, counted as datatrove counts Gopher's repetition (compiled).

A run of n words can only stand twice where both of its runs of n - 1 words do. So each length looks only at the places
that survived the one before, and ordinary text costs little more than its pairs of words.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

TOP = (2, 3, 4)
"""Lengths of which the most frequent run is measured: Gopher, arXiv:2112.11446, table A1."""
DUPLICATE = (5, 6, 7, 8, 9, 10)
"""Lengths of which every repeated run is measured: same table."""
_FIRST, _LAST_TOP, _LAST = TOP[0], TOP[-1], DUPLICATE[-1]
_PAIR, _FINAL = (
    np.uint64(0x9FB21C651E98DF25),
    np.uint64(0xD6E8FEB86659FD93),
)  # odd multipliers of splitmix's kind
_32 = np.uint64(32)


@njit(cache=True, nogil=True)
def measure_n_grams(
    grams: Any, before: Any, words: Any, places: Any, first: Any, times: Any, table: Any, out: Any
) -> None:
    """Characters in repeated runs of words of one text, into `out` (9,) int64: top 2 to 4, then duplicate 5 to 10.

    `grams` (words,) uint64 holds a hash of each word and is overwritten; `before` (words + 1,) int32 the characters of
    all words before each. The rest is scratch: `places`, `first`, `times` (words,) int32, `table` int32 of a power of
    two of at least 2 x words.
    """
    count = max(words - _FIRST + 1, 0)
    for at in range(count):
        places[at] = at
    for n in range(_FIRST, _LAST + 1):
        _count_runs(grams, places, count, first, times, table)
        repeated = 0
        for index in range(count):
            at = places[index]
            if times[first[at]] > 1:
                places[repeated] = at
                repeated += 1
        count = repeated
        if n <= _LAST_TOP:
            out[n - _FIRST] = _top_chars(before, words, n, places, count, first, times)
        else:
            out[n - _FIRST] = _duplicate_chars(before, n, places, count, first, times)
        if n < _LAST:
            count = _next_places(places, count)


@njit(cache=True, nogil=True)
def _count_runs(grams: Any, places: Any, count: Any, first: Any, times: Any, table: Any) -> None:
    """At each place the run one word longer: `first` gets where it stood first, `times` there how often it stands."""
    size = 64
    while size < 2 * count:
        size *= 2
    mask = size - 1
    table[:size] = -1
    for index in range(count):
        at = places[index]
        gram = (grams[at] ^ (grams[at] >> _32)) * _PAIR + grams[at + 1]
        gram = (gram ^ (gram >> _32)) * _FINAL
        grams[at] = gram
        slot = np.int64(gram >> _32) & mask
        while True:
            earlier = table[slot]
            if earlier < 0:
                table[slot] = at
                first[at] = at
                times[at] = 1
                break
            if grams[earlier] == gram:
                first[at] = earlier
                times[earlier] += 1
                break
            slot = (slot + 1) & mask


@njit(cache=True, nogil=True)
def _top_chars(before: Any, words: Any, n: Any, places: Any, count: Any, first: Any, times: Any) -> Any:
    """Characters of the most frequent run, spaces between its words included, times how often it stands.

    Of equally frequent ones it is the one that stands first, as in `collections.Counter.most_common`.
    """
    if words < n:
        return 0
    best, most = 0, 1
    for index in range(count):
        at = places[index]
        if first[at] == at and times[at] > most:
            best, most = at, times[at]
    return (np.int64(before[best + n] - before[best]) + n - 1) * most


@njit(cache=True, nogil=True)
def _duplicate_chars(before: Any, n: Any, places: Any, count: Any, first: Any, times: Any) -> Any:
    """Characters of runs that stood before, without spaces; after one is counted its n words are skipped."""
    chars, free = 0, 0
    for index in range(count):
        at = places[index]
        if at < free:
            continue
        if times[first[at]] < 0:  # met before
            chars += before[at + n] - before[at]
            free = at + n
        else:
            times[first[at]] = -1
    return chars


@njit(cache=True, nogil=True)
def _next_places(places: Any, count: Any) -> Any:
    """Keep the places whose right neighbour is repeated too; how many there are."""
    kept = 0
    for index in range(count - 1):
        if places[index + 1] == places[index] + 1:
            places[kept] = places[index]
            kept += 1
    return kept
