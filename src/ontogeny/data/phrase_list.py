"""Where a text holds an entry of a list, each a word or several, in one compiled pass.

An entry stands where neither a letter, a digit nor _ touches it on either side, as in C4's regular expression
`(?:\\W|^)(...)(?:\\W|$)`; marks such as accents count as letters. At an end that is written without spaces (Chinese,
Japanese, Thai), anything may touch it, which is what C4 does for those languages. Letters are compared as they are.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from ontogeny.data.signals.characters import IDEOGRAPH, WORD, character_classes
from ontogeny.data.signals.reading import BASIS, PRIME, before, class_of, code_at, width_of
from ontogeny.data.signals.special_cases import fnv
from ontogeny.data.texts import Texts

THAI_FIRST, THAI_LAST = 0x0E00, 0x0E7F
_FREE = 1 << 30
"""Not a bit of `characters`: of a script written without spaces."""


@dataclass(frozen=True, eq=False)
class PhraseList:
    """Entries in an open table of 64-bit hashes.

    `slots` (power of two,) uint64, 0 where empty; `begins` (65536,) bool tells the first two bytes that some entry has
    (an entry of one byte: any second); `longest` in bytes.
    """

    slots: npt.NDArray[np.uint64]
    begins: npt.NDArray[np.bool_]
    longest: int

    @classmethod
    def of(cls, entries: Iterable[str]) -> PhraseList:
        """The list of `entries`, none of them empty."""
        encoded = [entry.encode() for entry in entries]
        size = 1 << (8 * max(len(encoded), 1) - 1).bit_length()
        slots, begins = np.zeros(size, dtype=np.uint64), np.zeros((256, 256), dtype=np.bool_)
        for data in encoded:
            begins[data[0], data[1] if len(data) > 1 else slice(None)] = True
            value = fnv(data)
            at = value & (size - 1)
            while slots[at] not in (0, value):
                at = (at + 1) & (size - 1)
            slots[at] = value
        return cls(slots, begins.reshape(-1), max(map(len, encoded), default=0))

    def counts(self, texts: Texts) -> npt.NDArray[np.int32]:
        """Places of each text where an entry begins, (n,)."""
        counts = np.zeros(len(texts), dtype=np.int32)
        _count(
            *(texts.data, texts.offsets, character_classes()),
            *(self.slots, self.begins, self.longest),
            counts,
        )
        return counts


@njit(cache=True, nogil=True)
def _count(data: Any, offsets: Any, classes: Any, slots: Any, begins: Any, longest: Any, counts: Any) -> None:
    for text in range(len(offsets) - 1):
        at, stop, touches = offsets[text], offsets[text + 1], False  # whether a letter stands before `at`
        while at < stop:
            lead = data[at]
            kind = _kind(data, at, classes)
            second = data[at + 1] if at + 1 < stop else np.uint8(0)
            if begins[(np.int64(lead) << 8) | second] and (kind & _FREE or not touches):
                counts[text] += _stands(data, at, stop, classes, slots, longest)
            touches = kind & WORD != 0
            at += width_of(lead)


@njit(cache=True, nogil=True)
def _kind(data: Any, at: Any, classes: Any) -> Any:
    """The bits of the character at `at`, and `_FREE`."""
    code = code_at(data, at)
    kind = class_of(classes, code)
    return kind | _FREE if kind & IDEOGRAPH or THAI_FIRST <= code <= THAI_LAST else kind


@njit(cache=True, nogil=True)
def _stands(data: Any, at: Any, stop: Any, classes: Any, slots: Any, longest: Any) -> Any:
    """1 if an entry begins at `at`."""
    value, mask, end = BASIS, np.uint64(len(slots) - 1), min(stop, at + longest)
    while at < end:
        width = width_of(data[at])
        for _ in range(width):
            value = (value ^ np.uint64(data[at])) * PRIME
            at += 1
        slot = value & mask
        while slots[slot] != 0:
            if slots[slot] == value:
                last = _kind(data, before(data, at), classes)
                if at >= stop or last & _FREE or not _kind(data, at, classes) & WORD:
                    return 1
                break
            slot = (slot + np.uint64(1)) & mask
    return 0
