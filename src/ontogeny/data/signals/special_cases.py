"""Chunks of English text that are not split by rule: contractions, abbreviations, emoticons, units.

They reproduce what spaCy's blank English tokenizer takes as exceptions (lang/tokenizer_exceptions.py,
lang/en/tokenizer_exceptions.py), here as families of words and endings; a test of the benchmark compares both. `parts`
is written with `|` where a chunk is cut: `do|n't`.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
import numpy.typing as npt

FNV_BASIS, FNV_PRIME = 0xCBF29CE484222325, 0x100000001B3  # 64 bits: RFC 9923 (FNV), section 5
UNIT_BASIS = 0x9AE16A3B2F90404F  # another start, so that "m" the unit is not "m" the word
SLOT_BITS = 12
SPREAD = 0x9E3779B97F4A7C15  # 2^64 over the golden ratio: Knuth, volume 3, section 6.4
MASK = (1 << 64) - 1
SLOTS = 1 << SLOT_BITS
HOMES = SLOTS + 256
ENTRIES = HOMES + SLOTS // 64
MAX_BYTES = 63  # of an entry, so that its length is a bit of 64
PART_BITS, STOP_SHIFT = 6, 24  # four parts of at most 63 bytes, then eight stop words
SPECIAL, UNIT = 1 << 32, 1 << 33

STOP_WORDS = ("the", "be", "to", "of", "and", "that", "have", "with")
"""Gopher, arXiv:2112.11446, appendix A1.1: a text holds at least two of them."""

# Each text below lists its chunks with spaces between.
_UNITS = (
    "km km² km³ m m² m³ dm dm² dm³ cm cm² cm³ mm mm² mm³ ha µm nm yd in ft kg g mg µg t lb oz m/s km/h kmh mph hPa Pa "
    "mbar mb MB kb KB gb GB tb TB T G M K % км км² км³ м м² м³ дм дм² дм³ см см² см³ мм мм² мм³ нм кг г мг м/с км/ч "
    "кПа Па мбар Кб КБ кб Мб МБ мб Гб ГБ гб Тб ТБ كم² كم³ م م² م³ سم سم² سم³ مم مم² مم³ كم غرام جرام جم كغ ملغ كوب"
)
_WHOLE = (
    "'S 's ‘S ‘s and/or w/o 're 'Cause 'cause 'cos 'Cos 'coz 'Coz 'cuz 'Cuz 'bout ma'am Ma'am o'clock O'clock lovin' "
    "Lovin' lovin Lovin havin' Havin' havin Havin doin' Doin' doin Doin goin' Goin' goin Goin nothin' Nothin' nothin "
    "Nothin nuthin' Nuthin' nuthin Nuthin ol' Ol' ol Ol somethin' Somethin' somethin Somethin 'em em 'll ll 'nuff nuff "
    "Mt. Ak. Ala. Apr. Ariz. Ark. Aug. Calif. Colo. Conn. Dec. Del. Feb. Fla. Ga. Ia. Id. Ill. Ind. Jan. Jul. Jun. "
    "Kan. Kans. Ky. La. Mar. Mass. Mich. Minn. Miss. N.C. N.D. N.H. N.J. N.M. N.Y. Neb. Nebr. Nev. Nov. Oct. Okla. "
    "Ore. Pa. S.C. Sep. Sept. Tenn. Va. Wash. Wis. 'd a.m. Adm. Bros. co. Co. Corp. D.C. Dr. e.g. E.g. E.G. Gen. Gov. "
    "i.e. I.e. I.E. Inc. Jr. Ltd. Md. Messrs. Mo. Mont. Mr. Mrs. Ms. p.m. Ph.D. Prof. Rep. Rev. Sen. St. vs. v.s. "
    "' \\\") <space> '' C++ \\t \\n — a. b. c. d. e. f. g. h. i. j. k. l. m. n. o. p. q. r. s. t. u. v. w. x. y. z. "
    "ä. ö. ü."
)
_CUT = (
    "y'|all y|all how|'d|'y How|'d|'y not|'ve not|ve Not|'ve Not|ve can|not Can|not gon|na Gon|na got|ta Got|ta "
    "let|'s Let|'s c'm|on C'm|on °|c|. °|f|. °|k|. °|C|. °|F|. °|K|."
)
_EMOTICONS = (
    ":) :-) :)) :-)) :))) :-))) (: (-: =) (= :] :-] [: [-: [= =] :o) (o: :} :-} 8) 8-) (-8 ;) ;-) (; (-; :( :-( :(( "
    ":-(( :((( :-((( ): )-: =( >:( :') :'-) :'( :'-( :/ :-/ =/ =| :| :-| ]= =[ :1 :P :-P :p :-p :O :-O :o :-o :0 :-0 "
    ":() >:o :* :-* :3 :-3 =3 :> :-> :X :-X :x :-x :D :-D ;D ;-D =D xD XD xDD XDD 8D 8-D ^_^ ^__^ ^___^ >.< >.> "
    "<.< ._. ;_; -_- -__- v.v V.V v_v V_V o_o o_O O_o O_O 0_o o_0 0_0 o.O O.o O.O o.o 0.0 o.0 0.o @_@ "
    "<3 <33 <333 </3 (^_^) (-_-) (._.) (>_<) (*_*) (¬_¬) ಠ_ಠ ಠ︵ಠ (ಠ_ಠ) ¯\\(ツ)/¯ (╯°□°）╯︵┻━┻ ><(((*>"
)
# Words that a contraction without its apostrophe would be taken for.
_NOT_CUT = frozenset(
    f"{first}{rest}"
    for word in ("ill", "its", "hell", "shell", "shed", "were", "well", "whore")
    for first, rest in ((word[0], word[1:]), (word[0].upper(), word[1:]))
)


def english_cases() -> dict[str, tuple[str, ...]]:
    """Every special chunk with its parts."""
    cases = {"".join(parts): parts for parts in _contractions()}
    cases = {chunk: parts for chunk, parts in cases.items() if chunk not in _NOT_CUT}
    cases |= {chunk: (chunk,) for chunk in f"{_WHOLE} {_EMOTICONS}".split()}
    curly = {
        chunk.replace("'", "’"): tuple(part.replace("'", "’") for part in cases[chunk]) for chunk in cases
    }
    return cases | curly


def _contractions() -> Iterator[tuple[str, ...]]:
    for base, endings in _families():
        for word in (base, base.title()):
            for ending in endings:
                yield (word, *ending.split("|"))
                yield (word, *ending.replace("'", "").split("|"))
    for number in range(1, 13):
        for half in ("a.m.", "am", "p.m.", "pm"):
            yield (str(number), half)
    for cut in _CUT.split():
        yield tuple(cut.split("|"))


_MODALS = ("could", "might", "must", "should", "would")


def _families() -> Iterator[tuple[str, tuple[str, ...]]]:
    """Words with the endings that are cut off them; each also stands without its apostrophe."""
    will, would = ("'ll", "'ll|'ve"), ("'d", "'d|'ve")
    yield "i", ("'m", "'m|a", *will, *would, "'ve")
    for word in ("you", "we", "they"):
        yield word, (*will, *would, "'ve", "'re")
    for word in ("he", "she", "it"):
        yield word, (*will, *would, "'s")
    for word in ("who", "what", "when", "where", "why", "how", "there"):
        yield word, ("'s", *will, "'re", "'ve", *would)
    for word in ("that", "this"):
        yield word, ("'s", *will, *would)
    for word in ("these", "those"):
        yield word, (*will, "'re", "'ve", *would)
    for word in (*_MODALS, "ca", "do", "does", "did", "had", "may", "need", "ought", "sha", "wo"):
        yield word, ("n't", "n't|'ve")
    for word in _MODALS:
        yield word, ("'ve",)
    for word in ("ai", "are", "is", "was", "were", "have", "has", "dare"):
        yield word, ("n't",)


@lru_cache(maxsize=1)
def special_cases() -> npt.NDArray[np.uint64]:
    """The table of English, one array for all, since compiled calls pass arrays by many words each.

    Its first 2^12 numbers are the slots of an open-addressing table of FNV-1a hashes: where an entry stands, or 0.
    Then for each first byte (256) the lengths in bytes of the entries that begin with it, as bits: most words can be
    told from every entry by this alone. Then a bit for each slot that is the first choice of some entry, so that what
    is not in the table rarely touches it. Then the entries, two numbers each: the hash; and `PART_BITS` for the bytes
    of each part, the stop word's bit from `STOP_SHIFT` on, and the bits `SPECIAL` or `UNIT`.
    """
    cases = english_cases()
    entries = [
        (chunk, FNV_BASIS, _special_bits(chunk, cases)) for chunk in dict.fromkeys([*cases, *STOP_WORDS])
    ]
    entries += [(unit, UNIT_BASIS, UNIT) for unit in dict.fromkeys(_UNITS.split())]
    table = np.zeros(ENTRIES + 2 * len(entries), dtype=np.uint64)
    for number, (chunk, basis, bits) in enumerate(entries):
        data, place = chunk.encode(), ENTRIES + 2 * number
        value = fnv(data, basis)
        slot = (value * SPREAD & MASK) >> (64 - SLOT_BITS)
        table[HOMES + slot // 64] |= np.uint64(1 << slot % 64)
        while table[slot]:
            slot = (slot + 1) % SLOTS
        table[slot], table[place], table[place + 1] = place, value, bits
        if basis == FNV_BASIS:
            table[SLOTS + data[0]] |= np.uint64(1 << len(data))
    table.flags.writeable = False
    return table


def _special_bits(chunk: str, cases: dict[str, tuple[str, ...]]) -> int:
    bits = SPECIAL if chunk in cases else 0
    if chunk in STOP_WORDS:
        bits |= 1 << (STOP_SHIFT + STOP_WORDS.index(chunk))
    for number, part in enumerate(cases.get(chunk, (chunk,))):
        bits |= len(part.encode()) << (number * PART_BITS)
    return bits


def fnv(data: bytes, basis: int = FNV_BASIS) -> int:
    """FNV-1a of `data`, 64 bits; the compiled passes compute the same."""
    value = basis
    for byte in data:
        value = (value ^ byte) * FNV_PRIME & MASK
    return value
