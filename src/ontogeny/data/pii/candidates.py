"""The compiled pass that finds where personal data may be, so that patterns need not look at the rest.

It answers with stretches of bytes and what they may hold; it may name too many, never too few.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import numpy.typing as npt

from ontogeny.data.texts import Texts

AT, NUMBER, ACCOUNT, COLONS, TOKEN, ASSIGNED = range(6)
"""What a stretch may hold: an e-mail address; a phone, card or IPv4 number; an IBAN; IPv6; a token; a secret value."""

LOCAL_BYTES, DOMAIN_BYTES = 64, 255
"""Longest parts of an e-mail address (RFC 5321, section 4.5.3.1)."""

FEWEST_DIGITS = 7
"""A phone number has as many, a card number more."""

IBAN_BYTES = 34 + 8
"""The longest IBAN (ISO 13616), with spaces between groups of four."""

TOKEN_BYTES = 8192
"""How far a key block may reach."""

VALUE_BYTES = 512
"""How far the value of an assignment is looked for."""

ALNUM, DIGIT, HEX, LETTER, LOCAL, SEPARATOR = 1, 2, 4, 8, 16, 32


def _byte_classes() -> npt.NDArray[np.uint8]:
    classes = np.zeros(256, dtype=np.uint8)
    for byte in range(128):
        char = chr(byte)
        classes[byte] = (
            ALNUM * char.isalnum()
            | DIGIT * char.isdigit()
            | HEX * (char in "0123456789abcdefABCDEF")
            | LETTER * char.isalpha()
            | LOCAL * (char.isalnum() or char in "._%+-")
            | SEPARATOR * (char in " .-()/")
        )
    classes[128:] = ALNUM  # letters of other scripts touch a number as ours do
    return classes


def _starts(*prefixes: str) -> npt.NDArray[np.uint32]:
    return np.array([int.from_bytes(prefix.encode(), "big") for prefix in prefixes], dtype=np.uint32)


CLASSES = _byte_classes()
TOKEN_STARTS = _starts(
    *("AKIA", "ASIA", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "gith", "xoxb", "xoxp", "xoxa", "xoxr", "xoxs"),
    *("AIza", "sk_l", "rk_l", "sk-p", "sk-a", "glpa", "npm_", "eyJh", "eyJ0", "eyJr", "eyJj", "pypi"),
)
"""First four bytes of the tokens that `recognise.TOKENS` knows."""

TOKEN_FIRST = np.zeros(256, dtype=np.bool_)
TOKEN_FIRST[(TOKEN_STARTS >> 24).astype(np.int64)] = True

SECRET_ENDS = np.array(
    [int.from_bytes(end.encode(), "big") for end in ("ord", "swd", "pwd", "ret", "ken", "key")],
    dtype=np.uint32,
)
"""Last three letters of password, passwd, pwd, secret, token and key."""


def find_candidates(texts: Texts) -> npt.NDArray[np.int64]:
    """Where personal data may be: (m, 4) of what it may be, text, first byte and end, in the order of the bytes."""
    capacity = 1024 + len(texts.data) // 256
    while True:
        out = np.empty((capacity, 4), dtype=np.int64)
        count = _scan(texts.data, texts.offsets, CLASSES, TOKEN_STARTS, TOKEN_FIRST, SECRET_ENDS, out)
        if count <= capacity:
            return out[:count]
        capacity = count


@numba.njit(cache=True, nogil=True)
def _scan(data, offsets, classes, token_starts, token_first, secret_ends, out) -> Any:  # type: ignore[no-untyped-def]
    """Fill `out`, as far as it reaches, and answer with how many rows there are."""
    found = 0
    for text in range(len(offsets) - 1):
        begin, end = offsets[text], offsets[text + 1]
        at, before, colons_seen = begin, np.uint8(0), begin  # `before`: the class of the byte before
        while at < end:
            byte = data[at]
            kind = classes[byte]
            what, first, last, goto = -1, at, at, at + 1
            if kind & 2:
                if before & 2 == 0:
                    what, first, last = _at_digit(data, at, begin, end, before, classes)
                    goto = last if what == 1 else goto
            elif byte == 64:  # @
                first, last = _around_at(data, at, begin, end, classes)
                what = 0 if last > at else -1
            elif byte == 58 or byte == 61:  # : or =
                if byte == 58 and at >= colons_seen:
                    first, last = _around_colon(data, at, begin, end, classes)
                    if last > 0:
                        what, colons_seen = 3, last
                if what < 0 and _after_secret(data, at, begin, secret_ends):
                    what, first, last = 5, at, min(at + VALUE_BYTES, end)
            elif token_first[byte] and not before & 1 and at + 16 <= end:
                joined = at > begin and (data[at - 1] == 45 or data[at - 1] == 95)  # - or _: within a token
                if not joined and _starts_token(data, at, token_starts):
                    what, last = 4, min(at + TOKEN_BYTES, end)
            elif byte == 45 and at + 30 < end and _starts_block(data, at):
                what, last = 4, min(at + TOKEN_BYTES, end)
            if what >= 0:
                if found < len(out):
                    out[found, 0], out[found, 1], out[found, 2], out[found, 3] = what, text, first, last
                found += 1
            at = goto
            before = classes[data[at - 1]]
    return found


@numba.njit(cache=True, nogil=True)
def _at_digit(data, at, begin, end, before, classes) -> Any:  # type: ignore[no-untyped-def]
    """What may begin with the first of some digits: kind or -1, first byte, end."""
    if before & 8:
        last = _account(data, at, begin, end, classes)
        return (2, at - 2, last) if last > 0 else (-1, at, at)
    if before & 1 or (at > begin and data[at - 1] == 95):  # part of a name
        return -1, at, at
    first = at
    if at > begin and (data[at - 1] == 43 or data[at - 1] == 40):  # + or (
        first = at - 1
        if first > begin and data[first - 1] == 43 and data[first] == 40:
            first -= 1
    last, enough = _number(data, at, end, classes)
    return (1, first, last) if enough else (-1, at, at)


@numba.njit(cache=True, nogil=True)
def _number(data, at, end, classes) -> Any:  # type: ignore[no-untyped-def]
    """Where digits and what may separate them end, and whether they are enough for a number of anything."""
    digits, dots, apart, last = 0, 0, 0, at
    while at < end:
        byte = data[at]
        if classes[byte] & 2:
            digits += 1
            apart = 0
            last = at + 1
        elif classes[byte] & 32 and apart < 2:
            apart += 1
            dots += byte == 46
        else:
            break
        at += 1
    return last, digits >= 7 or (dots >= 3 and digits >= 4)


@numba.njit(cache=True, nogil=True)
def _account(data, at, begin, end, classes) -> Any:  # type: ignore[no-untyped-def]
    """Where what may be an IBAN with its check digits at `at` ends, or 0."""
    if at - begin < 2 or at + 13 > end or not classes[data[at - 2]] & 8 or not classes[data[at + 1]] & 2:
        return 0
    if at - begin > 2 and classes[data[at - 3]] & 1:
        return 0
    stop, ahead, alnum, apart = min(at - 2 + 42, end), at, 0, 0
    while ahead < stop:
        if classes[data[ahead]] & 1:
            alnum += 1
            apart = 0
        elif (data[ahead] == 32 or data[ahead] == 45) and apart == 0:
            apart = 1
        else:
            break
        ahead += 1
    return ahead if alnum >= 13 else 0


@numba.njit(cache=True, nogil=True)
def _around_at(data, at, begin, end, classes) -> Any:  # type: ignore[no-untyped-def]
    """What may be an e-mail address around an @; its end is at most `at` where there is none."""
    first, last, dot = at, at + 1, False
    while first > begin and at - first < 64 and classes[data[first - 1]] & 16:
        first -= 1
    while (
        last < end and last - at < 255 and (classes[data[last]] & 1 or data[last] == 45 or data[last] == 46)
    ):
        dot = dot or data[last] == 46
        last += 1
    return (first, last) if dot and first < at and last - at > 4 else (at, at)


@numba.njit(cache=True, nogil=True)
def _around_colon(data, at, begin, end, classes) -> Any:  # type: ignore[no-untyped-def]
    """What may be an IPv6 address around a colon; its end is 0 where there is none."""
    first, last, colons = at, at, 0
    while first > begin and at - first < 5 and classes[data[first - 1]] & 4:
        first -= 1
    while (
        last < end and last - first < 46 and (classes[data[last]] & 4 or data[last] == 58 or data[last] == 46)
    ):
        colons += data[last] == 58
        last += 1
    return (first, last) if colons >= 3 else (first, 0)


@numba.njit(cache=True, nogil=True)
def _after_secret(data, at, begin, secret_ends) -> Any:  # type: ignore[no-untyped-def]
    """Whether the word before `at` ends as those do that secrets are assigned to."""
    back = at - 1
    while back > begin and at - back < 4 and (data[back] == 32 or data[back] == 34 or data[back] == 39):
        back -= 1
    if back - begin < 2:
        return False
    end = np.uint32(0)
    for k in range(back - 2, back + 1):
        end = (end << np.uint32(8)) | np.uint32(data[k] | 32)
    return np.any(secret_ends == end)


@numba.njit(cache=True, nogil=True)
def _starts_token(data, at, token_starts) -> Any:  # type: ignore[no-untyped-def]
    start = np.uint32(0)
    for k in range(4):
        start = (start << np.uint32(8)) | np.uint32(data[at + k])
    return np.any(token_starts == start)


@numba.njit(cache=True, nogil=True)
def _starts_block(data, at) -> Any:  # type: ignore[no-untyped-def]
    """Whether -BEGIN, of a key block, stands four bytes on; rows of dashes go another way."""
    return data[at + 5] == 66 and data[at + 6] == 69 and data[at + 4] == 45 and data[at + 9] == 78
