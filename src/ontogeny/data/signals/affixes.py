"""The signs that come off a chunk at its ends, and that part it within (compiled).

The rules are those of spaCy's lang/punctuation.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from ontogeny.data.signals.cases import case_of
from ontogeny.data.signals.characters import (
    ALPHA,
    BEFORE_DOT,
    CURRENCY,
    DIGIT,
    ICON,
    LOWER,
    PREFIX,
    QUOTE,
    SUFFIX,
    UPPER,
)
from ontogeny.data.signals.reading import before, class_at, class_of, code_at, hash_of, width_of
from ontogeny.data.signals.special_cases import UNIT_BASIS

UNITS_FROM = np.uint64(UNIT_BASIS)
ELLIPSIS, EN_DASH, EM_DASH = 0x2026, 0x2013, 0x2014
RIGHT_QUOTE = 0x2019
DEGREE = 0xB0
LONGEST_UNIT = 4  # characters


@njit(cache=True, nogil=True)
def prefix_at(data: Any, start: Any, end: Any, classes: Any) -> Any:
    """Bytes of the sign that comes off the beginning, 0 for none."""
    lead = data[start]
    kind = class_at(data, start, classes)
    if kind & PREFIX:
        return width_of(lead)
    if lead == 0x2E:  # two dots or more
        run = start + 1
        while run < end and data[run] == 0x2E:
            run += 1
        return run - start if run - start > 1 else 0
    if lead == 0x2B:  # a plus that is no sign of a number
        return 0 if start + 1 < end and classes[data[start + 1]] & DIGIT else 1
    if lead == 0x3D:
        return 1
    if start + 1 < end and data[start + 1] == 0x24:  # US$, C$, A$
        return 2 if lead == 0x43 or lead == 0x41 else 0
    if start + 2 < end and data[start + 2] == 0x24 and lead == 0x55 and data[start + 1] == 0x53:
        return 3
    return 0


@njit(cache=True, nogil=True)
def suffix_at(data: Any, start: Any, end: Any, classes: Any, cases: Any) -> Any:
    """Bytes of the sign, ending or unit that comes off the end, 0 for none; the longest that there is."""
    last = before(data, end)
    lead = data[last]
    if lead == 0x2E:
        return _final_dots(data, start, end, classes)
    kind = class_at(data, last, classes)
    if kind & SUFFIX:
        if lead == 0xE2 and last - 3 >= start and code_at(data, last) == ELLIPSIS:
            previous = before(data, last)
            if code_at(data, previous) == ELLIPSIS:
                return end - previous
        return end - last
    if last == start:
        return 0
    previous = before(data, last)
    if lead == 0x73 or lead == 0x53:  # 's 'S ’s ’S
        if data[previous] == 0x27 or code_at(data, previous) == RIGHT_QUOTE:
            return end - previous
    elif lead == 0x2B:
        return 1 if classes[data[previous]] & DIGIT and data[previous] < 0x80 else 0
    if kind & CURRENCY:
        return _final_currency(data, start, end, last, previous, classes)
    return _final_unit(data, start, end, last, classes, cases)


@njit(cache=True, nogil=True)
def _final_dots(data: Any, start: Any, end: Any, classes: Any) -> Any:
    run = end - 1
    while run > start and data[run - 1] == 0x2E:
        run -= 1
    if end - run > 1:
        return end - run
    if run == start:
        return 0
    previous = before(data, run)
    kind = class_at(data, previous, classes)
    if kind & BEFORE_DOT:
        return 1
    if previous == start:
        return 0
    earlier = before(data, previous)
    if kind & UPPER and class_at(data, earlier, classes) & UPPER:
        return 1
    letter = data[previous] | 0x20
    return (
        1 if code_at(data, earlier) == DEGREE and (letter == 0x66 or letter == 0x63 or letter == 0x6B) else 0
    )


@njit(cache=True, nogil=True)
def _final_currency(data: Any, start: Any, end: Any, last: Any, previous: Any, classes: Any) -> Any:
    if classes[data[previous]] & DIGIT and data[previous] < 0x80:
        return end - last
    if data[last] == 0x24 and previous > start:
        letter, earlier = data[previous], previous - 1
        if (letter == 0x43 or letter == 0x41) and data[earlier] < 0x80 and classes[data[earlier]] & DIGIT:
            return 2
        if letter == 0x53 and data[earlier] == 0x55 and earlier > start:
            return 3 if data[earlier - 1] < 0x80 and classes[data[earlier - 1]] & DIGIT else 0
    return 0


@njit(cache=True, nogil=True)
def _final_unit(data: Any, start: Any, end: Any, last: Any, classes: Any, cases: Any) -> Any:
    """A unit of measurement behind a digit, in bytes."""
    at = last
    for _ in range(LONGEST_UNIT):
        if at <= start:
            return 0
        earlier = before(data, at)
        if data[earlier] < 0x80 and classes[data[earlier]] & DIGIT:
            return end - at if case_of(hash_of(data, at, end, UNITS_FROM), cases) else 0
        at = earlier
    return 0


@njit(cache=True, nogil=True)
def infix_at(data: Any, start: Any, end: Any, at: Any, classes: Any) -> Any:
    """Bytes of the sign at `at` that parts what stands around it, 0 for none."""
    lead = data[at]
    width = width_of(lead)
    if lead >= 0x80:
        code = code_at(data, at)
        if code == ELLIPSIS or class_of(classes, code) & ICON:
            return width
        if code != EN_DASH and code != EM_DASH:
            return 0
    after = at + width
    if lead == 0x2E and after < end and data[after] == 0x2E:
        while after < end and data[after] == 0x2E:
            after += 1
        return after - at
    if at == start or after >= end:
        return 0
    left, right = class_at(data, before(data, at), classes), class_at(data, after, classes)
    if lead == 0x2E:
        return 1 if left & (LOWER | QUOTE) and right & (UPPER | QUOTE) else 0
    if lead == 0x2C:
        return 1 if left & ALPHA and right & ALPHA else 0
    reckons = lead == 0x2B or lead == 0x2D or lead == 0x2A or lead == 0x5E
    if left & DIGIT and reckons and (right & DIGIT or data[after] == 0x2D):
        return 1
    if not left & (ALPHA | DIGIT):
        return 0
    if right & ALPHA:
        joins = lead == 0x2D or lead == 0x7E or lead >= 0x80
        return width if joins or 0x3C <= lead <= 0x3E or lead == 0x3A or lead == 0x2F else 0
    return _long_dash(data, end, at, lead, classes)


@njit(cache=True, nogil=True)
def _long_dash(data: Any, end: Any, at: Any, lead: Any, classes: Any) -> Any:
    """-- or --- or —— before a letter, in bytes."""
    if lead == 0x2D:
        for length in (2, 3):
            if at + length < end and data[at + length - 1] == 0x2D:
                if class_at(data, at + length, classes) & ALPHA:
                    return length
            else:
                return 0
    elif lead >= 0x80 and code_at(data, at) == EM_DASH and at + 6 < end and code_at(data, at + 3) == EM_DASH:
        return 6 if class_at(data, at + 6, classes) & ALPHA else 0
    return 0
