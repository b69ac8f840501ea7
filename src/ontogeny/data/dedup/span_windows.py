"""Windows of words that stand in a corpus more than once: what may be a repeated passage.

Windows of words are hashed, and of each few in a row the one with the smallest hash is kept (winnowing, Schleimer et
al. 2003): two copies of a passage choose the same, so that none of at least `span` words is missed. Kept windows are
sorted as many at a time as the memory given holds, lie in files, and are merged one range of hashes at a time. A hash
that comes again is a proposal, which `dedup.spans` compares word by word.

Words are those of `signals.shingles`, but that numbers with other digits are other words: of two tables with as many
columns neither is a copy.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from numba import njit

from ontogeny.data.signals.folding import BASE, COMMA, DIGIT, FULL_STOP, SKIPPED, folding_table
from ontogeny.data.signals.shingles import code_point, mixed, scan_words
from ontogeny.data.texts import Texts

CHOSEN_OF = 8
"""Windows in a row of which one is kept, about a fifth of all. Windows are shorter than a passage by one less."""

LEADERS = 16
"""Earlier places of a window that a place is compared with: the first ones in the corpus."""

WINDOW_BYTES = 6 * 8
"""A hash and a place, their order, and both again in that order, rounded up."""

PAIR_BYTES = 8 * 8
"""What a proposal and one earlier place take while they are compared."""

ROW_BITS, WORD_MASK = np.uint64(32), np.uint64(0xFFFFFFFF)
"""A place is row << 32 | word."""

HASH_RANGE = 1 << 64

Numbers: TypeAlias = npt.NDArray[np.uint64]
Positions: TypeAlias = npt.NDArray[np.int64]
TextBlocks: TypeAlias = Iterable[tuple[Positions, Texts]]
"""The texts of a corpus, a block at a time, with their rows: what comes first in the corpus has the lower row."""


@dataclass(frozen=True, eq=False)
class Repeats:
    """Places (m,) of windows that stand earlier too, ascending: place i is to be compared with
    `leaders[first[i]:last[i]]`, which lie before it.
    """

    places: Numbers
    first: Positions
    last: Positions
    leaders: Numbers

    def pairs(self, part: slice) -> tuple[Numbers, Numbers]:
        """The places of `part`, each as often as it has leaders, and those leaders."""
        first, counts = self.first[part], self.last[part] - self.first[part]
        ends = np.cumsum(counts)
        chosen = np.arange(counts.sum()) + np.repeat(first - (ends - counts), counts)
        return np.repeat(self.places[part], counts), self.leaders[chosen]

    def between(self, low: int, high: int) -> Repeats:
        """Those of rows `low` to `high`, with leaders of their own."""
        edges = np.array([low, high], dtype=np.uint64) << ROW_BITS
        part = slice(*np.searchsorted(self.places, edges).tolist())
        ends = np.cumsum(self.last[part] - self.first[part])
        starts = np.concatenate([[0], ends])[:-1]
        return Repeats(self.places[part], starts, ends, self.pairs(part)[1])


def repeated_windows(blocks: TextBlocks, folder: Path, *, span: int, memory_bytes: int) -> list[Repeats]:
    """The windows that come again, as many lists as ranges of hashes; they lie in files of `folder`."""
    runs = list(_sorted_runs(blocks, folder, span=span, memory_bytes=memory_bytes))
    total = sum(len(run[0]) for run in runs)
    ranges = max(1, -(-total * WINDOW_BYTES // memory_bytes))
    edges = [HASH_RANGE * number // ranges for number in range(ranges + 1)]
    found = []
    for number, (low, high) in enumerate(itertools.pairwise(edges)):
        parts = [_slice(run, low, high - 1) for run in runs]
        if any(len(hashes) for hashes, _ in parts):
            repeats = _again(*_in_order(*map(np.concatenate, zip(*parts, strict=True))))
            if len(repeats.places):
                found.append(_repeats_on_disk(folder / f"repeats-{number}", repeats))
    return found


def blocks_of_rows(found: list[Repeats], rows: int, *, memory_bytes: int) -> Iterator[Repeats]:
    """All of `found` in the order of places, cut between rows where comparing takes `memory_bytes`."""
    pairs = np.zeros(rows + 1, dtype=np.float64)
    for repeats in found:
        row_of = (repeats.places >> ROW_BITS).astype(np.int64)
        pairs[1:] += np.bincount(row_of, weights=repeats.last - repeats.first, minlength=rows)
    before = np.cumsum(pairs)
    low = 0
    while low < rows:
        limit = before[low] + memory_bytes / PAIR_BYTES
        high = max(low + 1, int(np.searchsorted(before, limit, side="right")) - 1)
        if before[high] > before[low]:
            yield _joined([repeats.between(low, high) for repeats in found])
        low = high


def _joined(parts: list[Repeats]) -> Repeats:
    shifts = np.cumsum([0, *(len(part.leaders) for part in parts)])[:-1]
    places = np.concatenate([part.places for part in parts])
    first = np.concatenate([part.first + shift for part, shift in zip(parts, shifts, strict=True)])
    last = np.concatenate([part.last + shift for part, shift in zip(parts, shifts, strict=True)])
    order = np.argsort(places, kind="stable")
    leaders = np.concatenate([part.leaders for part in parts])
    return Repeats(places[order], first[order], last[order], leaders)


def _again(hashes: Numbers, places: Numbers) -> Repeats:
    """The places, in sorted order, whose hash stands earlier too."""
    opens = np.ones(len(hashes), dtype=np.bool_)
    np.not_equal(hashes[1:], hashes[:-1], out=opens[1:])
    start = np.flatnonzero(opens)
    within = np.arange(len(hashes)) - start[np.cumsum(opens) - 1]  # 0 for the first of each group
    sizes = np.diff(start, append=len(hashes))
    leads = (within < LEADERS) & np.repeat(sizes > 1, sizes)
    number = np.cumsum(leads) - leads  # of the leaders before
    again = np.flatnonzero(within > 0)
    again = again[np.argsort(places[again])]
    first = number[again - within[again]]
    return Repeats(places[again], first, first + np.minimum(within[again], LEADERS), places[leads])


Run: TypeAlias = tuple[Numbers, Numbers]
"""Hashes, ascending, and their places."""


def _sorted_runs(blocks: TextBlocks, folder: Path, *, span: int, memory_bytes: int) -> Iterator[Run]:
    """The chosen windows of all texts, as many at a time as fit into memory."""
    chosen_of = min(CHOSEN_OF, span)
    window = span - chosen_of + 1
    hashes: list[Numbers] = []
    places: list[Numbers] = []
    room, number = memory_bytes // WINDOW_BYTES, 0
    for rows, texts in blocks:
        found = _chosen_windows(texts.data, texts.offsets, folding_table(), window, chosen_of)
        hashes.append(found[0])
        places.append(rows.astype(np.uint64)[found[1]] << ROW_BITS | found[2])
        if sum(map(len, hashes)) >= room:
            yield _stored(hashes, places, folder / f"run-{number}")
            hashes, places, number = [], [], number + 1
    if sum(map(len, hashes)):
        yield _stored(hashes, places, folder / f"run-{number}")


def _stored(hashes: list[Numbers], places: list[Numbers], path: Path) -> Run:
    in_order = _in_order(np.concatenate(hashes), np.concatenate(places))
    names = (path.with_suffix(".hashes.npy"), path.with_suffix(".places.npy"))
    return _on_disk(names[0], in_order[0]), _on_disk(names[1], in_order[1])


def _in_order(hashes: Numbers, places: Numbers) -> Run:
    order = np.lexsort((places, hashes))
    return hashes[order], places[order]


def _slice(run: Run, low: int, high: int) -> Run:
    begin = int(np.searchsorted(run[0], np.uint64(low), side="left"))
    end = int(np.searchsorted(run[0], np.uint64(high), side="right"))
    return run[0][begin:end], run[1][begin:end]


def _repeats_on_disk(path: Path, repeats: Repeats) -> Repeats:
    columns = vars(repeats).items()
    return Repeats(**{name: _on_disk(path.with_suffix(f".{name}.npy"), values) for name, values in columns})


def _on_disk(path: Path, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """`values`, at least one, as they lie in the file `path`."""
    np.save(path, values)
    return np.asarray(np.load(path, mmap_mode="r"))


@njit(cache=True, nogil=True)
def _chosen_windows(
    data: npt.NDArray[np.uint8],
    offsets: Positions,
    table: npt.NDArray[np.uint32],
    window: int,
    chosen_of: int,
) -> tuple[Numbers, Positions, Numbers]:
    """Hash, text and first word of the smallest of every `chosen_of` windows in a row.

    Where one word is said again and again all windows are the same; the first, the last and those in between that do
    not overlap stand for all.
    """
    longest = np.max(offsets[1:] - offsets[:-1]) if len(offsets) > 1 else 0
    words = np.empty(longest // 2 + 2, dtype=np.uint64)
    starts, ends = np.empty(len(words), dtype=np.int64), np.empty(len(words), dtype=np.int64)
    room = len(data) // 16 + 16
    hashes, firsts = np.empty(room, dtype=np.uint64), np.empty(room, dtype=np.uint64)
    documents = np.empty(room, dtype=np.int64)
    total = 0
    for text in range(len(offsets) - 1):
        count = scan_told_apart(data, offsets[text], offsets[text + 1], table, words, starts, ends)
        if count < window:
            continue
        windows = _hash_windows(words, count, window)
        last, anchor, passing = -1, 0, False
        for start in range(max(1, len(windows) - chosen_of + 1)):
            least = last
            if last < start:  # the smallest has left: look at all of them
                least = start
                for number in range(start + 1, min(start + chosen_of, len(windows))):
                    if windows[number] < windows[least]:
                        least = number
            elif windows[start + chosen_of - 1] < windows[last]:  # the one that is new
                least = start + chosen_of - 1
            if least == last:
                continue
            goes_on = last >= 0 and least == last + 1 and windows[least] == windows[last]
            last = least
            if not (goes_on and passing):  # else it takes the place of the one before
                if total == len(hashes):
                    hashes, firsts = _larger(hashes), _larger(firsts)
                    documents = _larger(documents)
                total += 1
            passing = goes_on and least - anchor < window
            if not passing:
                anchor = least
            hashes[total - 1], documents[total - 1], firsts[total - 1] = windows[least], text, least
    return hashes[:total].copy(), documents[:total].copy(), firsts[:total].copy()


@njit(cache=True, nogil=True)
def scan_told_apart(
    data: npt.NDArray[np.uint8],
    start: int,
    end: int,
    table: npt.NDArray[np.uint32],
    words: Numbers,
    starts: Positions,
    ends: Positions,
) -> int:
    """Hash the words of `data[start:end]` as `scan_words` does, with the digits of numbers; how many there are."""
    _, count = scan_words(data, start, end, table, words, starts, ends)
    for number in range(count):
        digits, place = np.uint64(0), starts[number]
        while place < ends[number]:
            byte = data[place]
            code, width = (np.uint32(byte), 1) if byte < 0x80 else code_point(data, place)
            symbol = table[code] if code < len(table) else code
            if symbol == DIGIT or byte in (FULL_STOP, COMMA):  # a mark within a word is a decimal one
                digits = (digits + np.uint64(code)) * BASE
            elif symbol != SKIPPED:
                digits *= BASE  # 1a23 is not 12a3
            place += width
        if digits:
            words[number] = mixed(words[number] ^ digits)
    return int(count)


@njit(cache=True, nogil=True)
def _hash_windows(words: Numbers, count: int, window: int) -> Numbers:
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
def _larger(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    larger = np.empty(2 * len(values), dtype=values.dtype)
    larger[: len(values)] = values
    return larger
