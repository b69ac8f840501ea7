"""Where the words of a text begin and end: the pattern `QWEN2_PATTERN` as a compiled pass over UTF-8 bytes.

A regular expression engine takes most of the time of learning a tokenizer. This pass finds the same words, tens of
times faster. What is a letter, a number or white space is asked of the engine that `tokenizers` itself uses, so that
a tokenizer is learnt from the very words that it will later see, whatever version of Unicode that engine knows.

It reads valid UTF-8 only, which is what `Texts` hold.
"""

from __future__ import annotations

import functools
from typing import Any

import numba
import numpy as np
import numpy.typing as npt

from ontogeny.data.texts import Texts

OTHER, LETTER, NUMBER, SPACE, LINE_END = 0, 1, 2, 3, 4  # LINE_END: \r and \n, which are white space too
CODE_POINTS = 0x110000
ASSIGNED = (range(0xD800), range(0xE000, 0x34000), range(0xE0000, 0xE0200))
"""Planes that hold letters, numbers and white space; the rest is private or unassigned (Unicode 17, section 2.8)."""
ASKED_AT_ONCE = 1 << 13  # characters: the engine takes some hundred bytes for each
CLASS_PATTERNS = ((LETTER, r"\p{L}+"), (NUMBER, r"\p{N}+"), (SPACE, r"\s+"))


@functools.cache
def character_classes() -> npt.NDArray[np.uint8]:
    """The class of each code point, (0x110000,) uint8, as the engine of `tokenizers` sees it."""
    from tokenizers import Regex, pre_tokenizers

    classes = np.zeros(CODE_POINTS, dtype=np.uint8)
    for kind, pattern in CLASS_PATTERNS:
        splitter = pre_tokenizers.Split(Regex(pattern), behavior="removed", invert=True)
        for part in ASSIGNED:
            for first in range(part.start, part.stop, ASKED_AT_ONCE):
                codes = np.arange(first, min(first + ASKED_AT_ONCE, part.stop), dtype="<u4")
                for _, (start, end) in splitter.pre_tokenize_str(codes.tobytes().decode("utf-32-le")):
                    classes[codes[start:end]] = kind
    classes[[ord("\r"), ord("\n")]] = LINE_END
    return classes


def split(text: str) -> list[str]:
    """The words of `text`; joined, they are the text."""
    texts = Texts.of([text])
    ends = word_ends(texts.data, texts.offsets, character_classes()).tolist()
    raw = texts.data.tobytes()
    return [raw[start:end].decode() for start, end in zip([0, *ends[:-1]], ends, strict=True)] if ends else []


@numba.njit(cache=True, nogil=True)
def word_ends(data, offsets, classes) -> Any:  # type: ignore[no-untyped-def]
    """Where each word of each text ends in `data` (bytes,), (words,) int64."""
    ends = np.empty(len(data), np.int64)
    count = 0
    for text in range(len(offsets) - 1):
        at, end = offsets[text], offsets[text + 1]
        while at < end:
            at = word_end(data, at, end, classes)
            ends[count] = at
            count += 1
    return ends[:count].copy()


@numba.njit(cache=True, nogil=True)
def word_end(data, at, end, classes) -> Any:  # type: ignore[no-untyped-def]
    """The end of the word that begins at `at` of a text that ends at `end`. The alternatives in the pattern's order."""
    first = data[at]
    if first == 39 and at + 1 < end:  # an apostrophe
        tail = _contraction(data, at + 1, end)
        if tail > 0:
            return at + 1 + tail
    kind, after = _class_at(data, at, classes)
    if kind == LETTER:
        return _run(data, after, end, classes, LETTER)
    if kind == NUMBER:
        return after
    following, beyond = OTHER, after
    if after < end:
        following, beyond = _class_at(data, after, classes)
        if following == LETTER and kind != LINE_END:
            return _run(data, beyond, end, classes, LETTER)
    if kind == OTHER or (first == 32 and after < end and following == OTHER):
        return _line_ends(data, _run(data, after, end, classes, OTHER), end)
    return _white_space(data, at, end, classes)


@numba.njit(cache=True, nogil=True, inline="always")
def _class_at(data, at, classes) -> Any:  # type: ignore[no-untyped-def]
    """The class of the character at `at`, and where the next one begins (RFC 3629, section 3)."""
    first = np.int64(data[at])
    if first < 0x80:
        return np.int64(classes[first]), at + 1
    if first < 0xE0:
        return np.int64(classes[(first & 0x1F) << 6 | (data[at + 1] & 0x3F)]), at + 2
    if first < 0xF0:
        code = (first & 0x0F) << 12 | (np.int64(data[at + 1]) & 0x3F) << 6 | (data[at + 2] & 0x3F)
        return np.int64(classes[code]), at + 3
    code = (first & 0x07) << 18 | (np.int64(data[at + 1]) & 0x3F) << 12
    code |= (np.int64(data[at + 2]) & 0x3F) << 6 | (data[at + 3] & 0x3F)
    return np.int64(classes[code]), at + 4


@numba.njit(cache=True, nogil=True, inline="always")
def _run(data, at, end, classes, wanted) -> Any:  # type: ignore[no-untyped-def]
    """The end of the run of characters of class `wanted` from `at` on."""
    while at < end:
        kind, after = _class_at(data, at, classes)
        if kind != wanted:
            break
        at = after
    return at


@numba.njit(cache=True, nogil=True, inline="always")
def _line_ends(data, at, end) -> Any:  # type: ignore[no-untyped-def]
    while at < end and (data[at] == 10 or data[at] == 13):
        at += 1
    return at


@numba.njit(cache=True, nogil=True)
def _contraction(data, at, end) -> Any:  # type: ignore[no-untyped-def]
    """Bytes of s, t, re, ve, m, ll or d at `at`, in either case, else 0; the long s (U+017F) folds to s."""
    first = data[at] | 32
    if first == 115 or first == 116 or first == 109 or first == 100:  # s t m d
        return 1 if data[at] < 128 and data[at] >= 65 else 0
    if at + 1 >= end:
        return 0
    if data[at] == 0xC5 and data[at + 1] == 0xBF:
        return 2
    if data[at] < 65 or data[at] >= 128 or data[at + 1] < 65 or data[at + 1] >= 128:
        return 0
    second = data[at + 1] | 32
    if (first == 114 or first == 118) and second == 101:  # re ve
        return 2
    return 2 if first == 108 and second == 108 else 0  # ll


@numba.njit(cache=True, nogil=True)
def _white_space(data, start, end, classes) -> Any:  # type: ignore[no-untyped-def]
    """The last three alternatives: through the last line end of the run; or all of it but one; or all of it."""
    at, before, line_end = start, start, np.int64(-1)
    while at < end:
        kind, after = _class_at(data, at, classes)
        if kind != SPACE and kind != LINE_END:
            break
        if kind == LINE_END:
            line_end = after
        before, at = at, after
    if line_end >= 0:
        return line_end
    return before if at < end and before > start else at
