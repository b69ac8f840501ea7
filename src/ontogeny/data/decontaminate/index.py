"""The n-grams of evaluation items, and the pass over texts that finds them.

An item gives two entries: its question (a short one together with its answer, since "What is a virus?" alone is
anybody's) and its passage. N-grams of words lead to the entries that hold them. Words are folded as for duplicates
(`signals.shingles`), but digits stay what they are: problems of arithmetic differ in nothing else.

N-grams that stand in the questions of more than `max_items` different items ("which of the following is ...") are
templates and propose nothing.
"""

from __future__ import annotations

import functools
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from numba import njit

from ontogeny.data.decontaminate.items import Item
from ontogeny.data.signals.shingles import (
    BASE,
    BLOCK_WORDS,
    DIGIT,
    ONE,
    ZERO,
    folding_table,
    scan_words,
)
from ontogeny.data.texts import Texts

SHORT_QUESTION = 8
"""Words below which a question counts only together with its answer: the shortest n-gram of GPT-3's decontamination
(Brown et al., arXiv:2005.14165, appendix C: between 8 and 13)."""
SHORT_N_GRAM = 5
"""Words of the n-grams of entries shorter than two of the usual ones: an edit in the middle leaves those no n-gram of
eight. Entries that are shorter still cannot be told from chance."""
LEAST_NEAR = 4
"""Trigrams that must be left for the closer look when those of templates are set aside; else all count."""
NEAR_N_GRAM = 3
"""Words of the n-grams that the closer look counts: an edit of every tenth word leaves 0.9^3 = 73% of them."""
DIGITS_AT = 0x110000
"""Symbols of the digits 0 to 9: beyond the last code point, so that none of them is the number symbol."""
BITS_PER_KEY = 16
"""Of the bitmap asked first: of 16 n-grams not in the index one passes on to the table of keys."""
QUESTION, CONTEXT = 0, 1
FEW_GRAMS = 2
"""An n-gram counts as two hits where an entry that it leads to has no more than these: it must be found by one."""

UInt64s = npt.NDArray[np.uint64]
Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Entry:
    """A text of an item to be found: its role, its word hashes (w,), and its distinct near n-grams, sorted."""

    item: int
    role: int
    words: UInt64s
    near: UInt64s


@dataclass(frozen=True, eq=False)
class OverlapIndex:
    """Entries and their n-grams.

    `lengths` are the words of long and short n-grams. `keys` (2^b,) and `slots` (2^b,) are an open hash table from an
    n-gram to its number; `bitmap` says no quickly. N-gram g leads to `entry[first[g]:first[g + 1]]` and stands at
    word `place[...]` of each; as how many hits it counts, `weight[g]` says. `answers[i]` are item i's answers
    as word hashes. Of the items `untold` the question is too short, or shared by too many, to be told from chance.
    """

    items: tuple[Item, ...]
    lengths: tuple[int, int]
    entries: tuple[Entry, ...]
    keys: UInt64s
    slots: Int32s
    bitmap: UInt64s
    first: Int64s
    entry: Int32s
    place: Int32s
    weight: Int32s
    answers: tuple[tuple[UInt64s, ...], ...]
    untold: tuple[int, ...]

    @property
    def grams(self) -> int:
        """How many n-grams propose."""
        return len(self.first) - 1


@functools.cache
def word_table() -> npt.NDArray[np.uint32]:
    """`folding_table` with every digit a letter of its own."""
    table = folding_table().copy()
    for code in np.flatnonzero(table == DIGIT):
        table[code] = DIGITS_AT + unicodedata.digit(chr(code), 0)
    table.flags.writeable = False
    return table


def words_of(text: str) -> UInt64s:
    """The hash of each word of a text, (w,)."""
    return words_in(np.frombuffer(text.encode(), dtype=np.uint8), 0, len(text.encode()))


def words_in(data: npt.NDArray[np.uint8], start: int, end: int) -> UInt64s:
    """The hash of each word of `data[start:end]`, (w,)."""
    hashes, _, _ = located_words(data, start, end)
    return hashes.copy()


def located_words(data: npt.NDArray[np.uint8], start: int, end: int) -> tuple[UInt64s, Int64s, Int64s]:
    """The hash of each word of `data[start:end]`, (w,), and where in `data` it begins and ends."""
    hashes = np.empty((end - start) // 2 + 2, dtype=np.uint64)
    starts, ends = np.empty_like(hashes, dtype=np.int64), np.empty_like(hashes, dtype=np.int64)
    _, count = scan_words(data, start, end, word_table(), hashes, starts, ends)
    return hashes[:count], starts[:count], ends[:count]


@njit(cache=True, nogil=True)
def n_grams(words: npt.NDArray[np.uint64], n_gram: int) -> npt.NDArray[np.uint64]:
    """The n-grams of `words` (w,), (w - n_gram + 1,) or empty; odd, since zero is no key.

    A polynomial in the hashes of words, which are mixed already: its bits need no more mixing.
    """
    made = np.empty(max(len(words) - n_gram + 1, 0), dtype=np.uint64)
    leaving, rolling = ONE, ZERO
    for _ in range(n_gram):
        leaving = leaving * BASE
    for number in range(len(words)):
        rolling = rolling * BASE + words[number]
        if number >= n_gram:
            rolling = rolling - words[number - n_gram] * leaving
        if number >= n_gram - 1:
            made[number - n_gram + 1] = rolling | ONE
    return made


def build_index(items: Iterable[Item], *, n_gram: int, max_items: int) -> OverlapIndex:
    """The index of `items`."""
    kept = tuple(items)
    entries: list[Entry] = []
    answers: list[tuple[UInt64s, ...]] = []
    for number, item in enumerate(kept):
        told = tuple(words_of(answer) for answer in item.answers)
        answers.append(tuple(each for each in told if len(each)))
        question = words_of(item.question)
        if len(question) < SHORT_QUESTION and answers[-1]:
            entries += [_entry(number, QUESTION, np.concatenate([question, each])) for each in answers[-1]]
        else:
            entries.append(_entry(number, QUESTION, question))
        if item.context:
            entries.append(_entry(number, CONTEXT, words_of(item.context)))
    key, owner, place = _grams(entries, n_gram)
    templates = _templates(entries, key, owner, max_items)
    keep = ~np.isin(key, templates)
    entries = _without_templates(entries, owner[~keep], place[~keep], n_gram)
    key, owner, place = key[keep], owner[keep], place[keep]
    order = np.argsort(key, kind="stable")
    key, owner, place = key[order], owner[order], place[order]
    distinct, first = np.unique(key, return_index=True)
    keys, slots, bitmap = _table(distinct)
    matched = {entries[each].item for each in np.unique(owner).tolist() if entries[each].role == QUESTION}
    return OverlapIndex(
        items=kept,
        lengths=(n_gram, SHORT_N_GRAM),
        entries=tuple(entries),
        keys=keys,
        slots=slots,
        bitmap=bitmap,
        first=np.append(first, len(key)).astype(np.int64),
        entry=owner,
        place=place,
        weight=_weights(owner, first, len(entries)),
        answers=tuple(answers),
        untold=tuple(number for number in range(len(kept)) if number not in matched),
    )


def _entry(item: int, role: int, words: UInt64s) -> Entry:
    return Entry(item, role, words, np.unique(n_grams(words, min(NEAR_N_GRAM, max(len(words), 1)))))


def _weights(owner: Int32s, first: Int64s, entries: int) -> Int32s:
    """As how many hits each n-gram counts, (g,): those of `owner` from `first[g]` on hold it."""
    few = np.bincount(owner, minlength=entries) <= FEW_GRAMS
    alone = np.logical_or.reduceat(few[owner], first) if len(first) else np.zeros(0, dtype=np.bool_)
    return np.where(alone, 2, 1).astype(np.int32)


def _length(entry: Entry, n_gram: int) -> int:
    """Words of the n-grams that lead to an entry."""
    return n_gram if len(entry.words) >= 2 * n_gram else SHORT_N_GRAM


def _grams(entries: list[Entry], n_gram: int) -> tuple[UInt64s, Int32s, Int32s]:
    """Every distinct n-gram of every entry: its key, the entry, and where it first stands."""
    keys, owners, places = [np.zeros(0, np.uint64)], [np.zeros(0, np.int32)], [np.zeros(0, np.int32)]
    for number, entry in enumerate(entries):
        found, at = np.unique(n_grams(entry.words, _length(entry, n_gram)), return_index=True)
        keys.append(found)
        owners.append(np.full(len(found), number, dtype=np.int32))
        places.append(at.astype(np.int32))
    return np.concatenate(keys), np.concatenate(owners), np.concatenate(places)


def _templates(entries: list[Entry], key: UInt64s, owner: Int32s, max_items: int) -> UInt64s:
    """N-grams in more than `max_items` questions that differ; copies of a question count as one."""
    identity: dict[bytes, int] = {}
    for number, entry in enumerate(entries):
        if entry.role == QUESTION:
            identity.setdefault(entry.words.tobytes(), number)
    firsts = np.zeros(len(entries), dtype=np.bool_)
    firsts[list(identity.values())] = True
    distinct, count = np.unique(key[firsts[owner]], return_counts=True)
    return distinct[count > max_items]


def _without_templates(entries: list[Entry], owner: Int32s, place: Int32s, n_gram: int) -> list[Entry]:
    """`entries` whose near n-grams are those outside of templates, whose n-grams begin at `place` of `owner`."""
    cleaned = list(entries)
    order = np.argsort(owner, kind="stable")
    bounds = np.flatnonzero(np.diff(owner[order], prepend=-1, append=-1))
    for here in (order[a:b] for a, b in pairwise(bounds)):
        entry = entries[owner[here[0]]]
        near = n_grams(entry.words, NEAR_N_GRAM)
        own = np.ones(len(near), dtype=np.bool_)
        for begin in place[here].tolist():
            own[begin : begin + _length(entry, n_gram) - NEAR_N_GRAM + 1] = False
        if own.sum() >= LEAST_NEAR:
            cleaned[owner[here[0]]] = replace(entry, near=np.unique(near[own]))
    return cleaned


def _table(distinct: UInt64s) -> tuple[UInt64s, Int32s, UInt64s]:
    """An open hash table of at most half its places, and a bitmap. Zero is no key: keys are odd."""
    size = 1 << max(4, (2 * len(distinct)).bit_length())
    keys, slots = np.zeros(size, dtype=np.uint64), np.zeros(size, dtype=np.int32)
    bits = 1 << max(12, (BITS_PER_KEY * len(distinct)).bit_length())
    bitmap = np.zeros(bits // 64, dtype=np.uint64)
    _fill(distinct, keys, slots, bitmap)
    return keys, slots, bitmap


@njit(cache=True, nogil=True)
def _fill(
    distinct: npt.NDArray[np.uint64],
    keys: npt.NDArray[np.uint64],
    slots: npt.NDArray[np.int32],
    bitmap: npt.NDArray[np.uint64],
) -> None:
    last = np.uint64(len(keys) - 1)
    for number in range(len(distinct)):
        key = distinct[number]
        slot = (key >> ONE) & last
        while keys[slot] != ZERO:
            slot = (slot + ONE) & last
        keys[slot], slots[slot] = key, number
        bit = key >> np.uint64(24)
        word = (bit >> np.uint64(6)) & np.uint64(len(bitmap) - 1)
        bitmap[word] |= ONE << (bit & np.uint64(63))


@njit(cache=True, nogil=True)
def gram_of(
    key: np.uint64,
    keys: npt.NDArray[np.uint64],
    slots: npt.NDArray[np.int32],
    bitmap: npt.NDArray[np.uint64],
) -> int:
    """The number of the n-gram `key`, or -1."""
    bit = key >> np.uint64(24)
    word = (bit >> np.uint64(6)) & np.uint64(len(bitmap) - 1)
    if (bitmap[word] >> (bit & np.uint64(63))) & ONE == ZERO:
        return -1
    last = np.uint64(len(keys) - 1)
    slot = (key >> ONE) & last
    while keys[slot] != ZERO:
        if keys[slot] == key:
            return int(slots[slot])
        slot = (slot + ONE) & last
    return -1


def count_hits(texts: Texts, index: OverlapIndex) -> Int32s:
    """How many different n-grams of the index stand in each text, by their weights, (n,)."""
    hits = np.zeros(len(texts), dtype=np.int32)
    if index.grams:
        _count(
            texts.data,
            texts.offsets,
            word_table(),
            index.lengths,
            index.keys,
            index.slots,
            index.bitmap,
            index.weight,
            np.full(index.grams, -1, dtype=np.int32),
            hits,
        )
    return hits


@njit(cache=True, nogil=True)
def _count(
    data: npt.NDArray[np.uint8],
    offsets: npt.NDArray[np.int64],
    table: npt.NDArray[np.uint32],
    lengths: tuple[int, int],
    keys: npt.NDArray[np.uint64],
    slots: npt.NDArray[np.int32],
    bitmap: npt.NDArray[np.uint64],
    weight: npt.NDArray[np.int32],
    seen: npt.NDArray[np.int32],
    hits: npt.NDArray[np.int32],
) -> None:
    long, short = lengths
    words = np.zeros(long + BLOCK_WORDS, dtype=np.uint64)
    starts, ends = np.empty(BLOCK_WORDS, dtype=np.int64), np.empty(BLOCK_WORDS, dtype=np.int64)
    long_leaving, short_leaving = ONE, ONE
    for _ in range(long):
        long_leaving = long_leaving * BASE
    for _ in range(short):
        short_leaving = short_leaving * BASE
    for text in range(len(offsets) - 1):
        words[:long] = ZERO
        long_rolling, short_rolling, passed = ZERO, ZERO, 0
        position, end = offsets[text], offsets[text + 1]
        while position < end:
            position, count = scan_words(data, position, end, table, words[long:], starts, ends)
            for number in range(long, long + count):
                word = words[number]
                long_rolling = long_rolling * BASE + word - words[number - long] * long_leaving
                short_rolling = short_rolling * BASE + word - words[number - short] * short_leaving
                passed += 1
                if passed >= long:
                    gram = gram_of(long_rolling | ONE, keys, slots, bitmap)
                    if gram >= 0 and seen[gram] != text:
                        seen[gram] = text
                        hits[text] += weight[gram]
                if passed >= short:
                    gram = gram_of(short_rolling | ONE, keys, slots, bitmap)
                    if gram >= 0 and seen[gram] != text:
                        seen[gram] = text
                        hits[text] += weight[gram]
            for number in range(long):
                words[number] = words[count + number]


@njit(cache=True, nogil=True)
def find_hits(
    words: npt.NDArray[np.uint64],
    lengths: tuple[int, int],
    keys: npt.NDArray[np.uint64],
    slots: npt.NDArray[np.int32],
    bitmap: npt.NDArray[np.uint64],
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """Every n-gram of the index in `words` (w,): its number and the word it begins at."""
    gram = np.empty(2 * len(words), dtype=np.int32)
    at = np.empty(2 * len(words), dtype=np.int32)
    made = 0
    for length in lengths:
        found = n_grams(words, length)
        for place in range(len(found)):
            number = gram_of(found[place], keys, slots, bitmap)
            if number >= 0:
                gram[made], at[made] = number, place
                made += 1
    return gram[:made].copy(), at[:made].copy()
