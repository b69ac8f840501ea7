"""The shingles of candidates, three times as fast as those of `signals.shingles`, and with the digits of numbers.

Words are the same, but that numbers with other digits are other words, as in `span_windows.scan_told_apart`: signatures
fold them as datatrove does, and propose; two tables of other numbers are not copies for that.
Only whether two shingles are equal matters to a comparison, so words need not have the hashes that signatures are made
of. Eight bytes at a time are told apart into what separates words and what does not, by arithmetic on one 64-bit
integer that compiles to vector instructions; the edges of words are the bits where that changes; a word of Latin
letters is hashed eight letters at once. Runs with digits or other scripts go letter by letter through the same table
as in `signals.shingles`; a test holds the words to be those of `scan_told_apart`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from ontogeny.data.signals.shingles import (
    BASE,
    COMMA,
    DIGIT,
    FULL_STOP,
    MIX_1,
    NINE,
    ONE,
    OWN_WORD,
    SEPARATOR,
    SKIPPED,
    TABLE_SIZE,
    ZERO,
    code_point,
    folding_table,
)
from ontogeny.data.texts import Texts

CHUNK = 4096
"""Bytes whose words are found at once: their edges stay in the first-level cache."""

TURN = 13
"""Bits by which the next word of a shingle is turned further; its multiples up to the 63rd differ modulo 64."""

# The same in each of eight bytes. The last four, added to a byte below 0x80, set its highest bit from there on.
HIGH, LOW_7 = np.uint64(0x8080808080808080), np.uint64(0x7F7F7F7F7F7F7F7F)
LOWER = np.uint64(0x2020202020202020)
FROM_A, PAST_Z = np.uint64(0x1F1F1F1F1F1F1F1F), np.uint64(0x0505050505050505)
FROM_0, PAST_9 = np.uint64(0x5050505050505050), np.uint64(0x4646464646464646)

GATHER = np.uint64(0x0002040810204081)
"""Times a number with the highest bit of some bytes set, byte 7 of the product has bit i set where byte i had."""

LETTER_A, LETTER_Z = 0x61, 0x7A
EIGHT, HALF, TOP = np.uint64(8), np.uint64(32), np.uint64(56)
SIXTY_THREE, ALL_BITS = np.uint64(63), np.uint64(64)


@dataclass(frozen=True, eq=False)
class Slices:
    """Some texts of a buffer: text i is the UTF-8 of `data[starts[i]:ends[i]]`; all (k,) int64."""

    data: npt.NDArray[np.uint8]
    starts: npt.NDArray[np.int64]
    ends: npt.NDArray[np.int64]

    @classmethod
    def of(cls, texts: Texts, rows: npt.NDArray[np.integer]) -> Slices:
        """The texts at `rows` of `texts`, over the same memory."""
        return cls(texts.data, texts.offsets[rows], texts.offsets[1:][rows])


@dataclass(frozen=True, eq=False)
class Shingled:
    """The shingles of k texts, in the order of each: those of text i are `values[offsets[i]:offsets[i + 1]]`."""

    values: npt.NDArray[np.uint64]
    offsets: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.offsets) - 1


def shingled(parts: Iterable[Slices], n_gram: int) -> Shingled:
    """The shingles of the texts of all `parts`, repeats included."""
    every = list(parts)
    room = sum(int((part.ends - part.starts).sum()) // 2 + len(part.starts) for part in every)
    values = np.empty(room, dtype=np.uint64)  # what stays unused of it is never touched, and takes no memory
    offsets = np.zeros(1 + sum(len(part.starts) for part in every), dtype=np.int64)
    done = 0
    for part in every:
        filled = offsets[done : done + len(part.starts) + 1]
        _shingle_all(part.data, part.starts, part.ends, folding_table(), n_gram, values, filled)
        done += len(part.starts)
    return Shingled(values[: offsets[-1]], offsets)


@njit(cache=True, nogil=True)
def _shingle_all(
    data: npt.NDArray[np.uint8],
    starts: npt.NDArray[np.int64],
    ends: npt.NDArray[np.int64],
    table: npt.NDArray[np.uint32],
    n_gram: int,
    values: npt.NDArray[np.uint64],
    filled: npt.NDArray[np.int64],
) -> None:
    """Write the shingles of each text to `values`, from `filled[0]` on; `filled` (k + 1,) says where each ends."""
    masks = np.empty(CHUNK // 64, dtype=np.uint64)
    edges = np.empty(CHUNK + 2, dtype=np.int64)
    words = np.empty(n_gram + CHUNK, dtype=np.uint64)
    for text in range(len(starts)):
        made = _shingle(
            data, starts[text], ends[text], table, n_gram, masks, edges, words, values[filled[text] :]
        )
        filled[text + 1] = filled[text] + made


@njit(cache=True, nogil=True)
def _shingle(
    data: npt.NDArray[np.uint8],
    start: int,
    end: int,
    table: npt.NDArray[np.uint32],
    n_gram: int,
    masks: npt.NDArray[np.uint64],
    edges: npt.NDArray[np.int64],
    words: npt.NDArray[np.uint64],
    values: npt.NDArray[np.uint64],
) -> int:
    """Write the shingles of one text to `values`; how many there are.

    `words` (n_gram + CHUNK,) begins with the last words of the chunk before.
    """
    made = known = inside = 0
    position = start  # to where words were read: a number goes on after its decimal point, in the next run
    for chunk in range(start, end, CHUNK):
        chunk_end = min(end, chunk + CHUNK)
        _find_masks(data, chunk, chunk_end, masks)
        count = _find_edges(masks, chunk, chunk_end, edges, inside)
        inside = count & 1
        if inside and chunk_end == end:
            edges[count] = end
            count += 1
        for edge in range(0, count - 1, 2):
            first, after = edges[edge], edges[edge + 1]
            word, latin = _latin_word(data, first, after)
            if latin and first >= position:
                words[known] = word
                known += 1
                continue
            position, known = _other_words(data, max(position, first), after, end, table, words, known)
        if inside:
            edges[0] = edges[count - 1]
        ready = max(0, known - n_gram + 1)
        _combine(words, n_gram, values[made : made + ready])
        made += ready
        words[: known - ready] = words[ready:known]
        known -= ready
    if made == 0 and known > 0:
        words[known:n_gram] = ZERO
        _combine(words, n_gram, values[:1])
        made = 1
    return made


@njit(cache=True, nogil=True)
def _other_words(
    data: npt.NDArray[np.uint8],
    position: int,
    after: int,
    end: int,
    table: npt.NDArray[np.uint32],
    words: npt.NDArray[np.uint64],
    known: int,
) -> tuple[int, int]:
    """Append to `words` those that begin from `position` on in a run up to `after`; where to go on, and how many now.

    Quotation marks and dashes beside words of Latin letters are so common that they do not make the words slow.
    """
    while position < after:
        stop = position
        while stop < after and LETTER_A <= data[stop] | 0x20 <= LETTER_Z:
            stop += 1
        if stop < after and not _is_punctuation(data, stop, table):
            position, word, found = _any_word(data, position, end, table)
        else:
            word, found = _latin_word(data, position, stop) if stop > position else (ZERO, False)
            if stop > position and not found:  # the last bytes of the buffer
                _, word, found = _any_word(data, position, stop, table)
            position = stop + 3 if stop < after else stop
        if found:
            words[known] = word
            known += 1
    return position, known


@njit(cache=True, nogil=True)
def _is_punctuation(data: npt.NDArray[np.uint8], place: int, table: npt.NDArray[np.uint32]) -> bool:
    """Whether a separator between U+2000 and U+203F, which UTF-8 writes as E2 80 xx, begins at `place`."""
    general = data[place] == 0xE2 and data[place + 1] == 0x80
    return bool(general and table[0x2000 | (data[place + 2] & 0x3F)] == SEPARATOR)


@njit(cache=True, nogil=True)
def _combine(words: npt.NDArray[np.uint64], n_gram: int, shingles: npt.NDArray[np.uint64]) -> None:
    """Shingle i from the words i to i + n_gram - 1, each turned by another number of bits."""
    shingles[:] = words[: len(shingles)]
    for number in range(1, n_gram):
        left = np.uint64(TURN * number % 64)
        right = ALL_BITS - left
        for place in range(len(shingles)):
            word = words[place + number]
            shingles[place] ^= word << left | word >> right


def _load(_typing: Any, data: Any, place: Any) -> Any:
    """The eight bytes of `data` from `place` on as one integer, the first lowest; no bounds are checked."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        start = builder.gep(array.data, [arguments[1]])
        return builder.load(
            builder.bitcast(start, context.get_value_type(types.uint64).as_pointer()), align=1
        )

    return types.uint64(data, place), generate


def _count_zeros(_typing: Any, bits: Any) -> Any:
    """The number of the lowest bit set in `bits`, which are not all zero."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], cgutils.true_bit)

    return types.int64(bits), generate


_eight_bytes: Any = intrinsic(_load)
_lowest_bit: Any = intrinsic(_count_zeros)


@njit(cache=True, nogil=True)
def _find_masks(data: npt.NDArray[np.uint8], start: int, end: int, masks: npt.NDArray[np.uint64]) -> None:
    """Set bit i of `masks` where byte `start + i` of `data` is no separator of ASCII; beyond `end`, no bit is set."""
    octets = masks.view(np.uint8)
    whole = (min(start + CHUNK, len(data)) - start) // 8
    whole = min(whole, (end - start + 7) // 8)
    for number in range(whole):
        eight = _eight_bytes(data, start + 8 * number)
        plain = eight & LOW_7
        lower = plain | LOWER
        letters = (lower + FROM_A) & ~(lower + PAST_Z)
        digits = (plain + FROM_0) & ~(plain + PAST_9)
        octets[number] = (((letters | digits | eight) & HIGH) * GATHER) >> TOP
    octets[whole:] = 0
    for place in range(start + 8 * whole, end):  # the last bytes of the buffer
        byte = data[place]
        if byte >= 0x80 or DIGIT <= byte <= NINE or LETTER_A <= byte | 0x20 <= LETTER_Z:
            octets[(place - start) >> 3] |= np.uint8(1 << ((place - start) & 7))
    if end - start < 8 * whole:
        octets[whole - 1] &= np.uint8(0xFF >> (8 * whole - (end - start)))


@njit(cache=True, nogil=True)
def _find_edges(
    masks: npt.NDArray[np.uint64], start: int, end: int, edges: npt.NDArray[np.int64], inside: int
) -> int:
    """Write the places where runs of bits begin and end to `edges`, in turns; how many there are.

    `inside` is 1 where a run, whose beginning stands in `edges[0]`, reaches up to `start`.
    """
    count, last = inside, np.uint64(inside)
    for number in range((end - start + 63) // 64):
        mask = masks[number]
        changes = mask ^ (mask << ONE | last)
        last = mask >> SIXTY_THREE
        base = start + 64 * number
        while changes != ZERO:
            edges[count] = base + _lowest_bit(changes)
            changes &= changes - ONE
            count += 1
    return count


@njit(cache=True, nogil=True, inline="always")
def _absorbed(word: np.uint64, letters: np.uint64) -> np.uint64:
    """The hash of a word so far, with up to eight more letters."""
    word = (word + letters + ONE) * BASE
    return (word ^ (word >> HALF)) * MIX_1


@njit(cache=True, nogil=True, inline="always")
def _latin_word(data: npt.NDArray[np.uint8], first: int, after: int) -> tuple[np.uint64, bool]:
    """The hash of the run `data[first:after]`, and whether it is nothing but letters of ASCII, else it is void."""
    word, others = ZERO, ZERO
    if first + 8 * ((after - first + 7) // 8) > len(data):
        return word, False
    while after - first > 8:
        eight = _eight_bytes(data, first)
        lower = eight | LOWER
        others |= _others(eight, lower)
        word = _absorbed(word, lower)
        first += 8
    eight = _eight_bytes(data, first)
    lower = eight | LOWER
    room = np.uint64(64 - 8 * (after - first))
    others |= _others(eight, lower) << room
    return _absorbed(word, lower << room), others == ZERO


@njit(cache=True, nogil=True, inline="always")
def _others(eight: np.uint64, lower: np.uint64) -> np.uint64:
    """The highest bit of each byte that is no letter; `lower` are the eight bytes in lower case."""
    plain = lower & LOW_7
    return (((plain + FROM_A) & ~(plain + PAST_Z) & ~eight) & HIGH) ^ HIGH


@njit(cache=True, nogil=True)
def _any_word(
    data: npt.NDArray[np.uint8], position: int, end: int, table: npt.NDArray[np.uint32]
) -> tuple[int, np.uint64, bool]:
    """The next word from `position` on, letter by letter (as `scan_words`): where to go on, its hash, if there is one.

    Its hash takes letters of ASCII eight at a time, and all others alone.
    """
    word, letters, bits = ZERO, ZERO, ZERO
    length = number = 0  # `number` is 1 in a number, 2 after its decimal separator
    while position < end:
        byte = data[position]
        code, width = (np.uint32(byte), 1) if byte < 0x80 else code_point(data, position)
        symbol = np.uint32(table[code]) if code < TABLE_SIZE else np.uint32(code | OWN_WORD)
        decimal = False
        if symbol == SEPARATOR or symbol & OWN_WORD:
            decimal = byte in (FULL_STOP, COMMA) and number == 1 and position + 1 < end
            decimal = decimal and DIGIT <= data[position + 1] <= NINE
            if not decimal and length > 0:
                break
            if symbol & OWN_WORD:
                return position + width, _absorbed(ZERO, np.uint64(symbol) << HALF), True
        position += width
        if symbol == SKIPPED or (symbol == SEPARATOR and not decimal):
            continue
        if decimal:
            number, symbol = 2, np.uint32(byte)
        elif symbol == DIGIT:  # of a script of its own, perhaps
            number, symbol = max(number, 1), code
        else:
            number = 0
        length += 1
        if bits == ALL_BITS or (symbol >= 0x80 and bits > ZERO):
            word, letters, bits = _absorbed(word, letters << (ALL_BITS - bits)), ZERO, ZERO
        if symbol < 0x80:
            letters |= np.uint64(symbol) << bits
            bits += EIGHT
        else:
            word = _absorbed(word, np.uint64(symbol) << HALF)
    if bits > ZERO:
        word = _absorbed(word, letters << (ALL_BITS - bits))
    return position, word, length > 0
