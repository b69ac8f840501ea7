"""The compiled pass over lines and paragraphs."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from ontogeny.data.signals.characters import LINE_BREAK, SPACE, TERMINAL
from ontogeny.data.signals.reading import BASIS, PRIME, before, chars_in, class_at, code_at, width_of

SHORT_LINE_CHARS = 30
"""A line up to here is short: FineWeb, arXiv:2406.17557, section 3.6."""
NEW_LINE, HASH, DOT, BULLET, DASH = 0x0A, 0x23, 0x2E, 0x2022, 0x2D
_SPREAD, _32 = np.uint64(0x9E3779B97F4A7C15), np.uint64(32)

COLUMNS = 17


@njit(cache=True, nogil=True)
def pass_over_lines(data: Any, offsets: Any, classes: Any, out: Any) -> None:
    """Fill `out` (n, 17) int64; columns as `lines.py` names them."""
    keys, marks = np.empty(64, np.uint64), np.empty(64, np.int8)
    for text in range(len(offsets) - 1):
        start, end, row = offsets[text], offsets[text + 1], out[text]
        _count_signs(data, start, end, row)
        other_breaks = _count_ellipses(data, start, end, row)
        size = 64
        while size < 2 * (row[1] + 2):  # there are no more lines or paragraphs than line feeds and two
            size *= 2
        if size > len(keys):
            keys, marks = np.empty(size, np.uint64), np.empty(size, np.int8)
        marks[:size] = 0
        _count_lines(data, start, end, classes, keys, marks, size, row)
        if other_breaks:
            _count_shown_lines(data, start, end, classes, row)
        marks[:size] = 0
        _count_paragraphs(data, start, end, classes, keys, marks, size, row)


@njit(cache=True, nogil=True)
def _count_signs(data: Any, start: Any, end: Any, row: Any) -> None:
    """Characters, line feeds and `#`."""
    chars, feeds, hashes = 0, 0, 0
    for at in range(start, end):
        byte = data[at]
        chars += byte & 0xC0 != 0x80
        feeds += byte == NEW_LINE
        hashes += byte == HASH
    row[0], row[1], row[2] = chars, feeds, hashes


@njit(cache=True, nogil=True)
def _count_ellipses(data: Any, start: Any, end: Any, row: Any) -> Any:
    """Ellipses, as dots from the left and as one character; and whether more than line feeds break lines."""
    ellipses, at, other_breaks = 0, start, False
    while at < end:
        byte = data[at]
        if byte == DOT:
            run = at
            while at < end and data[at] == DOT:
                at += 1
            ellipses += (at - run) // 3
            continue
        if byte < 0x20:
            other_breaks |= byte != NEW_LINE and byte != 0x09
        elif byte == 0xE2 and data[at + 1] == 0x80:
            last = data[at + 2]
            ellipses += last == 0xA6
            other_breaks |= last == 0xA8 or last == 0xA9
        elif byte == 0xC2:
            other_breaks |= data[at + 1] == 0x85
        at += 1
    row[3] = ellipses
    return other_breaks


@njit(cache=True, nogil=True)
def _count_shown_lines(data: Any, start: Any, end: Any, classes: Any, row: Any) -> None:
    """Lines as str.splitlines cuts them, at more than line feeds: all, with a bullet first, with an ellipsis last."""
    lines, bullets, ellipses, at = 0, 0, 0, start
    while at < end:
        first, last_start = -1, -1  # the first and the last character that is not a space
        while at < end:
            kind = class_at(data, at, classes)
            if kind & LINE_BREAK:
                break
            if not kind & SPACE:
                first = at if first < 0 else first
                last_start = at
            at += width_of(data[at])
        lines += 1
        if first >= 0:
            bullets += data[first] == DASH or code_at(data, first) == BULLET
            ellipses += _ends_in_ellipsis(data, first, last_start + width_of(data[last_start]))
        if at < end:
            returns = data[at] == 0x0D and at + 1 < end and data[at + 1] == NEW_LINE
            at += 2 if returns else width_of(data[at])
    row[4], row[5], row[6] = lines, bullets, ellipses


@njit(cache=True, nogil=True)
def _count_lines(
    data: Any, start: Any, end: Any, classes: Any, keys: Any, marks: Any, size: Any, row: Any
) -> None:
    """Lines between line feeds: those with text, how they begin and end, their lengths, and which stood before."""
    filled, terminal, short, bullets, ellipsis_ends = 0, 0, 0, 0, 0
    elements, copies, copied_chars, copied_filled_chars, at = 0, 0, 0, 0, start
    edges = 0  # where the text begins or ends with line feeds, a split at them gives an empty line there
    if end > start:
        edges = (data[start] == NEW_LINE) + (data[end - 1] == NEW_LINE)
    plain = row[0] == end - start
    while at < end:
        begin = at
        while at < end and data[at] != NEW_LINE:
            at += 1
        if at > begin:
            elements += 1
            chars = at - begin if plain else chars_in(data, begin, at)
            seen = _stands(_hash(data, begin, at), keys, marks, size)
            copies += seen
            copied_chars += chars * seen
            first, last = _without_spaces(data, begin, at, classes)
            if last > first:
                filled += 1
                copied_filled_chars += chars * seen
                short += chars <= SHORT_LINE_CHARS
                terminal += class_at(data, before(data, at), classes) & TERMINAL != 0
                bullets += data[first] == DASH or code_at(data, first) == BULLET
                ellipsis_ends += _ends_in_ellipsis(data, first, last)
        at += 1
    if elements == 0:
        edges = 1 if end == start else 2
    row[4] = row[1] + (end > start and data[end - 1] != NEW_LINE)
    row[5], row[6] = bullets, ellipsis_ends
    row[7], row[8], row[9], row[10] = filled, terminal, short, copied_filled_chars
    row[11], row[12], row[13] = elements + edges, copies + max(edges - 1, 0), copied_chars


@njit(cache=True, nogil=True)
def _count_paragraphs(
    data: Any, start: Any, end: Any, classes: Any, keys: Any, marks: Any, size: Any, row: Any
) -> None:
    """What stands between two or more line feeds, in the text without the spaces at its ends."""
    at, end = _without_spaces(data, start, end, classes)
    paragraphs, copies, copied_chars = 0, 0, 0
    while True:
        begin = at
        while at < end and not (
            data[at] == NEW_LINE and data[at + 1] == NEW_LINE
        ):  # the last is no line feed
            at += 1
        paragraphs += 1
        if _stands(_hash(data, begin, at), keys, marks, size):
            copies += 1
            copied_chars += chars_in(data, begin, at)
        if at >= end:
            break
        while data[at] == NEW_LINE:
            at += 1
    row[14], row[15], row[16] = paragraphs, copies, copied_chars


@njit(cache=True, nogil=True)
def _without_spaces(data: Any, start: Any, end: Any, classes: Any) -> Any:
    """Where the text from `start` to `end` begins and ends without the spaces at its ends."""
    while start < end and class_at(data, start, classes) & SPACE:
        start += width_of(data[start])
    while end > start:
        last = before(data, end)
        if not class_at(data, last, classes) & SPACE:
            break
        end = last
    return start, end


@njit(cache=True, nogil=True)
def _ends_in_ellipsis(data: Any, start: Any, end: Any) -> Any:
    if end - start < 3:
        return False
    if data[end - 1] == DOT:
        return data[end - 2] == DOT and data[end - 3] == DOT
    return data[end - 3] == 0xE2 and data[end - 2] == 0x80 and data[end - 1] == 0xA6


@njit(cache=True, nogil=True)
def _hash(data: Any, start: Any, end: Any) -> Any:
    """64 bits of the bytes, eight at a time: FNV's steps over words, with the high bits mixed into the low ones."""
    value, at = BASIS ^ np.uint64(end - start), start
    while at + 8 <= end:
        word = np.uint64(0)
        for byte in range(8):
            word |= np.uint64(data[at + byte]) << np.uint64(8 * byte)
        value = (value ^ word) * _SPREAD
        value ^= value >> _32
        at += 8
    while at < end:
        value = (value ^ np.uint64(data[at])) * PRIME
        at += 1
    return value


@njit(cache=True, nogil=True)
def _stands(value: Any, keys: Any, marks: Any, size: Any) -> Any:
    """1 if `value` is in the table already, else 0 and it is put there."""
    mixed = (value ^ (value >> _32)) * _SPREAD
    slot = np.int64(mixed >> _32) & (size - 1)
    while marks[slot]:
        if keys[slot] == value:
            return 1
        slot = (slot + 1) & (size - 1)
    marks[slot] = 1
    keys[slot] = value
    return 0
