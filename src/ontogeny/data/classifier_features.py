"""Hashed n-grams of words and characters, and a linear model over them, in compiled passes.

A document is the set of its n-grams, each with the value 1 / sqrt(their number), so that length by itself says nothing.
N-grams are hashed into 2^bits buckets and never stored (Weinberger et al. 2009, arXiv:0902.2206). A word is a run of
letters and digits, ASCII in small letters; ideographs, kana and hangul count as a word each.

Training is logistic regression by AdaGrad (Duchi et al. 2011, JMLR 12, section 5.1's diagonal form) with L2 on what
an example touches; one example after another in a given order, so nothing depends on threads.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import numpy.typing as npt

from ontogeny.data.texts import Texts

START, PRIME, MIX = np.uint64(14695981039346656037), np.uint64(1099511628211), np.uint64(0x9E3779B97F4A7C15)
"""FNV-1a of 64 bits; and 2^64 over the golden ratio, which spreads its upper bits (Fibonacci hashing)."""

ADAGRAD_EPSILON = 1e-8
NO_BUCKETS, NO_SPANS = np.zeros(0, dtype=np.int32), np.zeros((0, 2), dtype=np.int64)
"""Where a pass is to write none."""


def find_features(
    texts: Texts, bits: int, chars: tuple[int, int]
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]:
    """The buckets of each text's n-grams, each once: text i has `buckets[offsets[i]:offsets[i + 1]]`.

    Args:
        bits: there are 2^bits buckets.
        chars: fewest and most bytes of n-grams within a word; (0, 0) for none.
    """
    buckets, offsets, _ = _features(texts, bits, chars, spans=False)
    return buckets, offsets


def find_spans(
    texts: Texts, bits: int, chars: tuple[int, int]
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """As `find_features`, and for each bucket of a text where the n-gram begins and ends in `texts.data`, (m, 2)."""
    return _features(texts, bits, chars, spans=True)


def _features(
    texts: Texts, bits: int, chars: tuple[int, int], *, spans: bool
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    offsets = np.zeros(len(texts) + 1, dtype=np.int64)
    weights = np.zeros(1 << bits, dtype=np.float32)
    _pass(texts.data, texts.offsets, bits, *chars, weights, NO_BUCKETS, NO_SPANS, offsets)
    np.cumsum(offsets, out=offsets)
    buckets = np.empty(offsets[-1], dtype=np.int32)
    places = np.empty((offsets[-1] if spans else 0, 2), dtype=np.int64)
    _pass(texts.data, texts.offsets, bits, *chars, weights, buckets, places, offsets)
    return buckets, offsets, places


def linear_scores(
    texts: Texts, weights: npt.NDArray[np.float32], bias: float, chars: tuple[int, int]
) -> npt.NDArray[np.float64]:
    """The model's log-odds for each text, (n,); `bias` alone where a text has no word."""
    bits = len(weights).bit_length() - 1
    counts = np.zeros(len(texts) + 1, dtype=np.int64)
    sums: npt.NDArray[np.float64] = _pass(
        texts.data, texts.offsets, bits, *chars, weights, NO_BUCKETS, NO_SPANS, counts
    )
    return bias + sums / np.sqrt(np.maximum(counts[1:], 1))


@numba.njit(cache=True, nogil=True)
def _pass(data, offsets, bits, shortest, longest, weights, buckets, spans, found) -> Any:  # type: ignore[no-untyped-def]
    """The summed weights of each text's n-grams; fills `buckets` at `found`; where it is empty, counts into `found`.

    Where `spans` is not empty, it gets the places of the same n-grams.
    """
    count = len(offsets) - 1
    sums = np.zeros(count, np.float64)
    seen = np.full(1 << bits, -1, np.int32)
    for text in range(count):
        at = found[text] if len(buckets) else -1
        sums[text], unique = _visit(
            data,
            offsets[text],
            offsets[text + 1],
            bits,
            shortest,
            longest,
            weights,
            seen,
            text,
            buckets,
            spans,
            at,
        )
        if not len(buckets):
            found[text + 1] = unique
    return sums


@numba.njit(cache=True, nogil=True)
def _visit(  # type: ignore[no-untyped-def]
    data, start, stop, bits, shortest, longest, weights, seen, text, buckets, spans, into
) -> Any:
    total, unique, at = 0.0, 0, start
    before, has_before, earlier = np.uint64(0), False, start
    while at < stop:
        if not _in_word(data[at]):
            at += 3 if data[at] == 0xE2 else 1
            continue
        begin, h = at, START
        if data[at] >= 0xE3:  # three or four bytes: ideographs, kana, hangul and what lies beyond
            h = _step(h, data[at])
            at += 1
            while at < stop and (data[at] & 0xC0) == 0x80:
                h = _step(h, data[at])
                at += 1
        else:
            while at < stop and _in_word(data[at]) and data[at] < 0xE3:
                h = _step(h, data[at])
                at += 1
        for order in range(2 if has_before else 1):
            value = h if order == 0 else (before * MIX) ^ h
            bucket = np.int64((value * MIX) >> np.uint64(64 - bits))
            if seen[bucket] != text:
                seen[bucket] = text
                total += weights[bucket]
                if into >= 0:
                    buckets[into + unique] = bucket
                    if len(spans):
                        spans[into + unique, 0], spans[into + unique, 1] = earlier if order else begin, at
                unique += 1
        before, has_before, earlier = h, True, begin
        if longest:
            for first in range(begin, at):
                if (data[first] & 0xC0) == 0x80:
                    continue
                g = MIX  # another start than words have
                for last in range(first, min(first + longest, at)):
                    g = _step(g, data[last])
                    if last - first + 1 >= shortest:
                        bucket = np.int64((g * MIX) >> np.uint64(64 - bits))
                        if seen[bucket] != text:
                            seen[bucket] = text
                            total += weights[bucket]
                            if into >= 0:
                                buckets[into + unique] = bucket
                                if len(spans):
                                    spans[into + unique, 0], spans[into + unique, 1] = first, last + 1
                            unique += 1
    return total, unique


@numba.njit(cache=True, nogil=True, inline="always")
def _in_word(byte) -> Any:  # type: ignore[no-untyped-def]
    """Letters and digits; 0xE2 begins U+2000 to U+2FFF, which are quotes, dashes and symbols."""
    return (
        (byte >= 128 and byte != 0xE2)
        or (byte >= 97 and byte <= 122)
        or (byte >= 65 and byte <= 90)
        or (byte >= 48 and byte <= 57)
    )


@numba.njit(cache=True, nogil=True, inline="always")
def _step(h, byte) -> Any:  # type: ignore[no-untyped-def]
    small = byte | np.uint8(32) if byte >= 65 and byte <= 90 else byte
    return (h ^ np.uint64(small)) * PRIME


@numba.njit(cache=True, nogil=True)
def fit(buckets, offsets, wanted, order, weights, squares, rate, decay, bias) -> Any:  # type: ignore[no-untyped-def]
    """One pass over the examples `order`; changes `weights` and `squares` (2^bits,) and `bias` (2,) in place.

    Args:
        wanted: (n,) float64, 1 for what is to score high, 0 for the rest.
        rate: AdaGrad's learning rate; `decay` the strength of L2.
        bias: the bias and its sum of squares.

    Returns:
        The mean log loss of the examples, each before it was learnt from.
    """
    loss = 0.0
    for example in order:
        first, last = offsets[example], offsets[example + 1]
        value = 1.0 / np.sqrt(max(last - first, 1))
        score = 0.0
        for k in range(first, last):
            score += weights[buckets[k]]
        score = score * value + bias[0]
        chance = 1.0 / (1.0 + np.exp(-score))
        slope = chance - wanted[example]
        loss -= np.log(max(chance if wanted[example] > 0.5 else 1.0 - chance, 1e-15))
        for k in range(first, last):
            bucket = buckets[k]
            g = slope * value + decay * weights[bucket]
            squares[bucket] += g * g
            weights[bucket] -= rate * g / (np.sqrt(squares[bucket]) + ADAGRAD_EPSILON)
        bias[1] += slope * slope
        bias[0] -= rate * slope / (np.sqrt(bias[1]) + ADAGRAD_EPSILON)
    return loss / max(len(order), 1)
