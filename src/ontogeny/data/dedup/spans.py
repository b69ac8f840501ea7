"""Repeated passages: of a run of words that occurs more than once in a corpus, the first copy stays.

After Lee et al. 2022 (section 4.1), who cut substrings of 50 tokens found with a suffix array of the whole corpus. Here
`dedup.span_windows` proposes places whose words have one hash; the two are compared word by word, in both directions as
far as they agree, and cut only where at least `span` words are the same.

What is cut always stands earlier in the corpus as well. A text of which too little would be left goes whole, and what
only it has is nobody's earlier copy. Words are those of `signals.shingles`: case, accents and punctuation make no
difference; the digits of a number do. Words that come to stand side by side by cutting are not looked at again.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
from numba import njit

from ontogeny.core.progress import Progress, QuietProgress
from ontogeny.data.dedup.span_windows import (
    ROW_BITS,
    WORD_MASK,
    Numbers,
    Positions,
    Repeats,
    TextBlocks,
    blocks_of_rows,
    repeated_windows,
    scan_told_apart,
)
from ontogeny.data.signals.folding import folding_table
from ontogeny.data.texts import Texts

SPAN_WORDS = 50
"""The shortest passage that counts (50 tokens in Lee et al. 2022, section 4.1)."""

TEXTS_AT_HAND = 16
"""Earlier texts that stay in memory while later ones are compared with them."""

MEMORY_BYTES = 256 << 20
"""What windows may take while they are sorted, and proposals while they are compared; a text may take more."""

PLACES_AT_ONCE = 1 << 14
"""Places of one text that are compared at once."""

EFFORT = 64
"""Words compared for each word of a text before places that are cut already are passed over: only texts that say the
same again and again take so many."""

TextOf = Callable[[int], Texts]
"""Gives the text of one row."""


@dataclass(eq=False)
class Cuts:
    """What to cut from each of n documents: document i loses the bytes `starts[k]:ends[k]`, `words[k]` words, for k in
    `offsets[i]:offsets[i + 1]`, ascending and apart. They stand in document `firsts[k]` too, at least in the beginning.

    `too_short` has the documents that go whole, and how many words would have been left.
    """

    starts: Positions
    ends: Positions
    words: Positions
    firsts: Positions
    offsets: Positions
    too_short: dict[int, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def rows(self) -> Positions:
        """The documents that lose something, ascending."""
        rows: Positions = np.flatnonzero(np.diff(self.offsets))
        return rows

    @property
    def shortened(self) -> Positions:
        """Those of them that do not go whole."""
        return np.setdiff1d(self.rows, list(self.too_short))

    def of(self, row: int) -> list[tuple[int, int]]:
        """The byte ranges to cut from one document."""
        part = slice(self.offsets[row], self.offsets[row + 1])
        return list(zip(self.starts[part].tolist(), self.ends[part].tolist(), strict=True))


def repeated_spans(
    blocks: TextBlocks,
    text_of: TextOf,
    rows: int,
    *,
    folder: Path,
    span: int = SPAN_WORDS,
    least_left: int = 1,
    memory_bytes: int = MEMORY_BYTES,
    progress: Progress | None = None,
) -> Cuts:
    """The byte ranges of all but the first copy of every passage of at least `span` words.

    Args:
        blocks: the texts of all `rows`, once, in any order.
        folder: where windows lie meanwhile, about 0.6 bytes for a byte of text.
        least_left: words; a text that is cut and has fewer left goes whole.
    """
    found = repeated_windows(blocks, folder, span=span, memory_bytes=memory_bytes)
    comparison = _Comparison(text_of, rows, span, max(1, least_left))
    total = sum(len(repeats.places) for repeats in found)
    with (progress or QuietProgress()).bar("comparing passages", total=total, unit="places") as bar:
        for repeats in blocks_of_rows(found, rows, memory_bytes=memory_bytes):
            row_of = (repeats.places >> ROW_BITS).astype(np.int64)
            edges = [0, *(np.flatnonzero(np.diff(row_of)) + 1).tolist(), len(row_of)]
            for low, high in itertools.pairwise(edges):
                comparison.look_at(int(row_of[low]), repeats, slice(low, high))
                bar.advance(high - low)
    return comparison.cuts()


@dataclass(frozen=True, eq=False)
class _Words:
    """The words of a text: their hashes, and where each lies."""

    hashes: Numbers
    starts: Positions
    ends: Positions


def _words_of(text: Texts) -> _Words:
    room = int(text.offsets[1] - text.offsets[0]) // 2 + 2
    hashes = np.empty(room, dtype=np.uint64)
    starts, ends = np.empty(room, dtype=np.int64), np.empty(room, dtype=np.int64)
    first, last = int(text.offsets[0]), int(text.offsets[1])
    count = scan_told_apart(text.data, first, last, folding_table(), hashes, starts, ends)
    return _Words(hashes[:count], starts[:count] - first, ends[:count] - first)


class _Comparison:
    """The rows in their order, each with its earlier places; a few texts are in memory at a time."""

    def __init__(self, text_of: TextOf, rows: int, span: int, least_left: int) -> None:
        self._span, self._least_left = span, least_left
        self._text_of = text_of
        self._at_hand = functools.lru_cache(TEXTS_AT_HAND)(lambda row: _words_of(text_of(row)))
        self._found: list[tuple[Positions, Positions, Positions, Positions]] = []
        self._counts = np.zeros(rows + 1, dtype=np.int64)
        self._gone = np.zeros(rows, dtype=np.bool_)
        self._too_short: dict[int, int] = {}

    def look_at(self, row: int, repeats: Repeats, part: slice) -> None:
        """Compare the places `part` of `repeats`, all that `row` has."""
        here = _words_of(self._text_of(row))
        cut, firsts = np.zeros(len(here.hashes), dtype=np.bool_), np.full(len(here.hashes), -1, np.int64)
        effort = np.array([EFFORT * len(here.hashes)], dtype=np.int64)
        for start in range(part.start, part.stop, PLACES_AT_ONCE):
            places, leaders = repeats.pairs(slice(start, min(start + PLACES_AT_ONCE, part.stop)))
            earlier = (leaders >> ROW_BITS).astype(np.int64)
            other, word = (leaders & WORD_MASK).astype(np.int64), (places & WORD_MASK).astype(np.int64)
            order = np.lexsort((word, word - other, earlier))
            order = order[~self._gone[earlier[order]]]
            starts = np.flatnonzero(np.diff(earlier[order], prepend=-1))
            for here_too in np.split(order, starts[1:]) if len(order) else []:
                leader = int(earlier[here_too[0]])
                there = here if leader == row else self._at_hand(leader)
                at = np.stack([word[here_too], other[here_too]], axis=1)
                _mark(here.hashes, there.hashes, at, self._span, leader == row, cut, effort)
                firsts[cut & (firsts < 0)] = leader
        self._take(row, here, cut, firsts)

    def _take(self, row: int, here: _Words, cut: npt.NDArray[np.bool_], firsts: Positions) -> None:
        """Keep what is cut from `row`."""
        edges = np.flatnonzero(np.diff(cut, prepend=False, append=False)).reshape(-1, 2)
        if not len(edges):
            return
        begin, end = edges[:, 0], edges[:, 1]
        self._found.append((here.starts[begin], here.ends[end - 1], end - begin, firsts[begin]))
        self._counts[row + 1] = len(edges)
        left = len(cut) - int(np.count_nonzero(cut))
        if left < self._least_left:
            self._gone[row] = True
            self._too_short[row] = left

    def cuts(self) -> Cuts:
        """What was found."""
        nothing = (np.zeros(0, dtype=np.int64),) * 4
        starts, ends, words, firsts = (
            np.concatenate(each) for each in zip(nothing, *self._found, strict=True)
        )
        return Cuts(starts, ends, words, firsts, np.cumsum(self._counts), self._too_short)


@njit(cache=True, nogil=True)
def _mark(
    here: Numbers,
    there: Numbers,
    at: Positions,
    span: int,
    itself: bool,
    cut: npt.NDArray[np.bool_],
    effort: Positions,
) -> None:
    """Mark in `cut` the words that stand around a place of `here` and of `there`, if they are `span` or more.

    `at` (p, 2) are the places, ordered by their distance; `effort` (1,) is what may still be compared.
    """
    distance, reached = 0, 0
    for number in range(len(at)):
        word, other = at[number]
        if number == 0 or word - other != distance:
            distance, reached = word - other, 0
        if word < reached or (effort[0] < 0 and cut[word : word + span].all()):
            continue
        first, last = _common_run(here, word, there, other)
        reached = last
        effort[0] -= last - first
        if last - first >= span:
            # Where a passage overlaps its own copy, what comes first stays whole.
            own = first - distance + span if itself else 0
            cut[max(first, own) : last] = True


@njit(cache=True, nogil=True)
def _common_run(here: Numbers, word: int, there: Numbers, other: int) -> tuple[int, int]:
    """The run of words around `word` that stands around `other` in the earlier text too, [first, last)."""
    first, last = 0, 0
    while first < min(word, other) and here[word - first - 1] == there[other - first - 1]:
        first += 1
    while last < min(len(here) - word, len(there) - other) and here[word + last] == there[other + last]:
        last += 1
    return word - first, word + last
