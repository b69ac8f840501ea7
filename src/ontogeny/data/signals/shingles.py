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

import functools
import itertools
import unicodedata

import numpy as np
import numpy.typing as npt
from numba import njit

from ontogeny.data.texts import Texts

SEPARATOR, SKIPPED, DIGIT = 0, 1, 0x30
"""Symbols of the folding table: the end of a word, nothing at all, a digit of any script. Others are code points."""

OWN_WORD = 1 << 31
"""Set in the symbol of a code point that is a word of its own."""

TABLE_SIZE = 0x20000
"""Code points in the table: the first two planes. Those beyond are nearly all Han, and words of their own."""

BLOCK_WORDS = 1024
"""Words hashed at once: their hashes and shingles stay in the first-level cache."""

UNSPACED = (
    (0x0E00, 0x0EFF),  # Thai, Lao
    (0x0F00, 0x109F),  # Tibetan, Burmese
    (0x1780, 0x17FF),  # Khmer
    (0x2E80, 0x2FDF),  # Han radicals
    (0x3040, 0x30FF),  # kana
    (0x31F0, 0x31FF),  # small kana
    (0x3400, 0x4DBF),  # Han, extension A
    (0x4E00, 0x9FFF),  # Han
    (0xAA60, 0xAA7F),  # Burmese, extension A
    (0xF900, 0xFAFF),  # Han, compatibility
    (0x1B000, 0x1B16F),  # historic kana
)
"""Blocks of the Unicode standard whose scripts put no spaces between words."""

# Odd 64-bit constants: the golden ratio (Knuth 6.4), and those of MurmurHash3's 64-bit finaliser (Appleby 2011).
BASE = np.uint64(0x9E3779B97F4A7C15)
MIX_1, MIX_2 = np.uint64(0xFF51AFD7ED558CCD), np.uint64(0xC4CEB9FE1A85EC53)
HALF = np.uint64(33)
ZERO, ONE = np.uint64(0), np.uint64(1)
FULL_STOP, COMMA, NINE = 0x2E, 0x2C, 0x39


@functools.cache
def folding_table() -> npt.NDArray[np.uint32]:
    """What each code point counts as, (TABLE_SIZE,); made once a process, in about a tenth of a second."""
    table = np.zeros(TABLE_SIZE, dtype=np.uint32)
    for code in range(TABLE_SIZE):
        table[code] = _symbol(chr(code))
    for first, last in UNSPACED:
        letters = table[first : last + 1]
        letters[(letters > SKIPPED) & (letters != DIGIT)] |= np.uint32(OWN_WORD)
    table.flags.writeable = False
    return table


def _symbol(character: str) -> int:
    category = unicodedata.category(character)
    if category == "Nd":
        return DIGIT
    if category in {"Mn", "Cf"}:  # combining marks; soft hyphens and joiners
        return SKIPPED
    if category[0] in "PSZC":
        return SEPARATOR
    lower = character.lower().replace("ς", "σ")  # Greek has two small sigmas, by place in the word
    bases = [each for each in unicodedata.normalize("NFD", lower) if unicodedata.category(each) != "Mn"]
    # A syllable of Hangul decomposes into several letters: as a symbol it stands for all of them.
    return ord(bases[0]) if len(bases) == 1 else ord(lower[0])


@njit(cache=True, nogil=True)
def mixed(value: np.uint64) -> np.uint64:
    """`value` with every bit depending on every other (the finaliser of MurmurHash3)."""
    value = (value ^ (value >> HALF)) * MIX_1
    value = (value ^ (value >> HALF)) * MIX_2
    return value ^ (value >> HALF)


@njit(cache=True, nogil=True)
def _code_point(data: npt.NDArray[np.uint8], position: int) -> tuple[np.uint32, int]:
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
        code, width = (np.uint32(byte), 1) if byte < 0x80 else _code_point(data, position)
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
