"""Reads UTF-8 by character (compiled): import inside functions only. Positions are bytes; `classes` is the table of
`characters`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from ontogeny.data.signals.characters import BEFORE_DOT, IDEOGRAPH, LETTER, LOWER, TABLED, UPPER, WORD
from ontogeny.data.signals.special_cases import FNV_BASIS, FNV_PRIME

BASIS, PRIME = np.uint64(FNV_BASIS), np.uint64(FNV_PRIME)
_IDEOGRAPHIC = LETTER | LOWER | UPPER | WORD | IDEOGRAPH | BEFORE_DOT
_FAR_IDEOGRAPHS = 0x323AF  # the last assigned one in Unicode 15


@njit(cache=True, nogil=True)
def width_of(lead: Any) -> Any:
    """Bytes of the character that begins with the byte `lead`."""
    if lead < 0x80:
        return 1
    if lead < 0xE0:
        return 2
    return 3 if lead < 0xF0 else 4


@njit(cache=True, nogil=True)
def code_at(data: Any, at: Any) -> Any:
    """The code point that begins at `at`."""
    lead = np.int64(data[at])
    if lead < 0x80:
        return lead
    if lead < 0xE0:
        return (lead & 0x1F) << 6 | (np.int64(data[at + 1]) & 0x3F)
    if lead < 0xF0:
        return (lead & 0x0F) << 12 | (np.int64(data[at + 1]) & 0x3F) << 6 | (np.int64(data[at + 2]) & 0x3F)
    return (
        (lead & 0x07) << 18
        | (np.int64(data[at + 1]) & 0x3F) << 12
        | (np.int64(data[at + 2]) & 0x3F) << 6
        | (np.int64(data[at + 3]) & 0x3F)
    )


@njit(cache=True, nogil=True)
def class_of(classes: Any, code: Any) -> Any:
    """The bits of a code point."""
    if code < TABLED:
        return np.int64(classes[code])
    return np.int64(_IDEOGRAPHIC) if code <= _FAR_IDEOGRAPHS else np.int64(0)


@njit(cache=True, nogil=True)
def class_at(data: Any, at: Any, classes: Any) -> Any:
    """The bits of the character that begins at `at`."""
    lead = data[at]
    return np.int64(classes[lead]) if lead < 0x80 else class_of(classes, code_at(data, at))


@njit(cache=True, nogil=True)
def before(data: Any, at: Any) -> Any:
    """Where the character before `at` begins."""
    at -= 1
    while data[at] & 0xC0 == 0x80:
        at -= 1
    return at


@njit(cache=True, nogil=True)
def chars_in(data: Any, start: Any, end: Any) -> Any:
    """How many characters begin from `start` to `end`."""
    chars = 0
    for at in range(start, end):
        chars += data[at] & 0xC0 != 0x80
    return chars


@njit(cache=True, nogil=True)
def hash_of(data: Any, start: Any, end: Any, basis: Any) -> Any:
    """FNV-1a of the bytes from `start` to `end`, uint64."""
    value = basis
    for at in range(start, end):
        value = (value ^ np.uint64(data[at])) * PRIME
    return value
