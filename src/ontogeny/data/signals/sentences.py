"""How many sentences a line holds, as spaCy's rule-based sentencizer counts them (compiled).

A sentence ends with a word that is nothing but `.`, `!`, `?` or another final sign; the next one begins with the first
word after it that is not punctuation. So a chunk without a final sign need not be split to be counted.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from ontogeny.data.signals.cases import special_at
from ontogeny.data.signals.characters import (
    ALPHA,
    DIGIT,
    HARD,
    LOWER,
    PUNCTUATION,
    SENTENCE_END,
    SPACE,
    SUFFIX,
)
from ontogeny.data.signals.reading import class_at, width_of
from ontogeny.data.signals.splitting import split_chunk

BLANK = 0x20


@njit(cache=True, nogil=True)
def count_sentences(data: Any, at: Any, stop: Any, classes: Any, cases: Any, ends: Any) -> Any:
    """Sentences of the line from `at` to `stop`, at least 1; `ends` is scratch, as long as the longest word."""
    sentences, ended, begun = 1, False, False
    while at < stop:
        if class_at(data, at, classes) & SPACE:
            first, start = data[at], at
            while at < stop and class_at(data, at, classes) & SPACE:
                at += width_of(data[at])
            # spaCy takes one blank between words for granted; any other space is a word, and no punctuation
            if ended and begun and (first != BLANK or at - start > 1):
                sentences, ended = sentences + 1, False
            continue
        begun, start, seen, body, every, last = True, at, np.int64(0), np.int64(0), np.int64(-1), at
        before_last = np.int64(0)
        kind = np.int64(0)
        while at < stop:
            following = class_at(data, at, classes)
            if following & SPACE:
                break
            before_last, kind, body, last = kind, following, seen, at
            seen |= kind
            every &= kind
            at += width_of(data[at])
        if not seen & SENTENCE_END:
            if ended and not every & PUNCTUATION:
                sentences, ended = sentences + 1, False
            continue
        plain = body & ALPHA and not body & (HARD | DIGIT | SENTENCE_END)
        signed = (kind & SUFFIX and data[last] < 0x80) or (data[last] == 0x2E and before_last & LOWER)
        if plain and signed and not special_at(data, start, at, cases):  # a word and one final sign
            sentences += ended
            ended = True
            continue
        pieces = split_chunk(data, start, at, classes, cases, ends)
        more, ended = _over_pieces(data, start, pieces, classes, ends, ended)
        sentences += more
    return sentences


@njit(cache=True, nogil=True)
def _over_pieces(data: Any, at: Any, pieces: Any, classes: Any, ends: Any, ended: Any) -> Any:
    """Sentences that begin in the words of one chunk, and whether the last one has ended."""
    more = 0
    for piece in range(pieces):
        end, every, start = ends[piece], np.int64(-1), at
        while at < end:
            every &= class_at(data, at, classes)
            at += width_of(data[at])
        final = every & SENTENCE_END and width_of(data[start]) == end - start
        if final:
            ended = True
        elif ended and not every & PUNCTUATION:
            more, ended = more + 1, False
    return more, ended
