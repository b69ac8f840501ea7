"""The compiled pass over words: splits, counts and, if wanted, gathers what repetition is measured from.

Words of plain letters, with or without one sign behind them, are most of any text; they are counted as they are read.
Every other chunk goes through `splitting`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from ontogeny.data.signals.cases import case_of, is_cut, may_be_case, special_at
from ontogeny.data.signals.characters import ALPHA, DIGIT, HARD, LETTER, LOWER, SPACE, SUFFIX, SYMBOL
from ontogeny.data.signals.n_grams import measure_n_grams
from ontogeny.data.signals.reading import BASIS, PRIME, class_at, width_of
from ontogeny.data.signals.special_cases import STOP_SHIFT, STOP_WORDS
from ontogeny.data.signals.splitting import split_by_classes, split_chunk

_LEAST_ROOM = 1 << 12  # words; scratch grows to what the largest text needs and is used again for the next
_NO_BOUND = 1 << 62
_LONGEST_STOP_WORD = 4  # bytes
STOP_MASK = (1 << len(STOP_WORDS)) - 1
DOT = 0x2E

# Kinds of bytes, for reading plain words.
PLAIN, SIGN, BLANK = 1, 2, 4


@njit(cache=True, nogil=True)
def byte_kinds(classes: Any) -> Any:
    """(256,) uint8: letters of ASCII, its signs that come off the end of a word, its spaces; all else is 0."""
    kinds = np.zeros(256, np.uint8)
    for byte in range(128):
        kind = classes[byte]
        if kind & LETTER:
            kinds[byte] = PLAIN
        elif kind & SPACE:
            kinds[byte] = BLANK
        elif kind & SUFFIX or byte == DOT:
            kinds[byte] = SIGN
    return kinds


@njit(cache=True, nogil=True)
def pass_over_words(
    data: Any, offsets: Any, classes: Any, cases: Any, english: Any, out: Any, grams_out: Any
) -> None:
    """Fill `out` (n, 5) int64 and, unless it is empty, `grams_out` (n, 9) int64; columns as `words.py` names them."""
    repetition = len(grams_out) > 0
    kinds = byte_kinds(classes)
    hashes, before = np.empty(_LEAST_ROOM, np.uint64), np.empty(_LEAST_ROOM + 1, np.int32)
    ends, scratch, table = (
        np.empty(_LEAST_ROOM, np.int64),
        np.empty((3, 64), np.int32),
        np.empty(256, np.int32),
    )
    state = np.zeros(3, np.int64)
    for text in range(len(offsets) - 1):
        at, stop, row = offsets[text], offsets[text + 1], out[text]
        state[:] = 0
        before[0] = 0
        while True:
            at = _read_words(
                data, at, stop, kinds, classes, cases, english, repetition, hashes, before, ends, state, row
            )
            if at >= stop:
                break
            words, size = state[0], state[2]
            if repetition and words + size > len(hashes):
                hashes, before = _grown(hashes, before, words, size)
            if size > len(ends):
                ends = np.empty(2 * size, np.int64)
        if repetition:
            words = state[0]
            if scratch.shape[1] < words:
                scratch = np.empty((3, words + words // 4), np.int32)
            size = len(table)
            while size < 2 * words:
                size *= 2
            if size > len(table):
                table = np.empty(size, np.int32)
            measure_n_grams(hashes, before, words, scratch[0], scratch[1], scratch[2], table, grams_out[text])
        row[0] = state[0]
        row[4] = _bits(row[4])


@njit(cache=True, nogil=True)
def count_listed_words(data: Any, offsets: Any, classes: Any, cases: Any, listed: Any, out: Any) -> None:
    """How many different words of a list each text holds, into `out` (n,) int32.

    `listed` (m,) uint64 are the words' hashes (`special_cases.fnv`), sorted. Words are split as English ones are.
    """
    kinds = byte_kinds(classes)
    hashes, before = np.empty(_LEAST_ROOM, np.uint64), np.empty(_LEAST_ROOM + 1, np.int32)
    ends, state, row = np.empty(_LEAST_ROOM, np.int64), np.zeros(3, np.int64), np.zeros(5, np.int64)
    last_seen = np.full(len(listed), -1, np.int64)  # the number of the text that held it last
    for text in range(len(offsets) - 1):
        at, stop = offsets[text], offsets[text + 1]
        while True:
            state[:] = 0
            before[0] = 0
            at = _read_words(
                data, at, stop, kinds, classes, cases, True, True, hashes, before, ends, state, row
            )
            for word in range(state[0]):
                place = np.searchsorted(listed, hashes[word])
                if place < len(listed) and listed[place] == hashes[word] and last_seen[place] != text:
                    last_seen[place] = text
                    out[text] += 1
            if at >= stop:
                break
            size = state[2]
            if size > len(hashes):
                hashes, before = _grown(hashes, before, 0, size)
            if size > len(ends):
                ends = np.empty(2 * size, np.int64)


@njit(cache=True, nogil=True)
def _read_words(
    data: Any, at: Any, stop: Any, kinds: Any, classes: Any, cases: Any, english: Any, repetition: Any,
    hashes: Any, before: Any, ends: Any, state: Any, row: Any,
) -> Any:  # fmt: skip
    """Count the words of a text from `at` on into `row`; their hashes and the characters before each into scratch.

    Returns where it got to: `stop`, or the chunk that scratch has no room for, with its size in `state[2]`. `state`
    holds the words and their characters so far. (It does not make room itself: an array that a loop may put another
    in the place of is counted by reference every time round, and that costs more than reading a word.)
    """
    words, chars, room = state[0], state[1], len(hashes) if repetition else _NO_BOUND
    plain_words, plain_chars, stop_words = 0, 0, np.int64(0)
    while at < stop:
        if kinds[data[at]] == BLANK:
            at += 1
            continue
        start, value = at, BASIS
        while at < stop and kinds[data[at]] == PLAIN:
            value = (value ^ np.uint64(data[at])) * PRIME
            at += 1
        size = at - start
        plain = english and size and words + 2 <= room
        sign = _sign_after(data, start, at, stop, kinds, classes, cases) if plain else -1
        if sign >= 0:
            bits = case_of(value, cases) if may_be_case(data, start, size, cases) else np.int64(0)
            if not is_cut(bits):
                stop_words |= bits >> STOP_SHIFT & STOP_MASK
                if repetition:
                    hashes[words], before[words + 1] = value, chars + size
                    if sign:
                        hashes[words + 1] = (BASIS ^ np.uint64(data[at])) * PRIME
                        before[words + 2] = chars + size + 1
                chars += size + sign
                words += 1 + sign
                at += sign
                plain_words += 1
                plain_chars += size
                continue
        at, seen = _end_of_chunk(data, at, stop, classes)
        if at == start:  # a space that is not of ASCII
            at += width_of(data[at])
            continue
        size = at - start
        if words + size + 2 > room or size > len(ends):
            state[2], at = size + 2, start
            break
        seen |= ALPHA if size and kinds[data[start]] == PLAIN else 0
        pieces = _split(data, start, at, seen, classes, cases, english, ends)
        chars = _take_pieces(
            data, start, pieces, ends, classes, cases, repetition, hashes, before, words, chars, row
        )
        words += pieces
    state[0], state[1] = words, chars
    row[1] += plain_words
    row[2] += plain_chars
    row[3] += plain_words
    row[4] |= stop_words
    return at


@njit(cache=True, nogil=True)
def _sign_after(data: Any, start: Any, at: Any, stop: Any, kinds: Any, classes: Any, cases: Any) -> Any:
    """After plain letters from `start` to `at`: 0 if a space follows, 1 if a sign does and then a space, else -1."""
    if at == stop or kinds[data[at]] == BLANK:
        return 0
    if kinds[data[at]] != SIGN or (at + 1 < stop and kinds[data[at + 1]] != BLANK):
        return -1
    if data[at] != DOT:
        return 1
    # An abbreviation keeps its dot, and so does a single capital.
    lower = classes[data[at - 1]] & LOWER
    return 1 if lower and not may_be_case(data, start, at + 1 - start, cases) else -1


@njit(cache=True, nogil=True)
def _end_of_chunk(data: Any, at: Any, stop: Any, classes: Any) -> Any:
    """Where the next space is, and the bits of all characters before it."""
    seen = np.int64(0)
    while at < stop:
        kind = class_at(data, at, classes)
        if kind & SPACE:
            break
        seen |= kind
        at += width_of(data[at])
    return at, seen


@njit(cache=True, nogil=True)
def _split(
    data: Any, start: Any, end: Any, seen: Any, classes: Any, cases: Any, english: Any, ends: Any
) -> Any:
    """The words of a chunk with characters of these kinds, as `split_chunk` gives them."""
    if english:
        # Nothing in it splits: no sign, and no unit behind a number.
        if (
            not seen & HARD
            and not (seen & DIGIT and seen & ALPHA)
            and not special_at(data, start, end, cases)
        ):
            ends[0] = end
            return 1
        return split_chunk(data, start, end, classes, cases, ends)
    return split_by_classes(data, start, end, classes, ends)


@njit(cache=True, nogil=True)
def _take_pieces(
    data: Any, at: Any, pieces: Any, ends: Any, classes: Any, cases: Any, repetition: Any,
    hashes: Any, before: Any, words: Any, chars: Any, row: Any,
) -> Any:  # fmt: skip
    """Count the words that a chunk was split into; the characters of all words so far."""
    for piece in range(pieces):
        begin, end = at, ends[piece]
        value, seen, every, length = BASIS, np.int64(0), np.int64(-1), 0
        while at < end:
            kind = class_at(data, at, classes)
            seen |= kind
            every &= kind
            length += 1
            for _ in range(width_of(data[at])):
                value = (value ^ np.uint64(data[at])) * PRIME
                at += 1
        if end - begin <= _LONGEST_STOP_WORD:
            row[4] |= case_of(value, cases) >> STOP_SHIFT & STOP_MASK
        if repetition:
            hashes[words + piece] = value
            chars += length
            before[words + piece + 1] = chars
        row[3] += seen & LETTER != 0
        if not every & SYMBOL:
            row[1] += 1
            row[2] += length
    return chars


@njit(cache=True, nogil=True)
def _grown(hashes: Any, before: Any, words: Any, more: Any) -> Any:
    """Both with room for `more` words."""
    room = max(2 * len(hashes), words + more)
    new_hashes, new_before = np.empty(room, np.uint64), np.empty(room + 1, np.int32)
    new_hashes[:words] = hashes[:words]
    new_before[: words + 1] = before[: words + 1]
    return new_hashes, new_before


@njit(cache=True, nogil=True)
def _bits(value: Any) -> Any:
    count = 0
    while value:
        value &= value - 1
        count += 1
    return count
