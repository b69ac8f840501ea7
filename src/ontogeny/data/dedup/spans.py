"""Repeated passages: of a run of words that occurs more than once in a corpus, the first copy stays.

After Lee et al. 2022 (section 4.1), who cut substrings of 50 tokens found with a suffix array of the whole corpus. Here
windows of words are hashed, and of each few in a row the one with the smallest hash is kept (winnowing, Schleimer et
al. 2003): two copies of a passage choose the same, so that none of at least `span` words is missed. The kept hashes are
sorted one range at a time, as many ranges as the memory given needs. A shared hash is a proposal: the two places are
compared word by word, in both directions as far as they agree, and cut only where at least `span` words are the same.

What is cut always stands earlier in the corpus as well. Words are those of `signals.shingles`: case, accents,
punctuation and the digits of a number make no difference.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numba import njit

from ontogeny.data.dedup.lsh import PLACE_BITS, PLACE_MASK
from ontogeny.data.signals.shingles import BASE, folding_table, mixed, scan_words
from ontogeny.data.texts import Texts

SPAN_WORDS = 50
"""The shortest passage that counts (50 tokens in Lee et al. 2022, section 4.1)."""

CHOSEN_OF = 8
"""Windows in a row of which one is kept, about a fifth of all. Windows are shorter than a passage by one less."""

LEADERS = 16
"""Earlier places of a window that a place is compared with: the first ones in the corpus."""

TEXTS_AT_HAND = 8
"""Earlier texts that stay in memory while later ones are compared with them."""

MEMORY_BYTES = 256 << 20
"""What one range of windows may take while it is sorted."""

WINDOW_BYTES = 3 * 16
"""A hash and a place, and their order."""

HASH_RANGE = 1 << 64

TextBlocks = Callable[[], Iterable[Texts]]
"""Gives the texts of the corpus anew, portion by portion, in the order of the corpus."""

TextOf = Callable[[int], Texts]
"""Gives the text of one row."""


@dataclass(frozen=True, eq=False)
class Cuts:
    """What to cut from each of n documents: document i loses the bytes `starts[k]:ends[k]` for k in
    `offsets[i]:offsets[i + 1]`, ascending and apart.
    """

    starts: npt.NDArray[np.int64]
    ends: npt.NDArray[np.int64]
    offsets: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def of(self, row: int) -> list[tuple[int, int]]:
        """The byte ranges to cut from one document."""
        part = slice(self.offsets[row], self.offsets[row + 1])
        return list(zip(self.starts[part].tolist(), self.ends[part].tolist(), strict=True))


def repeated_spans(
    blocks: TextBlocks, text_of: TextOf, *, span: int = SPAN_WORDS, memory_bytes: int = MEMORY_BYTES
) -> Cuts:
    """The byte ranges of all but the first copy of every passage of at least `span` words."""
    chosen_of = min(CHOSEN_OF, span)
    window = span - chosen_of + 1
    table, total, rows = folding_table(), 0, 0
    for texts in blocks():
        total += _count_windows(texts.data, texts.offsets, table, window, chosen_of)
        rows += len(texts)
    ranges = max(1, -(-total * WINDOW_BYTES // memory_bytes))
    edges = [HASH_RANGE * number // ranges for number in range(ranges + 1)]
    found = [_repeats(blocks, window, chosen_of, low, high - 1) for low, high in itertools.pairwise(edges)]
    return _confirmed(_joined(found), rows, text_of, span)


@dataclass(frozen=True, eq=False)
class _Repeats:
    """Places (m,) of windows that stand earlier too: place i is to be compared with `leaders[first[i]:last[i]]`.

    A place is row << 32 | word.
    """

    places: npt.NDArray[np.uint64]
    first: npt.NDArray[np.int64]
    last: npt.NDArray[np.int64]
    leaders: npt.NDArray[np.uint64]


def _repeats(blocks: TextBlocks, window: int, chosen_of: int, low: int, high: int) -> _Repeats:
    """The repeated windows whose hash is in [low, high]."""
    hashes, places = [np.empty(0, dtype=np.uint64)], [np.empty(0, dtype=np.uint64)]
    row = 0
    for texts in blocks():
        chosen, documents, words = _chosen_windows(
            texts.data, texts.offsets, folding_table(), window, chosen_of, np.uint64(low), np.uint64(high)
        )
        hashes.append(chosen)
        places.append((documents + np.uint64(row)) << PLACE_BITS | words)
        row += len(texts)
    value, place = np.concatenate(hashes), np.concatenate(places)
    order = np.lexsort((place, value))
    value, place = value[order], place[order]
    opens = np.ones(len(value), dtype=np.bool_)
    np.not_equal(value[1:], value[:-1], out=opens[1:])
    start = np.flatnonzero(opens)
    within = np.arange(len(value)) - start[np.cumsum(opens) - 1]  # 0 for the first of each group
    sizes = np.diff(start, append=len(value))
    leads = (within < LEADERS) & np.repeat(sizes > 1, sizes)
    number = np.cumsum(leads) - leads  # of the leaders before
    again = np.flatnonzero(within > 0)
    first = number[again - within[again]]
    return _Repeats(place[again], first, first + np.minimum(within[again], LEADERS), place[leads])


def _joined(parts: list[_Repeats]) -> _Repeats:
    """All ranges as one, in the order of the corpus."""
    shifts = np.cumsum([0, *(len(part.leaders) for part in parts)])
    places = np.concatenate([part.places for part in parts])
    first = np.concatenate([part.first + shift for part, shift in zip(parts, shifts, strict=False)])
    last = np.concatenate([part.last + shift for part, shift in zip(parts, shifts, strict=False)])
    order = np.argsort(places, kind="stable")
    return _Repeats(
        places[order], first[order], last[order], np.concatenate([part.leaders for part in parts])
    )


@njit(cache=True, nogil=True)
def _count_windows(
    data: npt.NDArray[np.uint8],
    offsets: npt.NDArray[np.int64],
    table: npt.NDArray[np.uint32],
    window: int,
    chosen_of: int,
) -> int:
    low, high = np.uint64(0), np.uint64(0xFFFFFFFFFFFFFFFF)
    return len(_chosen_windows(data, offsets, table, window, chosen_of, low, high)[0])


@njit(cache=True, nogil=True)
def _chosen_windows(
    data: npt.NDArray[np.uint8],
    offsets: npt.NDArray[np.int64],
    table: npt.NDArray[np.uint32],
    window: int,
    chosen_of: int,
    low: np.uint64,
    high: np.uint64,
) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64], npt.NDArray[np.uint64]]:
    """Hash, text and first word of the smallest of every `chosen_of` windows in a row, if in [low, high]."""
    longest = np.max(offsets[1:] - offsets[:-1]) if len(offsets) > 1 else 0
    words = np.empty(longest // 2 + 2, dtype=np.uint64)
    starts, ends = np.empty(len(words), dtype=np.int64), np.empty(len(words), dtype=np.int64)
    hashes = np.empty(len(data) // 8 + 8, dtype=np.uint64)
    documents, firsts = np.empty_like(hashes), np.empty_like(hashes)
    total = 0
    for text in range(len(offsets) - 1):
        _, count = scan_words(data, offsets[text], offsets[text + 1], table, words, starts, ends)
        if count < window:
            continue
        windows = _hash_windows(words, count, window)
        last = -1
        for start in range(max(1, len(windows) - chosen_of + 1)):
            least = start
            for number in range(start, min(start + chosen_of, len(windows))):
                if windows[number] < windows[least]:
                    least = number
            if least == last:
                continue
            last = least
            if low <= windows[least] <= high:
                if total == len(hashes):
                    hashes, documents, firsts = _larger(hashes), _larger(documents), _larger(firsts)
                hashes[total], documents[total], firsts[total] = windows[least], text, least
                total += 1
    return hashes[:total].copy(), documents[:total].copy(), firsts[:total].copy()


@njit(cache=True, nogil=True)
def _hash_windows(words: npt.NDArray[np.uint64], count: int, window: int) -> npt.NDArray[np.uint64]:
    windows = np.empty(count - window + 1, dtype=np.uint64)
    leaving, rolling = np.uint64(1), np.uint64(0)
    for _ in range(window):
        leaving = leaving * BASE
    for number in range(count):
        rolling = rolling * BASE + words[number]
        if number >= window:
            rolling -= words[number - window] * leaving
        if number >= window - 1:
            windows[number - window + 1] = mixed(rolling)
    return windows


@njit(cache=True, nogil=True)
def _larger(values: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    larger = np.empty(2 * len(values), dtype=np.uint64)
    larger[: len(values)] = values
    return larger


@dataclass(frozen=True, eq=False)
class _Words:
    """The words of a text: their hashes, and where each lies."""

    hashes: npt.NDArray[np.uint64]
    starts: npt.NDArray[np.int64]
    ends: npt.NDArray[np.int64]


def _words_of(text: Texts) -> _Words:
    room = int(text.offsets[1] - text.offsets[0]) // 2 + 2
    hashes = np.empty(room, dtype=np.uint64)
    starts, ends = np.empty(room, dtype=np.int64), np.empty(room, dtype=np.int64)
    first, last = int(text.offsets[0]), int(text.offsets[1])
    _, count = scan_words(text.data, first, last, folding_table(), hashes, starts, ends)
    return _Words(hashes[:count], starts[:count] - first, ends[:count] - first)


def _confirmed(repeats: _Repeats, rows: int, text_of: TextOf, span: int) -> Cuts:
    """The cuts that the words bear out. A few texts are in memory at a time."""
    starts: list[int] = []
    ends: list[int] = []
    offsets = np.zeros(rows + 1, dtype=np.int64)
    row_of = (repeats.places >> PLACE_BITS).astype(np.int64)
    at_hand = functools.lru_cache(TEXTS_AT_HAND)(lambda row: _words_of(text_of(row)))
    for group in np.split(np.arange(len(row_of)), np.flatnonzero(np.diff(row_of)) + 1) if len(row_of) else []:
        row = int(row_of[group[0]])
        here = _words_of(text_of(row))
        cut = np.zeros(len(here.hashes), dtype=np.bool_)
        compared: dict[tuple[int, int], int] = {}  # by earlier row and distance: up to which word
        for number in group.tolist():
            word = int(repeats.places[number] & PLACE_MASK)
            for leader in repeats.leaders[repeats.first[number] : repeats.last[number]].tolist():
                earlier, other = leader >> 32, leader & 0xFFFFFFFF
                if word < compared.get((earlier, word - other), 0):
                    continue
                there = here if earlier == row else at_hand(earlier)
                first, last = _common_run(here.hashes, word, there.hashes, other)
                compared[earlier, word - other] = last
                if last - first >= span:
                    # Where a passage overlaps its own copy, what comes first stays whole.
                    own = first - (word - other) + span if earlier == row else 0
                    cut[max(first, own) : last] = True
        edges = np.flatnonzero(np.diff(cut, prepend=False, append=False)).reshape(-1, 2)
        starts += here.starts[edges[:, 0]].tolist()
        ends += here.ends[edges[:, 1] - 1].tolist()
        offsets[row + 1] = len(edges)
    return Cuts(np.array(starts, dtype=np.int64), np.array(ends, dtype=np.int64), np.cumsum(offsets))


@njit(cache=True, nogil=True)
def _common_run(
    here: npt.NDArray[np.uint64], word: int, there: npt.NDArray[np.uint64], other: int
) -> tuple[int, int]:
    """The run of words around `word` that stands around `other` in the earlier text too, [first, last)."""
    first, last = 0, 0
    while first < min(word, other) and here[word - first - 1] == there[other - first - 1]:
        first += 1
    while last < min(len(here) - word, len(there) - other) and here[word + last] == there[other + last]:
        last += 1
    return word - first, word + last
