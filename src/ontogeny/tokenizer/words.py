"""How often each word occurs: the words of any amount of text, counted in memory that grows with the different ones.

A hash table in compiled code holds every different word once, with a 64-bit count. Several tables can be filled at the
same time and joined; the counts are the same however the text was shared out.
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any

import numba
import numpy as np
import numpy.typing as npt

from ontogeny.data.texts import Texts
from ontogeny.tokenizer.splitter import character_classes, word_end

WORDS, BYTES = 0, 1  # places in a table's state: how many words it has, and how many bytes they take
FIRST_WORDS = 1 << 12
FNV_START, FNV_PRIME = np.uint64(14695981039346656037), np.uint64(1099511628211)  # FNV-1a, 64 bits
SPREAD = np.uint64(0x9E3779B97F4A7C15)  # 2**64 / golden ratio: moves the low bits of a hash up


class WordCounts:
    """Different words and how often each was met."""

    def __init__(self) -> None:
        self._slots = np.full(2 * FIRST_WORDS, -1, dtype=np.int32)
        self._ends = np.zeros(FIRST_WORDS, dtype=np.int64)
        self._times = np.zeros(FIRST_WORDS, dtype=np.int64)
        self._data = np.zeros(8 * FIRST_WORDS, dtype=np.uint8)
        self._state = np.zeros(2, dtype=np.int64)

    def __len__(self) -> int:
        return int(self._state[WORDS])

    @property
    def words(self) -> Texts:
        """The words, in no order that means anything."""
        offsets = np.concatenate([np.zeros(1, np.int64), self._ends[: len(self)]])
        return Texts(self._data[: offsets[-1]], offsets)

    @property
    def times(self) -> npt.NDArray[np.int64]:
        """How often each was met, (words,)."""
        return self._times[: len(self)]

    def copied(self) -> tuple[Texts, npt.NDArray[np.int64]]:
        """`words` and `times` in memory of their own, so that the table with its spare room can go."""
        words = self.words
        return Texts(words.data.copy(), words.offsets), self.times.copy()

    def add(self, texts: Texts) -> None:
        """Count the words of `texts`."""
        classes, text, at = character_classes(), 0, 0
        while True:
            text, at, needed = _count(
                texts.data, texts.offsets, classes, text, at,
                self._slots, self._ends, self._times, self._data, self._state,
            )  # fmt: skip
            if needed == 0:
                return
            self._grow(needed)

    def join(self, other: WordCounts) -> None:
        """Add what `other` counted."""
        words, word = other.words, 0
        while True:
            word, needed = _join(
                words.data, words.offsets, other.times, word,
                self._slots, self._ends, self._times, self._data, self._state,
            )  # fmt: skip
            if needed == 0:
                return
            self._grow(needed)

    def _grow(self, needed: int) -> None:
        """Room for one more word of `needed` bytes, and as much again."""
        if len(self) == len(self._ends):
            self._ends = np.concatenate([self._ends, np.zeros_like(self._ends)])
            self._times = np.concatenate([self._times, np.zeros_like(self._times)])
            self._slots = np.full(2 * len(self._slots), -1, dtype=np.int32)
            _refill(self._slots, self._ends, self._data, len(self))
        while self._state[BYTES] + needed > len(self._data):
            self._data = np.concatenate([self._data, np.zeros_like(self._data)])


def count_words(batches: Iterable[Texts], *, workers: int = 1) -> WordCounts:
    """The words of all `batches`, of which at most two for each of `workers` threads are in memory at a time."""
    tables = [WordCounts() for _ in range(workers)]
    if workers == 1:
        for texts in batches:
            tables[0].add(texts)
        return tables[0]
    character_classes()
    with ThreadPoolExecutor(workers) as pool:
        busy: dict[Future[None], WordCounts] = {}
        free = list(tables)
        for texts in batches:
            if not free:
                done, _ = wait(busy, return_when=FIRST_COMPLETED)
                for future in done:
                    future.result()
                    free.append(busy.pop(future))
            table = free.pop()
            busy[pool.submit(table.add, texts)] = table
        for future in busy:
            future.result()
    for table in tables[1:]:
        tables[0].join(table)
    return tables[0]


@numba.njit(cache=True, nogil=True)
def _count(data, offsets, classes, text, at, slots, ends, times, words, state) -> Any:  # type: ignore[no-untyped-def]
    """Count from byte `at` of text `text` on; where it stopped, and the bytes of the word that found no room, or 0."""
    while text < len(offsets) - 1:
        at = max(at, offsets[text])
        end = offsets[text + 1]
        while at < end:
            stop = word_end(data, at, end, classes)
            if not _add(data, at, stop, 1, slots, ends, times, words, state):
                return text, at, stop - at
            at = stop
        text += 1
    return text, at, 0


@numba.njit(cache=True, nogil=True)
def _join(data, offsets, more, word, slots, ends, times, words, state) -> Any:  # type: ignore[no-untyped-def]
    while word < len(offsets) - 1:
        begin, end = offsets[word], offsets[word + 1]
        if not _add(data, begin, end, more[word], slots, ends, times, words, state):
            return word, end - begin
        word += 1
    return word, 0


@numba.njit(cache=True, nogil=True)
def _add(data, begin, end, more, slots, ends, times, words, state) -> Any:  # type: ignore[no-untyped-def]
    """Meet the word `data[begin:end]` `more` times; False where there is no room for it."""
    mask = len(slots) - 1
    slot = _hash(data, begin, end) & mask
    size = end - begin
    while slots[slot] >= 0:
        known = slots[slot]
        start = ends[known - 1] if known else 0
        if ends[known] - start == size:
            same = True
            for k in range(size):
                if words[start + k] != data[begin + k]:
                    same = False
                    break
            if same:
                times[known] += more
                return True
        slot = (slot + 1) & mask
    number, used = state[WORDS], state[BYTES]
    if number == len(ends) or used + size > len(words):
        return False
    words[used : used + size] = data[begin:end]
    slots[slot], ends[number], times[number] = number, used + size, more
    state[WORDS], state[BYTES] = number + 1, used + size
    return True


@numba.njit(cache=True, nogil=True)
def _hash(data, begin, end) -> Any:  # type: ignore[no-untyped-def]
    value = FNV_START
    for k in range(begin, end):
        value = (value ^ np.uint64(data[k])) * FNV_PRIME
    return np.int64((value * SPREAD) >> np.uint64(32))


@numba.njit(cache=True, nogil=True)
def _refill(slots, ends, words, count) -> None:  # type: ignore[no-untyped-def]
    mask = len(slots) - 1
    for number in range(count):
        start = ends[number - 1] if number else 0
        slot = _hash(words, start, ends[number]) & mask
        while slots[slot] >= 0:
            slot = (slot + 1) & mask
        slots[slot] = number
