"""The words and shingles of `shingles` without compiled code: whole arrays at a time, for samples of some megabytes.

Compiled code is several times faster, but takes longer to load than a report's sample takes here. Both give the same
numbers, and a test holds them to it.

A word's hash is a polynomial in `BASE`, whose sums are differences of one running sum here: the sum of s[j] BASE^-j
over a word, times BASE to the power of its end. All of it modulo 2^64, where an odd number has an inverse.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
import numpy.typing as npt

from ontogeny.data.signals.folding import (
    BASE,
    COMMA,
    DIGIT,
    FULL_STOP,
    HALF,
    MIX_1,
    MIX_2,
    NINE,
    OWN_WORD,
    SEPARATOR,
    SKIPPED,
    TABLE_SIZE,
    folding_table,
)

INVERSE = np.uint64(pow(int(BASE), -1, 1 << 64))
BATCH_CHARS = 1 << 16
"""Text at once: few enough for its arrays to stay in the cache."""
BETWEEN = "\n"
"""Parts texts: a separator, and nothing that a number could go on behind."""

Hashes = npt.NDArray[np.uint64]


@dataclass(frozen=True, eq=False)
class WordRuns:
    """The hashes of the words of texts, (words,); those of text i are `hashes[starts[i]:starts[i + 1]]`."""

    hashes: Hashes
    starts: npt.NDArray[np.int64]

    @property
    def counts(self) -> npt.NDArray[np.int64]:
        """Words of each text, (n,)."""
        return np.diff(self.starts)

    def shingles(self, n_gram: int) -> tuple[Hashes, npt.NDArray[np.int64]]:
        """All shingles in their order, and how many each text has, (n,). A text of fewer words is one shingle."""
        counts = self.counts
        long = counts >= n_gram
        made = np.where(long, counts - n_gram + 1, counts > 0)
        rolled = self._rolled(n_gram)
        found = np.zeros(int(made.sum()), dtype=np.uint64)
        offsets = np.cumsum(made) - made
        of_long = np.repeat(long, made)
        skipped = np.repeat((self.starts[:-1] - offsets)[long], made[long])
        found[of_long] = rolled[np.flatnonzero(of_long) + skipped]
        for length in range(1, n_gram):
            short = counts == length
            if short.any():
                found[offsets[short]] = self._rolled(length)[self.starts[:-1][short]]
        return _mixed(found), made

    def _rolled(self, length: int) -> Hashes:
        """The polynomial of the `length` words from each word on."""
        count = max(len(self.hashes) - length + 1, 0)
        rolled = np.zeros(count, dtype=np.uint64)
        for number in range(length):
            rolled *= BASE
            rolled += self.hashes[number : number + count]
        return rolled


def word_runs(texts: Sequence[str]) -> list[WordRuns]:
    """The words of `texts`, as `shingles.scan_words` finds them, some texts at a time."""
    return [_words_of(batch) for batch in _batches(texts)]


def _batches(texts: Sequence[str]) -> Iterator[list[str]]:
    """`texts` in runs of about `BATCH_CHARS`."""
    batch: list[str] = []
    size = 0
    for text in texts:
        batch.append(text)
        size += len(text)
        if size >= BATCH_CHARS:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _words_of(texts: list[str]) -> WordRuns:
    codes = np.frombuffer(BETWEEN.join(texts).encode("utf-32-le"), dtype=np.uint32)
    ends = np.array(list(accumulate((len(text) + len(BETWEEN) for text in texts), initial=0)))
    symbols = folding_table()[np.minimum(codes, TABLE_SIZE - 1)]
    beyond = codes >= TABLE_SIZE
    symbols[beyond] = codes[beyond] | np.uint32(OWN_WORD)
    before_digit = np.append((codes[1:] >= DIGIT) & (codes[1:] <= NINE), False)
    points = before_digit & ((codes == FULL_STOP) | (codes == COMMA))
    there = np.flatnonzero(symbols != SKIPPED)
    hashes, places = _word_hashes(_with_decimals(symbols[there], points[there]))
    return WordRuns(_mixed(hashes), np.searchsorted(there[places], ends).astype(np.int64))


def _with_decimals(symbols: npt.NDArray[np.uint32], points: npt.NDArray[np.bool_]) -> npt.NDArray[np.uint32]:
    """`symbols` with the first of the `points` inside a number as a digit: one point or comma belongs to it."""
    digit = symbols == DIGIT
    inside = np.flatnonzero(points & np.append(False, digit[:-1]))
    if not len(inside):
        return symbols
    others = np.cumsum(~digit)
    follows = np.append(
        False, others[inside[1:] - 1] == others[inside[:-1]]
    )  # nothing but digits since the last one
    chain = np.maximum.accumulate(np.where(follows, 0, np.arange(len(inside))))
    symbols[inside[(np.arange(len(inside)) - chain) % 2 == 0]] = DIGIT
    return symbols


def _word_hashes(symbols: npt.NDArray[np.uint32]) -> tuple[Hashes, npt.NDArray[np.int64]]:
    """The polynomial of each word, and where it begins; a number counts as one symbol."""
    digit, own = symbols == DIGIT, symbols >= OWN_WORD
    apart = own | (symbols == SEPARATOR)
    after_apart = np.append(True, apart[:-1])
    goes_on = digit & np.append(False, digit[:-1])
    places = np.flatnonzero((symbols != SEPARATOR) & ~goes_on)
    first = np.flatnonzero((own | after_apart)[places])
    terms = symbols[places].astype(np.uint64) + np.uint64(1)
    sums = np.zeros(len(terms) + 1, dtype=np.uint64)
    np.cumsum(terms * _powers(INVERSE, len(terms)), out=sums[1:])
    stop = np.append(first[1:], len(terms))
    return (sums[stop] - sums[first]) * _powers(BASE, len(terms) + 1)[stop], places[first]


def _powers(base: np.uint64, count: int) -> Hashes:
    """1, base, base^2 and on, (count,)."""
    return _first_powers(base, 1 << count.bit_length())[:count]


@functools.lru_cache(maxsize=4)
def _first_powers(base: np.uint64, count: int) -> Hashes:
    powers = np.full(count, base, dtype=np.uint64)
    powers[0] = 1
    return np.cumprod(powers)


def _mixed(values: Hashes) -> Hashes:
    """The finaliser of MurmurHash3, as `shingles.mixed`."""
    values = (values ^ (values >> HALF)) * MIX_1
    values = (values ^ (values >> HALF)) * MIX_2
    return values ^ (values >> HALF)
