"""Looks words up in the table of `special_cases` (compiled)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from ontogeny.data.signals.reading import BASIS, hash_of
from ontogeny.data.signals.special_cases import HOMES, MAX_BYTES, PART_BITS, SLOT_BITS, SLOTS, SPECIAL, SPREAD

_SPREAD, _SHIFT, _ONE = np.uint64(SPREAD), np.uint64(64 - SLOT_BITS), np.uint64(1)


@njit(cache=True, nogil=True)
def case_of(value: Any, cases: Any) -> Any:
    """The bits of the entry of `special_cases()` that has this hash, or 0."""
    slot = np.int64((value * _SPREAD) >> _SHIFT)
    if not (cases[HOMES + (slot >> 6)] >> np.uint64(slot & 63)) & _ONE:
        return np.int64(0)
    while True:
        place = np.int64(cases[slot])
        if place == 0:
            return np.int64(0)
        if cases[place] == value:
            return np.int64(cases[place + 1])
        slot = (slot + 1) & (SLOTS - 1)


@njit(cache=True, nogil=True)
def may_be_case(data: Any, start: Any, size: Any, cases: Any) -> Any:
    """Whether some entry has this first byte and this many bytes, at least one."""
    return size <= MAX_BYTES and (cases[SLOTS + np.int64(data[start])] >> np.uint64(size)) & _ONE != 0


@njit(cache=True, nogil=True)
def special_at(data: Any, start: Any, end: Any, cases: Any) -> Any:
    """The bits of the special case that stands from `start` to `end`, or 0."""
    if end <= start or not may_be_case(data, start, end - start, cases):
        return np.int64(0)
    bits = case_of(hash_of(data, start, end, BASIS), cases)
    return bits if bits & SPECIAL else np.int64(0)


@njit(cache=True, nogil=True)
def is_cut(bits: Any) -> Any:
    """Whether a special case has more than one part."""
    return bits & (MAX_BYTES << PART_BITS) != 0
