"""How many of a text's words are on a list, in one compiled pass."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
import numpy.typing as npt

from ontogeny.data.texts import Texts

START, PRIME = np.uint64(14695981039346656037), np.uint64(1099511628211)
"""FNV-1a of 64 bits."""


@dataclass(frozen=True, eq=False)
class WordList:
    """The 64-bit hashes of a list's words in an open table, `slots` (power of two,) uint64, 0 where empty."""

    slots: npt.NDArray[np.uint64]

    @classmethod
    def of(cls, words: Iterable[str]) -> WordList:
        """The list of `words`, which are in small letters."""
        hashes = [_fnv1a(word.encode()) for word in words]
        size = 1 << (8 * max(len(hashes), 1) - 1).bit_length()
        slots = np.zeros(size, dtype=np.uint64)
        for value in hashes:
            at = value & (size - 1)
            while slots[at] not in (0, value):
                at = (at + 1) & (size - 1)
            slots[at] = value
        return cls(slots)

    def rates(self, texts: Texts) -> npt.NDArray[np.float32]:
        """Listed words over words, (n,); 0 where a text has no word."""
        words, listed = _count(texts.data, texts.offsets, self.slots)
        rates: npt.NDArray[np.float32] = (listed / np.maximum(words, 1)).astype(np.float32)
        return rates


def _fnv1a(data: bytes) -> int:
    value = int(START)
    for byte in data:
        value = ((value ^ byte) * int(PRIME)) & 0xFFFFFFFFFFFFFFFF
    return value


@numba.njit(cache=True, nogil=True)
def _count(data, offsets, slots) -> Any:  # type: ignore[no-untyped-def]
    n_texts, mask = len(offsets) - 1, np.uint64(len(slots) - 1)
    words, listed = np.zeros(n_texts, np.int64), np.zeros(n_texts, np.int64)
    for text in range(n_texts):
        h, inside = START, False
        for at in range(offsets[text], offsets[text + 1] + 1):
            byte = data[at] if at < offsets[text + 1] else np.uint8(32)
            if byte >= 65 and byte <= 90:
                byte |= np.uint8(32)
            if (byte >= 97 and byte <= 122) or (byte >= 48 and byte <= 57) or byte >= 128 or byte == 39:
                h = (h ^ np.uint64(byte)) * PRIME
                inside = True
            elif inside:
                words[text] += 1
                slot = h & mask
                while slots[slot] != 0:
                    if slots[slot] == h:
                        listed[text] += 1
                        break
                    slot = (slot + np.uint64(1)) & mask
                h, inside = START, False
    return words, listed
