"""Cuts a chunk of text (what stands between spaces) into words, the way spaCy's blank English tokenizer does.

From outside in: signs at both ends come off one by one until the rest is a special case or has none, then the rest is
cut at signs between letters or numbers, unless it is an address of the web. The rules are those of spaCy's
lang/punctuation.py; here they are tests on single characters and their neighbours, without regular expressions.
Compiled: import inside functions only. Positions are bytes; `classes` is `character_classes()`.
"""

from __future__ import annotations

from typing import Any

from numba import njit

from ontogeny.data.signals.addresses import is_address
from ontogeny.data.signals.affixes import infix_at, prefix_at, suffix_at
from ontogeny.data.signals.cases import is_cut, special_at
from ontogeny.data.signals.characters import IDEOGRAPH, WORD
from ontogeny.data.signals.reading import class_at, width_of
from ontogeny.data.signals.special_cases import MAX_BYTES, PART_BITS, STOP_SHIFT

LONGEST_CASE = 5  # words that a special case is put together from


@njit(cache=True, nogil=True)
def split_chunk(data: Any, start: Any, end: Any, classes: Any, cases: Any, ends: Any) -> Any:
    """Write where each word of the chunk ends into `ends` (at least end - start long); the number of words."""
    whole = special_at(data, start, end, cases)
    if whole:
        return _write_case(start, whole, ends, 0)
    left, right, count, tail = start, end, 0, len(ends)
    while left < right:
        special = special_at(data, left, right, cases)
        if special:
            break
        prefix = prefix_at(data, left, right, classes)
        if prefix and special_at(data, left + prefix, right, cases):
            left += prefix
            ends[count] = left
            count += 1
            break
        suffix = suffix_at(data, left + prefix, right, classes, cases) if left + prefix < right else 0
        if suffix and special_at(data, left, right - suffix, cases):
            tail -= 1
            ends[tail] = right
            right -= suffix
            break
        if not prefix and not suffix:
            break
        if prefix:
            left += prefix
            ends[count] = left
            count += 1
        if suffix:
            tail -= 1
            ends[tail] = right
            right -= suffix
    if left < right:
        count = _split_middle(data, left, right, classes, cases, ends, count)
    for at in range(tail, len(ends)):
        ends[count] = ends[at]
        count += 1
    return _rejoin(data, start, count, classes, cases, ends) if count > 1 else count


@njit(cache=True, nogil=True)
def _write_case(start: Any, bits: Any, ends: Any, count: Any) -> Any:
    at, parts = start, bits & ((1 << STOP_SHIFT) - 1)
    while parts:
        at += parts & MAX_BYTES
        ends[count] = at
        count += 1
        parts >>= PART_BITS
    return count


@njit(cache=True, nogil=True)
def _split_middle(data: Any, start: Any, end: Any, classes: Any, cases: Any, ends: Any, count: Any) -> Any:
    """The words of what is left when the signs at both ends are off."""
    special = special_at(data, start, end, cases)
    if special:
        return _write_case(start, special, ends, count)
    at, word, asked = start, start, False
    while at < end:
        infix = infix_at(data, start, end, at, classes)
        if not infix or at == start:  # a sign at the very beginning stays with what follows
            at += infix if infix else width_of(data[at])
            continue
        if not asked:
            asked = True
            if is_address(data, start, end, classes):
                break
        if at > word:
            ends[count] = at
            count += 1
        at += infix
        ends[count] = at
        count += 1
        word = at
    if word < end:
        ends[count] = end
        count += 1
    return count


@njit(cache=True, nogil=True)
def _rejoin(data: Any, begin: Any, count: Any, classes: Any, cases: Any, ends: Any) -> Any:
    """Neighbouring words that together are a special case become one: `a` `.` `:` `)` become `a.` and `:)`.

    Where cases overlap the first is taken, and one that overlaps a case that was not taken is not taken either. Only
    cases that the rules for signs would cut are looked for.
    """
    into, joined, blocked = 0, 0, 0
    for first in range(count):
        end = ends[first]
        for last in range(min(first + LONGEST_CASE - 1, count - 1), first, -1):
            bits = special_at(data, begin, ends[last], cases)
            if bits and _has_signs(data, begin, ends[last], classes, cases):
                if first >= blocked and not is_cut(bits):  # a contraction is in its parts already
                    ends[into] = ends[last]
                    into, joined = into + 1, last + 1
                blocked = max(blocked, last + 1)
                break
        if first >= joined:
            ends[into] = end
            into += 1
        begin = end
    return into


@njit(cache=True, nogil=True)
def _has_signs(data: Any, start: Any, end: Any, classes: Any, cases: Any) -> Any:
    """Whether a rule for signs cuts something off or within."""
    if prefix_at(data, start, end, classes) or suffix_at(data, start, end, classes, cases):
        return True
    at = start
    while at < end:
        if infix_at(data, start, end, at, classes):
            return True
        at += width_of(data[at])
    return False


@njit(cache=True, nogil=True)
def split_by_classes(data: Any, start: Any, end: Any, classes: Any, ends: Any) -> Any:
    """As `split_chunk`, for any script: runs of letters, marks and numbers; ideographs and signs one by one."""
    count, at = 0, start
    while at < end:
        kind = class_at(data, at, classes)
        at += width_of(data[at])
        if kind & WORD and not kind & IDEOGRAPH:
            while at < end:
                kind = class_at(data, at, classes)
                if not kind & WORD or kind & IDEOGRAPH:
                    break
                at += width_of(data[at])
        ends[count] = at
        count += 1
    return count
