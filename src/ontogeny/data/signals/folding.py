"""What each code point counts as where texts are compared by their words, and the constants that hash them.

See `shingles` for the rules. This stands alone so that `word_runs`, which counts words without compiled code, needs no
more.
"""

from __future__ import annotations

import functools
import unicodedata

import numpy as np
import numpy.typing as npt

SEPARATOR, SKIPPED, DIGIT = 0, 1, 0x30
"""Symbols of the folding table: the end of a word, nothing at all, a digit of any script. Others are code points."""

OWN_WORD = 1 << 31
"""Set in the symbol of a code point that is a word of its own."""

TABLE_SIZE = 0x20000
"""Code points in the table: the first two planes. Those beyond are nearly all Han, and words of their own."""

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

FINAL_SIGMA = "ς"
FULL_STOP, COMMA, NINE = 0x2E, 0x2C, 0x39

# Odd 64-bit constants that words are hashed with: the golden ratio (Knuth 6.4), and those of MurmurHash3's 64-bit
# finaliser (Appleby 2011).
BASE = np.uint64(0x9E3779B97F4A7C15)
MIX_1, MIX_2 = np.uint64(0xFF51AFD7ED558CCD), np.uint64(0xC4CEB9FE1A85EC53)
HALF = np.uint64(33)


@functools.cache
def folding_table() -> npt.NDArray[np.uint32]:
    """What each code point counts as, (TABLE_SIZE,); made once a process, in about a twentieth of a second."""
    characters = list(map(chr, range(TABLE_SIZE)))
    categories = np.frombuffer("".join(map(unicodedata.category, characters)).encode(), dtype="S2")
    table = np.arange(TABLE_SIZE, dtype=np.uint32)
    # Few letters are not their own symbol: those with an upper case or a decomposition.
    for character, lower in zip(characters, map(str.lower, characters), strict=True):
        if character != lower or unicodedata.decomposition(character) or character == FINAL_SIGMA:
            table[ord(character)] = _letter(lower)
    for kind in (b"P", b"S", b"Z", b"C"):
        table[categories.view("S1")[::2] == kind] = SEPARATOR
    table[(categories == b"Mn") | (categories == b"Cf")] = (
        SKIPPED  # combining marks; soft hyphens and joiners
    )
    table[categories == b"Nd"] = DIGIT
    for first, last in UNSPACED:
        letters = table[first : last + 1]
        letters[(letters > SKIPPED) & (letters != DIGIT)] |= np.uint32(OWN_WORD)
    table.flags.writeable = False
    return table


def _letter(lower: str) -> int:
    """The symbol of a letter: its base without diacritics."""
    lower = lower.replace(FINAL_SIGMA, "σ")  # Greek has two small sigmas, by place in the word
    bases = [each for each in unicodedata.normalize("NFD", lower) if unicodedata.category(each) != "Mn"]
    # A syllable of Hangul decomposes into several letters: as a symbol it stands for all of them.
    return ord(bases[0]) if len(bases) == 1 else ord(lower[0])
