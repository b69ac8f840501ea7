"""Which pairs to merge: byte-pair encoding (arXiv 1508.07909, algorithm 1) over counted words.

At each turn the most frequent pair of neighbours becomes one entry; of pairs equally frequent, the one whose first
entry was made earlier, then the one whose second was. That is the order of `tokenizers`, so both learn the same merges.

Every pair knows its count and the words it may stand in. A merge visits only those words and changes the counts of the
neighbours there; a heap gives the next pair, and an entry of the heap that is out of date is put right when it comes
up. Counts are 64-bit: the pairs of a terabyte do not overflow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
import numpy.typing as npt

from ontogeny.data.texts import Texts

PAIRS, NODES, FREE, TOUCHED, HEAP = range(5)  # places in the state: how much of each array is used
FIRST_PAIRS = 1 << 17  # above the 65,536 pairs that bytes can form
NONE = -1
MIX = np.uint64(0x9E3779B97F4A7C15)  # 2**64 / golden ratio


@dataclass(frozen=True)
class Merges:
    """`entries[i]` are the bytes of entry i; `pairs` are what was merged, in order."""

    entries: list[bytes]
    pairs: list[tuple[int, int]]


def learn_merges(
    words: Texts, times: npt.NDArray[np.int64], *, alphabet: Sequence[bytes], size: int, least: int
) -> Merges:
    """Merges until there are `size` entries, or until no pair is met `least` times.

    `alphabet` are the first entries, each single byte among them; `times` (words,) says how often each word was met.
    """
    entries = list(alphabet)
    numbers = {entry: number for number, entry in enumerate(entries)}
    of_byte = np.array([numbers[bytes([byte])] for byte in range(256)], dtype=np.int32)
    index = _PairIndex(words, times, of_byte)
    pairs: list[tuple[int, int]] = []
    while len(entries) < size:
        found = index.most_frequent(least)
        if found == NONE:
            break
        left, right = index.entries_of(found)
        merged = entries[left] + entries[right]
        number = numbers.setdefault(merged, len(entries))  # two ways to the same bytes are one entry
        if number == len(entries):
            entries.append(merged)
        pairs.append((left, right))
        index.merge(found, number)
    return Merges(entries, pairs)


class _PairIndex:
    """All pairs of neighbours, and the words each may stand in: a linked list of nodes for each pair."""

    def __init__(self, words: Texts, times: npt.NDArray[np.int64], of_byte: npt.NDArray[np.int32]) -> None:
        self._symbols = of_byte[words.data]
        self._begins, self._sizes, self._times = words.offsets[:-1], words.sizes.astype(np.int32), times
        self._keys = np.zeros(FIRST_PAIRS, np.uint64)
        self._counts = np.zeros(FIRST_PAIRS, np.int64)
        self._heads = np.full(FIRST_PAIRS, NONE, np.int32)
        self._touched = np.zeros(FIRST_PAIRS, np.int32)
        self._marks = np.zeros(FIRST_PAIRS, np.bool_)
        self._slots = np.full(2 * FIRST_PAIRS, NONE, np.int32)
        nodes = len(self._symbols) + 1
        self._node_words, self._node_nexts = np.zeros(nodes, np.int32), np.zeros(nodes, np.int32)
        self._heap_counts, self._heap_pairs = np.zeros(FIRST_PAIRS, np.int64), np.zeros(FIRST_PAIRS, np.int32)
        self._state = np.array([0, 0, NONE, 0, 0], np.int64)
        _count_pairs(self._symbols, self._begins, self._sizes, self._times, *self._table)
        self._push()

    @property
    def _table(self) -> tuple[npt.NDArray[Any], ...]:
        return (
            self._keys, self._counts, self._heads, self._touched, self._marks, self._slots,
            self._node_words, self._node_nexts, self._state,
        )  # fmt: skip

    def most_frequent(self, least: int) -> int:
        """The pair to merge next, or NONE."""
        return int(
            _pop(self._heap_counts, self._heap_pairs, self._keys, self._counts, self._state, np.int64(least))
        )

    def entries_of(self, pair: int) -> tuple[int, int]:
        key = int(self._keys[pair])
        return key >> 32, key & 0xFFFFFFFF

    def merge(self, pair: int, number: int) -> None:
        """Put entry `number` wherever `pair` stands."""
        while True:
            needed = _merge(pair, number, self._symbols, self._begins, self._sizes, self._times, *self._table)
            if needed == 0:
                break
            self._grow(int(needed))
        self._push()

    def _push(self) -> None:
        while self._state[HEAP] + self._state[TOUCHED] > len(self._heap_counts):
            self._heap_counts = _longer(self._heap_counts)
            self._heap_pairs = _longer(self._heap_pairs)
        _push(
            self._heap_counts,
            self._heap_pairs,
            self._keys,
            self._counts,
            self._touched,
            self._marks,
            self._state,
        )

    def _grow(self, needed: int) -> None:
        """Room for `needed` more pairs and nodes."""
        while self._state[PAIRS] + needed > len(self._keys):
            self._keys, self._counts = _longer(self._keys), _longer(self._counts)
            self._heads = _longer(self._heads)
            self._touched, self._marks = _longer(self._touched), _longer(self._marks)
            self._slots = np.full(2 * len(self._keys), NONE, np.int32)
            _refill(self._slots, self._keys, self._state[PAIRS])
        while self._state[NODES] + needed > len(self._node_words):
            self._node_words, self._node_nexts = _longer(self._node_words), _longer(self._node_nexts)


def _longer(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Half as long again, zeros at the end for now."""
    return np.concatenate([array, np.zeros(len(array) // 2 + 1, array.dtype)])


@numba.njit(cache=True, nogil=True)
def _count_pairs(  # type: ignore[no-untyped-def]
    symbols, begins, sizes, times, keys, counts, heads, touched, marks, slots, node_words, node_nexts, state
) -> None:
    for word in range(len(begins)):
        begin = begins[word]
        for at in range(begin, begin + sizes[word] - 1):
            _meet(
                symbols[at], symbols[at + 1], times[word], word,
                keys, counts, heads, touched, marks, slots, node_words, node_nexts, state,
            )  # fmt: skip


@numba.njit(cache=True, nogil=True)
def _merge(  # type: ignore[no-untyped-def]
    pair,
    number,
    symbols,
    begins,
    sizes,
    times,
    keys,
    counts,
    heads,
    touched,
    marks,
    slots,
    node_words,
    node_nexts,
    state,
) -> Any:
    """Merge `pair` in every word of its list; the room that the next word may need where it is not there, else 0."""
    left, right = np.int32(keys[pair] >> np.uint64(32)), np.int32(keys[pair] & np.uint64(0xFFFFFFFF))
    while heads[pair] != NONE:
        node = heads[pair]
        word = node_words[node]
        needed = 2 * np.int64(sizes[word])
        if state[PAIRS] + needed > len(keys) or state[NODES] + needed > len(node_words):
            return needed
        heads[pair] = node_nexts[node]
        node_nexts[node] = state[FREE]
        state[FREE] = node
        begin, size, more = begins[word], sizes[word], times[word]
        out, at = begin, begin
        while at < begin + size:
            if at + 1 < begin + size and symbols[at] == left and symbols[at + 1] == right:
                if out > begin:
                    _leave(symbols[out - 1], left, more, keys, counts, slots)
                    _meet(
                        symbols[out - 1], number, more, word,
                        keys, counts, heads, touched, marks, slots, node_words, node_nexts, state,
                    )  # fmt: skip
                if at + 2 < begin + size:
                    _leave(right, symbols[at + 2], more, keys, counts, slots)
                    _meet(
                        number, symbols[at + 2], more, word,
                        keys, counts, heads, touched, marks, slots, node_words, node_nexts, state,
                    )  # fmt: skip
                symbols[out] = number
                at += 2
            else:
                symbols[out] = symbols[at]
                at += 1
            out += 1
        sizes[word] = out - begin
    counts[pair] = 0
    return 0


@numba.njit(cache=True, nogil=True, inline="always")
def _slot_of(key, keys, slots) -> Any:  # type: ignore[no-untyped-def]
    """Where `key` is, or would go."""
    mixed = key * MIX
    slot = np.int64(mixed >> np.uint64(20)) % len(slots)
    while slots[slot] != NONE and keys[slots[slot]] != key:
        slot = slot + 1 if slot + 1 < len(slots) else np.int64(0)
    return slot


@numba.njit(cache=True, nogil=True)
def _meet(  # type: ignore[no-untyped-def]
    left, right, more, word, keys, counts, heads, touched, marks, slots, node_words, node_nexts, state
) -> None:
    """`left` and `right` are neighbours in `word`, which was met `more` times."""
    key = np.uint64(left) << np.uint64(32) | np.uint64(right)
    slot = _slot_of(key, keys, slots)
    pair = slots[slot]
    if pair == NONE:
        pair = state[PAIRS]
        state[PAIRS] += 1
        slots[slot], keys[pair], counts[pair], heads[pair], marks[pair] = pair, key, 0, NONE, False
    counts[pair] += more
    if not marks[pair]:
        marks[pair] = True
        touched[state[TOUCHED]] = pair
        state[TOUCHED] += 1
    if heads[pair] != NONE and node_words[heads[pair]] == word:
        return
    node = state[FREE]
    if node == NONE:
        node = state[NODES]
        state[NODES] += 1
    else:
        state[FREE] = node_nexts[node]
    node_words[node], node_nexts[node], heads[pair] = word, heads[pair], node


@numba.njit(cache=True, nogil=True, inline="always")
def _leave(left, right, less, keys, counts, slots) -> None:  # type: ignore[no-untyped-def]
    """`left` and `right` are no longer neighbours in a word that was met `less` times."""
    key = np.uint64(left) << np.uint64(32) | np.uint64(right)
    counts[slots[_slot_of(key, keys, slots)]] -= less


@numba.njit(cache=True, nogil=True)
def _refill(slots, keys, count) -> None:  # type: ignore[no-untyped-def]
    for pair in range(count):
        slots[_slot_of(keys[pair], keys, slots)] = pair


@numba.njit(cache=True, nogil=True, inline="always")
def _before(heap_counts, heap_pairs, keys, one, other) -> Any:  # type: ignore[no-untyped-def]
    """Whether heap entry `one` is merged before `other`."""
    if heap_counts[one] != heap_counts[other]:
        return heap_counts[one] > heap_counts[other]
    return keys[heap_pairs[one]] < keys[heap_pairs[other]]


@numba.njit(cache=True, nogil=True)
def _push(heap_counts, heap_pairs, keys, counts, touched, marks, state) -> None:  # type: ignore[no-untyped-def]
    """Bring the touched pairs into the heap."""
    for k in range(state[TOUCHED]):
        pair = touched[k]
        marks[pair] = False
        at = state[HEAP]
        heap_counts[at], heap_pairs[at] = counts[pair], pair
        state[HEAP] += 1
        while at > 0 and _before(heap_counts, heap_pairs, keys, at, (at - 1) // 2):
            _swap(heap_counts, heap_pairs, at, (at - 1) // 2)
            at = (at - 1) // 2
    state[TOUCHED] = 0


@numba.njit(cache=True, nogil=True)
def _pop(heap_counts, heap_pairs, keys, counts, state, least) -> Any:  # type: ignore[no-untyped-def]
    """Take the pair with the highest count that is true; NONE where that is below `least`."""
    while state[HEAP] > 0:
        pair, now = heap_pairs[0], counts[heap_pairs[0]]
        found = heap_counts[0] == now
        if found and now < least:
            return NONE
        if found or now < least:
            state[HEAP] -= 1
            heap_counts[0], heap_pairs[0] = heap_counts[state[HEAP]], heap_pairs[state[HEAP]]
        else:
            heap_counts[0] = now
        _sift_down(heap_counts, heap_pairs, keys, state[HEAP])
        if found:
            return pair
    return NONE


@numba.njit(cache=True, nogil=True)
def _sift_down(heap_counts, heap_pairs, keys, size) -> None:  # type: ignore[no-untyped-def]
    at = 0
    while True:
        first = at
        for child in (2 * at + 1, 2 * at + 2):
            if child < size and _before(heap_counts, heap_pairs, keys, child, first):
                first = child
        if first == at:
            return
        _swap(heap_counts, heap_pairs, at, first)
        at = first


@numba.njit(cache=True, nogil=True, inline="always")
def _swap(heap_counts, heap_pairs, one, other) -> None:  # type: ignore[no-untyped-def]
    heap_counts[one], heap_counts[other] = heap_counts[other], heap_counts[one]
    heap_pairs[one], heap_pairs[other] = heap_pairs[other], heap_pairs[one]
