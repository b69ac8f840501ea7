"""Tells addresses of the web and of mail, which are one word, from other chunks (compiled)."""

from __future__ import annotations

from typing import Any

from numba import njit

from ontogeny.data.signals.characters import DIGIT, HOST, LOWER, WORD
from ontogeny.data.signals.reading import class_at, width_of

LONGEST_LABEL, LONGEST_TOP = (
    64,
    63,
)  # of a host name, in characters: RFC 1035 and the pattern that spaCy takes


@njit(cache=True, nogil=True)
def is_address(data: Any, start: Any, end: Any, classes: Any) -> Any:
    """Whether the chunk from `start` to `end` reads as a web address or mail address: scheme, user, host, path."""
    if _host_follows(data, start, end, classes):
        return True
    at, after_scheme = start, start
    while at < end and (
        class_at(data, at, classes) & WORD or data[at] == 0x2B or data[at] == 0x2D or data[at] == 0x2E
    ):
        at += width_of(data[at])
    if (
        at >= start + 2
        and at + 3 < end
        and data[at] == 0x3A
        and data[at + 1] == 0x2F
        and data[at + 2] == 0x2F
    ):
        after_scheme = at + 3
        if _host_follows(data, after_scheme, end, classes):
            return True
    for at in range(start + 1, end - 1):  # noqa: SIM110 (compiled code has no generators)
        if data[at] == 0x40 and _host_follows(data, at + 1, end, classes):
            return True
    return False


@njit(cache=True, nogil=True)
def _host_follows(data: Any, start: Any, end: Any, classes: Any) -> Any:
    """Whether a name of a host, or four numbers, stands at `start`, and then nothing, a port or a path."""
    at, label, dots, numbers = start, start, 0, True
    label_chars, top_is_lower = 0, True
    while at < end:
        if data[at] == 0x2E:
            if label_chars == 0 or label_chars > LONGEST_LABEL or _bad_label_end(data, label, at):
                return False
            dots, label, label_chars, top_is_lower = dots + 1, at + 1, 0, True
            at += 1
            continue
        kind = class_at(data, at, classes)
        if not kind & HOST:
            break
        label_chars += 1
        top_is_lower = top_is_lower and kind & LOWER != 0
        numbers = numbers and kind & DIGIT != 0
        at += width_of(data[at])
    named = dots >= 1 and 2 <= label_chars <= LONGEST_TOP and top_is_lower
    if not named and not (numbers and dots == 3 and _public_address(data, start, at)):
        return False
    if at < end and data[at] == 0x3A:
        port = at + 1
        while port < end and data[port] < 0x80 and classes[data[port]] & DIGIT:
            port += 1
        if not 2 <= port - at - 1 <= 5:
            return False
        at = port
    return at == end or data[at] == 0x2F or data[at] == 0x3F or data[at] == 0x23


@njit(cache=True, nogil=True)
def _public_address(data: Any, start: Any, end: Any) -> Any:
    """Whether four numbers are an address that is not of a private network (RFC 1918, 3927) or out of range."""
    one, two, value, dots = -1, -1, 0, 0
    for at in range(start, end):
        if data[at] == 0x2E:
            one, two = (value, two) if dots == 0 else (one, value if dots == 1 else two)
            value, dots = 0, dots + 1
        else:
            value = value * 10 + data[at] - 0x30
            if value > 255:
                return False
    private = one == 10 or one == 127 or (one == 169 and two == 254) or (one == 192 and two == 168)
    private = private or (one == 172 and 16 <= two <= 31)
    return not private and 1 <= one <= 223 and 1 <= value <= 254


@njit(cache=True, nogil=True)
def _bad_label_end(data: Any, start: Any, end: Any) -> Any:
    first, last = data[start], data[end - 1]
    return first == 0x2D or first == 0x5F or last == 0x2D or last == 0x5F
