"""What kind of character a code point is: one table of bits, made once a process, read by every compiled pass.

The classes are those that the published rules and spaCy's English tokenizer ask about. Letters, numbers, spaces and
symbols come from Python's Unicode database; the rest is stated below, each with its source.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache

import numpy as np
import numpy.typing as npt

SPACE = 1 << 0  # str.isspace
LINE_BREAK = 1 << 1  # where str.splitlines cuts
LETTER = 1 << 2  # str.isalpha
LOWER = 1 << 3  # lower-case letter, or a letter of a script without case
UPPER = 1 << 4  # upper-case letter, or a letter of a script without case
DIGIT = 1 << 5  # 0 to 9
DECIMAL = 1 << 6  # a decimal digit of any script
PREFIX = 1 << 7  # a word of its own at the beginning of a chunk
SUFFIX = 1 << 8  # a word of its own at the end of a chunk
QUOTE = 1 << 9
ICON = 1 << 10  # Unicode category So: a word of its own anywhere
BEFORE_DOT = 1 << 11  # a single final dot after it is a word of its own
HOST = 1 << 12  # may stand in the name of a host
CURRENCY = 1 << 13
SYMBOL = 1 << 14  # does not make a word count as one (Gopher quality)
TERMINAL = 1 << 15  # a line that ends in it ends a sentence (FineWeb)
SENTENCE_END = 1 << 16  # a word that is this character ends a sentence
PUNCTUATION = 1 << 17  # Unicode category P
WORD = 1 << 18  # letters, marks, numbers and _
HARD = 1 << 19  # splits words somewhere: chunks without it are one word
IDEOGRAPH = 1 << 20  # written without spaces: a word of its own in other languages
ALPHA = LOWER | UPPER

TABLED = 0x20000
"""Code points from here on are ideographs or unassigned; `class_of` in `splitting` says so without a table."""

# Scripts without case that spaCy's char_classes.py takes whole, marks and signs included.
UNCASED = (
    (0x591, 0x5F4), (0x620, 0x64A), (0x66E, 0x6D5), (0x6E5, 0x6FF), (0x750, 0x77F), (0x8A0, 0x8BD),
    (0x900, 0x9FF), (0xB80, 0xCFF), (0xD80, 0xDFF), (0x1100, 0x137F), (0x2E80, 0x2FDF), (0x2FF0, 0x30FF),
    (0x31C0, 0x31EF), (0x3200, 0x4DBF), (0x4E00, 0x9FFF), (0xAC00, 0xD7AF), (0xF900, 0xFAFF),
    (0xFB1D, 0xFBB1), (0xFBD3, 0xFD3D), (0xFD50, 0xFDC7), (0xFDF0, 0xFDFB), (0xFE30, 0xFE4F),
    (0xFE70, 0xFEFC), (0x1EE00, 0x1EEBB), (0x1F200, 0x1F2FF),
)  # fmt: skip
# Cased letters that spaCy knows: Latin, Greek and Cyrillic, from 0x41 to here, and the Latin extensions.
CASED = (
    (0x41, 0x7A), (0xC0, 0x2AF), (0x386, 0x386), (0x388, 0x38F), (0x391, 0x3A9), (0x3AC, 0x3AF),
    (0x3B1, 0x3C9), (0x3CC, 0x3CE), (0x400, 0x401), (0x403, 0x40A), (0x40C, 0x40D), (0x410, 0x451),
    (0x453, 0x45A), (0x45C, 0x45D), (0x490, 0x491), (0x496, 0x497), (0x4A2, 0x4A3), (0x4AE, 0x4AF),
    (0x4BA, 0x4BB), (0x4D8, 0x4D9), (0x4E8, 0x4E9), (0x1D00, 0x1D9A), (0x1E00, 0x1EFF), (0x2C60, 0x2C7F),
    (0xA722, 0xA7FA), (0xAB30, 0xAB64), (0xFF21, 0xFF5A),
)  # fmt: skip
SPLIT_OFF = "….,:;!?¿؟¡()[]{}<>_#*&。？！，、；：～·।،۔؛٪".replace(
    ".", ""
)  # spaCy's _punct; dots have rules of their own
QUOTES = "'\"”“`‘´’‚,„»«「」『』（）〔〕【】《》〈〉〈〉⟦⟧"  # spaCy's _quotes
CURRENCIES = "$£€¥฿₽﷼₴₠₡₢₣₤₥₦₧₨₩₪₫€₭₮₯₰₱₲₳₴₵₶₷₸₹₺₻₼₽₾₿"  # spaCy's _currency
# The Unicode property Sentence_Terminal (15.0): datatrove's TERMINAL_PUNCTUATION, which FineWeb's rule takes.
TERMINALS = (
    (0x21, 0x21), (0x2E, 0x2E), (0x3F, 0x3F), (0x589, 0x589), (0x61D, 0x61F), (0x6D4, 0x6D4), (0x700, 0x702),
    (0x7F9, 0x7F9), (0x837, 0x837), (0x839, 0x839), (0x83D, 0x83E), (0x964, 0x965), (0x104A, 0x104B),
    (0x1362, 0x1362), (0x1367, 0x1368), (0x166E, 0x166E), (0x1735, 0x1736), (0x17D4, 0x17D6),
    (0x17D9, 0x17DA), (0x1803, 0x1803), (0x1809, 0x1809), (0x1944, 0x1945), (0x1AA8, 0x1AAB),
    (0x1B5A, 0x1B5B), (0x1B5E, 0x1B5F), (0x1B7D, 0x1B7E), (0x1C3B, 0x1C3C), (0x1C7E, 0x1C7F),
    (0x203C, 0x203D), (0x2047, 0x2049), (0x2E2E, 0x2E2E), (0x2E3C, 0x2E3C), (0x2E53, 0x2E54),
    (0x3002, 0x3002), (0xA4FF, 0xA4FF), (0xA60E, 0xA60F), (0xA6F3, 0xA6F3), (0xA6F7, 0xA6F7),
    (0xA876, 0xA877), (0xA8CE, 0xA8CF), (0xA92F, 0xA92F), (0xA9C8, 0xA9C9), (0xAA5D, 0xAA5F),
    (0xAAF0, 0xAAF1), (0xABEB, 0xABEB), (0xFE52, 0xFE52), (0xFE56, 0xFE57), (0xFF01, 0xFF01),
    (0xFF0E, 0xFF0E), (0xFF1F, 0xFF1F), (0xFF61, 0xFF61), (0x10A56, 0x10A57), (0x10F55, 0x10F59),
    (0x10F86, 0x10F89), (0x11047, 0x11048), (0x110BE, 0x110C1), (0x11141, 0x11143), (0x111C5, 0x111C6),
    (0x111CD, 0x111CD), (0x111DE, 0x111DF), (0x11238, 0x11239), (0x1123B, 0x1123C), (0x112A9, 0x112A9),
    (0x1144B, 0x1144C), (0x115C2, 0x115C3), (0x115C9, 0x115D7), (0x11641, 0x11642), (0x1173C, 0x1173E),
    (0x11944, 0x11944), (0x11946, 0x11946), (0x11A42, 0x11A43), (0x11A9B, 0x11A9C), (0x11C41, 0x11C42),
    (0x11EF7, 0x11EF8), (0x11F43, 0x11F44), (0x16A6E, 0x16A6F), (0x16AF5, 0x16AF5), (0x16B37, 0x16B38),
    (0x16B44, 0x16B44), (0x16E98, 0x16E98), (0x1BC9F, 0x1BC9F), (0x1DA88, 0x1DA88),
)  # fmt: skip
# Sentence terminals that came to Unicode too late for spaCy's sentencizer.
LATE_TERMINALS = frozenset(
    (0x61D, 0x61E, 0x837, 0x839, 0x83D, 0x83E, 0x17D4, 0x17D5, 0x17D6, 0x17D9, 0x17DA, 0x1B7D, 0x1B7E, 0x2E53, 0x2E54,
     *range(0x10F55, 0x10F5A), *range(0x10F86, 0x10F8A), 0x11944, 0x11946, 0x11EF7, 0x11EF8, 0x11F43, 0x11F44, 0x16E98)
)  # fmt: skip
# Signs that datatrove's PUNCTUATION names one by one (utils/text.py), after CCNet's; ends of sentences come on top.
SYMBOLS = "!/—”:％１〈&(、━\\【#%「」，】；+^]~“《„';’{|∶´[=-`*．（–？！：$～«〉,><》)?）。…@_.\"}►»"
CONTROLS = (*range(9), 11, 12, *range(13, 32), *range(127, 160))


@lru_cache(maxsize=1)
def character_classes() -> npt.NDArray[np.uint32]:
    """The bits of each code point below `TABLED`, (131072,)."""
    table = np.zeros(TABLED, dtype=np.uint32)
    for code in range(TABLED):
        table[code] = _by_unicode(chr(code))
    for first, last in UNCASED:
        table[first : last + 1] |= LOWER | UPPER
    for first, last in CASED:
        for code in range(first, last + 1):
            character = chr(code)
            table[code] |= LOWER * character.islower() | UPPER * character.isupper()
    for first, last in TERMINALS:
        for code in range(first, last + 1):
            table[code] |= TERMINAL | SYMBOL | (0 if code in LATE_TERMINALS else SENTENCE_END)
    for first, last in ((0x3040, 0x30FF), (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF)):
        table[first : last + 1] |= IDEOGRAPH
    _mark(table, SPLIT_OFF, PREFIX | SUFFIX | BEFORE_DOT)
    _mark(table, QUOTES, PREFIX | SUFFIX | QUOTE | BEFORE_DOT)
    _mark(table, CURRENCIES, PREFIX | CURRENCY)
    _mark(table, "§%=—–", PREFIX)
    _mark(table, "—–", SUFFIX)
    _mark(table, SYMBOLS, SYMBOL)
    _mark(table, map(chr, CONTROLS), SYMBOL)
    # spaCy's suffix rule for dots: a class that spells out lower-case letters, digits, %²-+ and, by the way that it is
    # written, the signs of its own grouping.
    _mark(table, "0123456789%²-+|()?:", BEFORE_DOT)
    _mark(table, "0123456789", DIGIT)
    _mark(table, "_-", HOST)
    table[(table & LOWER) != 0] |= BEFORE_DOT
    icons = (table & ICON) != 0
    table[icons] |= PREFIX | SUFFIX
    splits = (table & (PREFIX | SUFFIX | ICON)) != 0
    table[splits] |= HARD
    _mark(table, ".+-*^/=:<>,~–—²³µ°", HARD)
    table.flags.writeable = False
    return table


def _by_unicode(character: str) -> int:
    """The bits that Python's Unicode database gives."""
    code, category = ord(character), unicodedata.category(character)
    bits = SPACE * character.isspace() | LETTER * character.isalpha() | DECIMAL * (category == "Nd")
    bits |= ICON * (category == "So") | PUNCTUATION * category.startswith("P")
    bits |= WORD * (character.isalnum() or character == "_" or category.startswith("M"))
    bits |= LINE_BREAK * (character.isspace() and len(f"a{character}b".splitlines()) == 2)
    bits |= HOST * (0xA1 <= code <= 0xFFFF or (code < 128 and character.isalnum()))
    return bits


def _mark(table: npt.NDArray[np.uint32], characters: object, bits: int) -> None:
    for character in characters:  # type: ignore[attr-defined]
        table[ord(character)] |= bits
