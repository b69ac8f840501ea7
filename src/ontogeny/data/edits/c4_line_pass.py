"""The compiled pass of C4's rules for lines (see `c4_lines`)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from ontogeny.data.signals.characters import DECIMAL, LINE_BREAK, SPACE
from ontogeny.data.signals.reading import before, chars_in, class_at, width_of
from ontogeny.data.signals.sentences import count_sentences

NO_BOUND = 1 << 62
KEPT, TOO_LONG_WORD, NO_TERMINAL, TOO_FEW_WORDS, JAVASCRIPT, POLICY = range(6)
_LOREM, _CURLY, _CITATIONS, _SENTENCES = 7, 8, 9, 10

NEW_LINE, BLANK, OPEN, CLOSE, CURLY, DOT = 0x0A, 0x20, 0x5B, 0x5D, 0x7B, 0x2E
_EDIT, _NEEDED = np.frombuffer(b"edit]", np.uint8), np.frombuffer(b"citation needed]", np.uint8)
# What is looked for, in one buffer: lorem ipsum, javascript, then the phrases of C4's policy rule.
_PHRASES = (
    b"lorem ipsum",
    b"javascript",
    b"terms of use",
    b"privacy policy",
    b"cookie policy",
    b"uses cookies",
    b"use of cookies",
    b"use cookies",
)
_NEEDLES = np.frombuffer(b"".join(_PHRASES), np.uint8)
_NEEDLE_ENDS = np.cumsum([len(phrase) for phrase in _PHRASES])
# A bit for each phrase that a byte begins, and that it is the second letter of, in either case.
_FIRSTS, _SECONDS = np.zeros(256, np.uint8), np.zeros(256, np.uint8)
for _number, _phrase in enumerate(_PHRASES):
    for _table, _letter in ((_FIRSTS, _phrase[0]), (_SECONDS, _phrase[1])):
        _table[_letter] |= 1 << _number
        _table[_letter - 0x20] |= 1 << _number
_FOUND_LOREM, _FOUND_JAVASCRIPT = 1, 2


@njit(cache=True, nogil=True)
def bound_of_lines(data: Any, offsets: Any, classes: Any) -> Any:
    """No fewer lines than the texts have together."""
    lines = len(offsets)
    for byte in data:
        lines += byte >= 0x80 or classes[byte] & LINE_BREAK != 0
    return lines


@njit(cache=True, nogil=True)
def pass_over_c4_lines(
    data: Any, offsets: Any, classes: Any, cases: Any, options: Any,
    out: Any, out_offsets: Any, codes: Any, sizes: Any, words: Any, line_offsets: Any, counts: Any,
) -> None:  # fmt: skip
    """Write the edited texts into `out`, and counts (n, 11).

    Of each line before the edit: what became of it into `codes`, its bytes without what breaks it into `sizes`, its
    words into `words`; those of text i stand from `line_offsets[i]` on.
    """
    ends, filled, line_number = np.empty(1 << 12, np.int64), 0, 0
    for text in range(len(offsets) - 1):
        at, stop, row, begin, kept = offsets[text], offsets[text + 1], counts[text], filled, 0
        while at < stop:
            end = _end_of_line(data, at, stop, classes)
            if kept:
                out[filled] = NEW_LINE
            line = filled + (kept > 0)
            if end - at > len(ends):
                ends = np.empty(2 * (end - at), np.int64)
            code, filled_to, of_line = _edit_line(
                data, at, end, classes, cases, options, out, line, row, ends
            )
            if code == KEPT:
                filled, kept = filled_to, kept + 1
            codes[line_number], sizes[line_number], words[line_number] = code, end - at, of_line
            line_number += 1
            row[0] += 1
            row[1 + code] += 1
            at = end
            if at < stop:
                returns = data[at] == 0x0D and at + 1 < stop and data[at + 1] == NEW_LINE
                at += 2 if returns else width_of(data[at])
        filled = _strip(out, begin, filled, classes)
        out_offsets[text + 1] = filled
        line_offsets[text + 1] = line_number


@njit(cache=True, nogil=True)
def _edit_line(
    data: Any, start: Any, end: Any, classes: Any, cases: Any, options: Any, out: Any, into: Any, row: Any, ends: Any
) -> Any:  # fmt: skip
    """What becomes of one line, where its text ends in `out`, and its words."""
    terminal, citations, min_words, max_word_chars, javascript, policy = options
    words, longest, start, end = _measure_line(data, start, end, classes, max_word_chars)
    if longest > max_word_chars:
        return TOO_LONG_WORD, into, words
    stop, cut = _copy(data, start, end, classes, citations, out, into)
    if terminal and not _ends_sentence(out, into, stop):
        return NO_TERMINAL, into, words
    if words < min_words:
        return TOO_FEW_WORDS, into, words
    found, curly = _find(out, into, stop)
    row[_LOREM] += found & _FOUND_LOREM != 0
    if javascript and found & _FOUND_JAVASCRIPT:
        return JAVASCRIPT, into, words
    row[_CURLY] += curly
    if policy and found > _FOUND_LOREM | _FOUND_JAVASCRIPT:
        return POLICY, into, words
    row[_CITATIONS] += cut
    row[_SENTENCES] += count_sentences(out, into, stop, classes, cases, ends)
    return KEPT, stop, words


@njit(cache=True, nogil=True)
def _end_of_line(data: Any, at: Any, stop: Any, classes: Any) -> Any:
    """Where str.splitlines would cut next, or `stop`."""
    while at < stop:
        byte = data[at]
        # Only these begin a character that breaks lines.
        if (byte < BLANK or byte == 0xC2 or byte == 0xE2) and class_at(data, at, classes) & LINE_BREAK:
            break
        at += 1
    return at


@njit(cache=True, nogil=True)
def _measure_line(data: Any, start: Any, end: Any, classes: Any, enough: Any) -> Any:
    """Words between spaces, characters of the longest, and where the line begins and ends without outer spaces.

    Of words of at most `enough` bytes the longest is not looked for.
    """
    words, longest, first, last, at = 0, 0, start, start, start
    while at < end:
        while at < end and class_at(data, at, classes) & SPACE:
            at += width_of(data[at])
        begin = at
        while at < end:
            byte = data[at]
            if (byte <= BLANK or byte >= 0x80) and class_at(data, at, classes) & SPACE:
                break
            at += width_of(byte)
        if at > begin:
            first = begin if words == 0 else first
            words, last = words + 1, at
            if at - begin > enough:
                longest = max(longest, chars_in(data, begin, at))
    return words, longest, first, last


@njit(cache=True, nogil=True)
def _copy(data: Any, at: Any, end: Any, classes: Any, citations: Any, out: Any, into: Any) -> Any:
    """Copy a line without its citation marks; where it ends, and how many there were."""
    cut = 0
    while at < end:
        mark = at
        while mark < end and not (citations and data[mark] == OPEN):
            mark += 1
        for offset in range(mark - at):
            out[into + offset] = data[at + offset]
        into, at = into + mark - at, mark
        if at < end:
            after = _after_citation(data, at, end, classes)
            if after:
                at, cut = after, cut + 1
            else:
                out[into] = OPEN
                into, at = into + 1, at + 1
    return into, cut


@njit(cache=True, nogil=True)
def _after_citation(data: Any, at: Any, end: Any, classes: Any) -> Any:
    """Where the citation mark at `at` ends, 0 if there is none."""
    mark = at + 1
    while mark < end and class_at(data, mark, classes) & DECIMAL:
        mark += width_of(data[mark])
    if mark < end and data[mark] == CLOSE:
        return mark + 1
    for text in (_EDIT, _NEEDED):
        if at + len(text) < end:
            same = True
            for index in range(len(text)):
                same = same and data[at + 1 + index] == text[index]
            if same:
                return at + 1 + len(text)
    return 0


@njit(cache=True, nogil=True)
def _ends_sentence(data: Any, start: Any, end: Any) -> Any:
    if end == start:
        return False
    last = data[end - 1]
    if last == DOT:
        return not (end - start >= 3 and data[end - 2] == DOT and data[end - 3] == DOT)
    return last == 0x3F or last == 0x21 or last == 0x22 or last == 0x27


@njit(cache=True, nogil=True)
def _find(data: Any, start: Any, end: Any) -> Any:
    """A bit for each phrase that the line holds in any case of its letters, and whether it holds a curly bracket."""
    found, curly = 0, False
    for at in range(start, end):
        curly |= data[at] == CURLY
    for at in range(start, end - 1):
        if not _FIRSTS[data[at]] & _SECONDS[data[at + 1]]:
            continue
        begin = 0
        for number in range(len(_NEEDLE_ENDS)):
            stop = _NEEDLE_ENDS[number]
            index = begin
            if at + stop - begin <= end:
                while index < stop and _lower(data[at + index - begin]) == _NEEDLES[index]:
                    index += 1
            if index == stop:
                found |= 1 << number
            begin = stop
    return found, curly


@njit(cache=True, nogil=True)
def _lower(byte: Any) -> Any:
    return byte | 0x20 if 0x41 <= byte <= 0x5A else byte


@njit(cache=True, nogil=True)
def _strip(out: Any, begin: Any, end: Any, classes: Any) -> Any:
    """Take the spaces at both ends off the text that was written last; where it ends now."""
    first = begin
    while first < end and class_at(out, first, classes) & SPACE:
        first += width_of(out[first])
    while end > first:
        last = before(out, end)
        if not class_at(out, last, classes) & SPACE:
            break
        end = last
    if first > begin:
        for at in range(first, end):
            out[at - first + begin] = out[at]
    return begin + end - first
