"""The closer look: how much of an item stands together at one place of a document, and whether its answer is near.

An n-gram that a document shares with an item says where in the document the item would begin. Around that place the
trigrams of the item are counted. Boilerplate that an item happens to share brings an n-gram and little else; a copy
with every tenth word edited still has three quarters of its trigrams.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from numba import njit

from ontogeny.data.decontaminate.index import (
    NEAR_N_GRAM,
    SHORT_QUESTION,
    Entry,
    Int32s,
    OverlapIndex,
    UInt64s,
    find_hits,
    located_words,
    n_grams,
    words_in,
)

SLACK_WORDS, SLACK_SHARE = 4, 4
"""An item may be longer in the document than in its suite by 4 words and a quarter: labels, edits, markup."""
ANSWER_WORDS = 100
"""How far behind a question its answer is looked for: four listed choices of twenty words, and some markup."""
ANSWER_SHARE = 0.6
"""Of the trigrams of a long answer; shorter ones than SHORT_QUESTION words must stand as they are."""
TELLING_ANSWER = 2
"""Words from which on an answer nearby says something: "no" stands near everything."""
MAX_PLACES = 64
"""Places of a document that are looked at for one item."""


@dataclass(frozen=True, eq=False)
class Match:
    """A text of an item found in a document: the n-grams (h,) that led there, the share of its trigrams at the best
    place, whether an answer stands near, and whether it is one that says something.
    """

    entry: int
    grams: Int32s
    share: float
    answer: bool
    telling: bool


def matches_in(data: npt.NDArray[np.uint8], start: int, end: int, index: OverlapIndex) -> list[Match]:
    """What of the index is in the document `data[start:end]`, in the order of entries."""
    words = words_in(data, start, end)
    gram, at = find_hits(words, index.lengths, index.keys, index.slots, index.bitmap)
    if not len(gram):
        return []
    near = n_grams(words, NEAR_N_GRAM)
    counts = index.first[gram + 1] - index.first[gram]
    within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    leads = np.repeat(index.first[gram], counts) + within
    entry, begin = index.entry[leads], np.repeat(at, counts) - index.place[leads]
    gram = np.repeat(gram, counts)
    order = np.argsort(entry, kind="stable")
    bounds = np.flatnonzero(np.diff(entry[order], prepend=-1, append=-1))
    found = []
    for here in (order[a:b] for a, b in pairwise(bounds)):
        number = int(entry[here[0]])
        share, place = _best_place(index.entries[number], near, np.unique(begin[here]))
        answers = _answers_near(index, index.entries[number], words, near, place)
        telling = any(len(answer) >= TELLING_ANSWER for answer in answers)
        found.append(Match(number, np.unique(gram[here]), share, bool(answers), telling))
    return found


def span_in(data: npt.NDArray[np.uint8], start: int, end: int, entries: Sequence[Entry]) -> tuple[int, int]:
    """The bytes of `data[start:end]` where most of one of `entries` stands together; nothing where none does."""
    words, starts, ends = located_words(data, start, end)
    near = n_grams(words, NEAR_N_GRAM)
    most, span = 0, (start, start)
    for entry in entries:
        met = np.flatnonzero(np.isin(near, entry.near))
        length = len(entry.words) + SLACK_WORDS + len(entry.words) // SLACK_SHARE
        last = np.searchsorted(met, met + length) - 1  # for each trigram met, the last one in its window
        counts = last - np.arange(len(met)) + 1
        if len(met) and counts.max() > most:
            first = int(counts.argmax())
            most = int(counts[first])
            span = int(starts[met[first]]), int(ends[met[last[first]] + NEAR_N_GRAM - 1])
    return span


def _best_place(entry: Entry, near: UInt64s, begins: npt.NDArray[np.int32]) -> tuple[float, int]:
    """The largest share of the entry's trigrams around any of `begins` (sorted), and that place."""
    length = len(entry.words)
    slack = SLACK_WORDS + length // SLACK_SHARE
    best, place, tried, last = -1.0, 0, 0, -(1 << 30)
    for begin in begins.tolist():
        if begin - last <= slack // 2:  # a window that is nearly the last one
            continue
        share = _share(near, max(begin - slack, 0), begin + length + slack, entry.near)
        last, tried = begin, tried + 1
        if share > best:
            best, place = share, begin
        if tried == MAX_PLACES or best == 1.0:
            break
    return best, place


@njit(cache=True, nogil=True)
def _share(near: npt.NDArray[np.uint64], start: int, end: int, wanted: npt.NDArray[np.uint64]) -> float:
    """The share of `wanted` (k,), sorted, that is among `near[start:end]`."""
    met = np.zeros(len(wanted), dtype=np.bool_)
    for position in range(start, min(end, len(near))):
        place = np.searchsorted(wanted, near[position])
        if place < len(wanted) and wanted[place] == near[position]:
            met[place] = True
    return float(met.sum() / max(len(wanted), 1))


def _answers_near(
    index: OverlapIndex, entry: Entry, words: UInt64s, near: UInt64s, place: int
) -> list[UInt64s]:
    """Those answers of the entry's item that stand in it or behind it."""
    start = max(place, 0)
    end = place + len(entry.words) + ANSWER_WORDS
    found = []
    for answer in index.answers[entry.item]:
        if len(answer) < SHORT_QUESTION:
            stands = _stands(words, start, end, answer)
        else:
            wanted = np.unique(n_grams(answer, NEAR_N_GRAM))
            stands = _share(near, start, end + len(answer), wanted) >= ANSWER_SHARE
        if stands:
            found.append(answer)
    return found


@njit(cache=True, nogil=True)
def _stands(words: npt.NDArray[np.uint64], start: int, end: int, wanted: npt.NDArray[np.uint64]) -> bool:
    """Whether `wanted` stands in `words[start:end]` as it is."""
    for position in range(start, min(end, len(words)) - len(wanted) + 1):
        same = True
        for number in range(len(wanted)):
            if words[position + number] != wanted[number]:
                same = False
                break
        if same:
            return True
    return False
