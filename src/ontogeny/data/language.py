"""The language of a text, offline: fastText's lid.176 as a compiled pass over a bounded sample of each text.

The numbers are those of fastText itself on the same text (tests compare them), several times faster. Texts above
SAMPLE_BYTES are judged by WINDOWS pieces of equal length, spread from their beginning to their end, because more text
does not change the answer and a book would otherwise cost as much as a thousand pages. Line feeds count as spaces.

Not covered: texts in several languages get one answer; languages outside LANGUAGES get the nearest one, often with a
low score. Texts without any known word or n-gram get none, where fastText answers English with 0.12.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import numpy.typing as npt

from ontogeny.data.language_codes import LANGUAGES
from ontogeny.data.language_model import LanguageModel, carried_model, load_language_model
from ontogeny.data.texts import Texts

SAMPLE_BYTES = 16384
WINDOWS = 4
SEARCH_BYTES = 64
"""How far a window's edge may move to fall between words."""

REMEMBERED = 4096
"""Words whose rows are not added up anew, a power of two; most of any text is a few words over and over."""

FNV_PRIME, FNV_START = np.uint32(16777619), np.uint32(2166136261)
TINY = 1e-5
"""What fastText adds before it takes a logarithm."""


def detect_languages(
    texts: Texts, model: LanguageModel | None = None
) -> tuple[npt.NDArray[np.int16], npt.NDArray[np.float32]]:
    """The language of each of n texts.

    Args:
        model: lid.176.ftz as installed, unless another is given with labels among LANGUAGES.

    Returns:
        (n,) positions in LANGUAGES, -1 where there is nothing to tell by; and (n,) the model's probability of it.

    Raises:
        DataError: the model is not installed.
    """
    model = model or load_language_model(carried_model())
    best, score = _detect(
        texts.data,
        texts.offsets,
        model.rows,
        model.slots,
        model.word_bytes,
        model.word_offsets,
        model.buckets,
        model.line_end,
        model.inner,
        model.left,
        model.right,
        model.shortest,
        model.longest,
    )
    known = {code: number for number, code in enumerate(LANGUAGES)}
    position = np.array([*(known[label] for label in model.labels), -1], dtype=np.int16)
    return position[best], score


@numba.njit(cache=True, nogil=True)
def _detect(  # type: ignore[no-untyped-def]
    data,
    offsets,
    rows,
    slots,
    word_bytes,
    word_offsets,
    buckets,
    line_end,
    inner,
    left,
    right,
    shortest,
    longest,
) -> Any:
    count, n_labels = len(offsets) - 1, len(inner) + 1
    best, score = np.full(count, -1, np.int16), np.zeros(count, np.float32)
    hidden = np.zeros(rows.shape[1], np.float32)
    word = np.zeros(SAMPLE_BYTES + SEARCH_BYTES + 2, np.uint8)
    # Words seen lately: where they stand, the sum of their rows, and of how many. A word's rows are always added up by
    # themselves, so that remembering it changes nothing.
    places, sums = np.zeros((REMEMBERED, 2), np.int64), np.zeros((REMEMBERED, rows.shape[1]), np.float32)
    counts = np.zeros(REMEMBERED, np.int64)
    chances = np.zeros(2 * n_labels - 1, np.float32)
    for text in range(count):
        begin, end = offsets[text], offsets[text + 1]
        hidden[:] = 0
        added = 0
        windows = WINDOWS if end - begin > SAMPLE_BYTES else 1
        width = SAMPLE_BYTES // WINDOWS if windows > 1 else end - begin
        for window in range(windows):
            start, stop = begin, end
            if windows > 1:
                start = begin + (end - begin - width) * window // (windows - 1)
                stop = _between_words(data, start + width, end)
                start = _between_words(data, start, end) if window else start
            table = (rows, slots, word_bytes, word_offsets, buckets, shortest, longest)
            added += _add_words(data, start, stop, table, word, places, sums, counts, hidden)
        if added == 0:
            continue
        if line_end >= 0:
            hidden += rows[line_end]
            added += 1
        hidden *= np.float32(1.0 / added)
        best[text], score[text] = _likeliest(hidden, inner, left, right, chances)
    return best, score


@numba.njit(cache=True, nogil=True)
def _add_words(data, at, stop, table, word, places, sums, counts, hidden) -> Any:  # type: ignore[no-untyped-def]
    """Add the rows of the words from `at` to `stop` to `hidden`; how many they were."""
    added = 0
    while at < stop:
        if _is_space(data[at]):
            at += 1
            continue
        begins, h = at, FNV_START
        while at < stop and not _is_space(data[at]):
            h = _step(h, data[at])
            at += 1
        slot = np.int64(h) & (REMEMBERED - 1)
        if not _same(data, begins, at, places[slot, 0], places[slot, 1]):
            sums[slot] = 0
            counts[slot] = _add_word(data, begins, at, h, table, word, sums[slot])
            places[slot, 0], places[slot, 1] = begins, at
        added += counts[slot]
        for d in range(len(hidden)):
            hidden[d] += sums[slot, d]
    return added


@numba.njit(cache=True, nogil=True)
def _between_words(data, at, end) -> Any:  # type: ignore[no-untyped-def]
    """The next space after `at`, or where there is none nearby, the next beginning of a character."""
    for ahead in range(at, min(at + SEARCH_BYTES, end)):
        if data[ahead] <= 32:
            return ahead
    while at < end and (data[at] & 0xC0) == 0x80:
        at += 1
    return min(at, end)


@numba.njit(cache=True, nogil=True, inline="always")
def _is_space(byte) -> Any:  # type: ignore[no-untyped-def]
    return byte == 32 or (byte >= 9 and byte <= 13) or byte == 0


@numba.njit(cache=True, nogil=True)
def _same(data, begin, end, other_begin, other_end) -> Any:  # type: ignore[no-untyped-def]
    if end - begin != other_end - other_begin:
        return False
    alike = 0
    while alike < end - begin and data[begin + alike] == data[other_begin + alike]:
        alike += 1
    return alike == end - begin


@numba.njit(cache=True, nogil=True)
def _add_word(  # type: ignore[no-untyped-def]
    data, begin, end, h, table, word, total
) -> Any:
    """Add the row of a word whose hash is `h`, and of its n-grams, to `total`; how many they were."""
    rows, slots, word_bytes, word_offsets, buckets, shortest, longest = table
    size = end - begin + 1
    word[0] = 60  # <, fastText's mark of a word's beginning
    word[1:size] = data[begin:end]
    word[size] = 62  # >, of its end
    added, known = 0, _find(h, word, size, slots, word_bytes, word_offsets)
    if known >= 0:
        total += rows[known]
        added += 1
    return added + _add_ngrams(word, size + 1, rows, buckets, shortest, longest, total)


@numba.njit(cache=True, nogil=True, inline="always")
def _step(h, byte) -> Any:  # type: ignore[no-untyped-def]
    signed = np.uint32(byte) if byte < 128 else np.uint32(byte) | np.uint32(0xFFFFFF00)
    return np.uint32(np.uint32(h ^ signed) * FNV_PRIME)


@numba.njit(cache=True, nogil=True)
def _find(h, word, size, slots, word_bytes, word_offsets) -> Any:  # type: ignore[no-untyped-def]
    """The id of `word[1:size]`, whose hash is `h`, or -1."""
    mask = len(slots) - 1
    slot = np.int64(h) & mask
    while slots[slot] >= 0:
        known = slots[slot]
        begin = word_offsets[known]
        if word_offsets[known + 1] - begin == size - 1:
            same = True
            for k in range(size - 1):
                if word_bytes[begin + k] != word[k + 1]:
                    same = False
                    break
            if same:
                return known
        slot = (slot + 1) & mask
    return -1


@numba.njit(cache=True, nogil=True)
def _add_ngrams(word, size, rows, buckets, shortest, longest, hidden) -> Any:  # type: ignore[no-untyped-def]
    """The n-grams of `word[:size]`, its marks included; fastText's computeSubwords."""
    added, n_buckets, dim = 0, np.uint32(len(buckets)), rows.shape[1]
    for i in range(size):
        if (word[i] & 0xC0) == 0x80:
            continue
        j, chars, h = i, 0, FNV_START
        while j < size and chars < longest:
            h = _step(h, word[j])
            j += 1
            while j < size and (word[j] & 0xC0) == 0x80:
                h = _step(h, word[j])
                j += 1
            chars += 1
            if chars >= shortest and not (chars == 1 and (i == 0 or j == size)):
                row = buckets[h % n_buckets]
                if row >= 0:
                    for d in range(dim):
                        hidden[d] += rows[row, d]
                    added += 1
    return added


@numba.njit(cache=True, nogil=True)
def _likeliest(hidden, inner, left, right, chances) -> Any:  # type: ignore[no-untyped-def]
    """The label with the highest probability down the tree, and that probability."""
    n_labels = len(inner) + 1
    chances[2 * n_labels - 2] = 0
    for node in range(n_labels - 2, -1, -1):  # parents come after their children
        f = np.float32(0)
        for d in range(len(hidden)):
            f += hidden[d] * inner[node, d]
        f = np.float32(1.0 / (1.0 + np.exp(-f)))
        above = chances[n_labels + node]
        chances[left[node]] = above + np.log(1.0 - f + TINY)
        chances[right[node]] = above + np.log(f + TINY)
    top = 0
    for label in range(1, n_labels):
        if chances[label] > chances[top]:
            top = label
    return np.int16(top), np.float32(np.exp(chances[top]))
