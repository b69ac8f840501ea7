"""Words and shingles of a text, straight from its UTF-8: what every kind of duplicate removal here counts.

Text is folded as datatrove folds it before hashing (`utils/text.py` `simplify_text`, v0.10): lower case; a number, with
one decimal point or comma in it, is one symbol; punctuation and symbols separate; diacritics (combining marks of the
canonical decomposition) are removed. A word is a run between separators. datatrove then splits words with spaCy, which
parts "dont" no further but knows thousands of exceptions; a run is nearly the same and costs nothing. In scripts that
are written without spaces (Han, kana, Thai, Lao, Khmer, Burmese, Tibetan) every code point is a word.

A shingle is n words in a row, hashed to 64 bits; a text of fewer words is one shingle. Texts pass in blocks of
`BLOCK_WORDS`, so a text of any length needs the same memory.
"""

from __future__ import annotations

import itertools

import numpy as np
import numpy.typing as npt
from numba import njit

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
from ontogeny.data.texts import Texts

__all__ = [
    "BASE", "BLOCK_WORDS", "COMMA", "DIGIT", "FULL_STOP", "HALF", "MIX_1", "MIX_2", "NINE", "ONE", "OWN_WORD",
    "SEPARATOR", "SKIPPED", "TABLE_SIZE", "ZERO", "folding_table", "mixed", "next_shingles", "scan_words",
    "shingles_of",
]  # fmt: skip

BLOCK_WORDS = 1024
"""Words hashed at once: their hashes and shingles stay in the first-level cache."""

ZERO, ONE = np.uint64(0), np.uint64(1)


@njit(cache=True, nogil=True)
def mixed(value: np.uint64) -> np.uint64:
    """`value` with every bit depending on every other (the finaliser of MurmurHash3)."""
    value = (value ^ (value >> HALF)) * MIX_1
    value = (value ^ (value >> HALF)) * MIX_2
    return value ^ (value >> HALF)


@njit(cache=True, nogil=True)
def code_point(data: npt.NDArray[np.uint8], position: int) -> tuple[np.uint32, int]:
    """The code point of two bytes or more at `position`, and how many bytes it has."""
    lead = np.uint32(data[position])
    width = 4 if lead >= 0xF0 else 3 if lead >= 0xE0 else 2
    code = lead & np.uint32(0x7F >> width)
    for number in range(1, width):
        code = np.uint32(code << 6 | (data[position + number] & 0x3F))
    return np.uint32(code), width


@njit(cache=True, nogil=True)
def scan_words(
    data: npt.NDArray[np.uint8],
    position: int,
    end: int,
    table: npt.NDArray[np.uint32],
    hashes: npt.NDArray[np.uint64],
    starts: npt.NDArray[np.int64],
    ends: npt.NDArray[np.int64],
) -> tuple[int, int]:
    """Hash the words of `data[position:end]` until `hashes` (k,) is full; `starts` and `ends` say where each lies.

    Returns where to go on, and how many words there were. The place to go on is never inside a word.
    """
    count, length, word, start, last = 0, 0, ZERO, position, position
    number = 0  # 1 in a number, 2 after its decimal separator
    while position < end:
        byte = data[position]
        code, width = (np.uint32(byte), 1) if byte < 0x80 else code_point(data, position)
        symbol = np.uint32(table[code]) if code < TABLE_SIZE else np.uint32(code | OWN_WORD)
        if symbol == SKIPPED:
            position += width
            continue
        if symbol == SEPARATOR or symbol & OWN_WORD:
            decimal = byte in (FULL_STOP, COMMA) and number == 1 and position + 1 < end
            if decimal and DIGIT <= data[position + 1] <= NINE:
                number = 2
                position += 1
                continue
            if length > 0:
                hashes[count], starts[count], ends[count] = mixed(word), start, last
                count, length, word, number = count + 1, 0, ZERO, 0
                if count == len(hashes):
                    return position, count
            position += width
            if symbol & OWN_WORD:
                hashes[count] = mixed((np.uint64(symbol) + ONE) * BASE)
                starts[count], ends[count] = position - width, position
                count += 1
                if count == len(hashes):
                    return position, count
            continue
        if symbol != DIGIT or number == 0:
            if length == 0:
                start = position
            word = (word + np.uint64(symbol) + ONE) * BASE
            length += 1
        number = max(number, 1) if symbol == DIGIT else 0
        position += width
        last = position
    if length > 0:
        hashes[count], starts[count], ends[count] = mixed(word), start, last
        count += 1
    return end, count


@njit(cache=True, nogil=True)
def next_shingles(
    data: npt.NDArray[np.uint8],
    position: int,
    end: int,
    table: npt.NDArray[np.uint32],
    n_gram: int,
    words: npt.NDArray[np.uint64],
    places: npt.NDArray[np.int64],
    state: npt.NDArray[np.uint64],
    shingles: npt.NDArray[np.uint64],
) -> tuple[int, int]:
    """The shingles that end in the next block of words; where to go on, and how many there are.

    `words` (n_gram + BLOCK_WORDS,) begins with the last words of the block before, `state` (2,) is the rolling hash and
    the number of words seen; both are zero at the start of a text. `places` (2, BLOCK_WORDS) and `shingles`
    (BLOCK_WORDS,) are written to.
    """
    position, count = scan_words(data, position, end, table, words[n_gram:], places[0], places[1])
    rolling, seen, made = state[0], int(state[1]), 0
    leaving = ONE
    for _ in range(n_gram):
        leaving = leaving * BASE
    for number in range(count):
        rolling = rolling * BASE + words[n_gram + number] - words[number] * leaving
        seen += 1
        if seen >= n_gram:
            shingles[made] = mixed(rolling)
            made += 1
    for number in range(n_gram):
        words[number] = words[count + number]
    state[0], state[1] = rolling, np.uint64(seen)
    if position >= end and 0 < seen < n_gram:
        shingles[0] = mixed(rolling)
        made = 1
    return position, made


def shingles_of(texts: Texts, n_gram: int) -> list[npt.NDArray[np.uint64]]:
    """The shingles of each text in the order of the text, repeats included."""
    table = folding_table()
    bounds = texts.offsets.tolist()
    return [_shingles(texts.data, start, end, table, n_gram) for start, end in itertools.pairwise(bounds)]


@njit(cache=True, nogil=True)
def _shingles(
    data: npt.NDArray[np.uint8], start: int, end: int, table: npt.NDArray[np.uint32], n_gram: int
) -> npt.NDArray[np.uint64]:
    words = np.zeros(n_gram + BLOCK_WORDS, dtype=np.uint64)
    places = np.empty((2, BLOCK_WORDS), dtype=np.int64)
    state = np.zeros(2, dtype=np.uint64)
    block = np.empty(BLOCK_WORDS, dtype=np.uint64)
    found = np.empty((end - start) // 2 + 1, dtype=np.uint64)
    total, position = 0, start
    while position < end:
        position, made = next_shingles(data, position, end, table, n_gram, words, places, state, block)
        found[total : total + made] = block[:made]
        total += made
    return found[:total].copy()
